"""Points of two backends of the metrics do not stand in one table."""

from jpegai_bench.codecs.shipped_points import shipped_runs
from jpegai_bench.report.gather.codec_points import Conditions, codec_runs, fitting, why_not
from jpegai_bench.store.store import Store


def test_what_ships_is_not_taken_under_piq(tmp_path):
    images = next(run["images"] for run, folder in shipped_runs() if folder.parts[-2:] == ("vvc", "kodak"))
    runs = codec_runs(Store(tmp_path))
    own, piq = (Conditions("kodak", images, metrics) for metrics in ({"torch": "1"}, {"piq": "0.8.0"}))
    assert "vvc" in fitting(runs, own)
    assert fitting(runs, piq) == {}
    assert "backend" in why_not(runs, "vvc", piq)
