"""`metrics.only`: what is not asked for is not computed, and points with fewer metrics are completed."""

import json

import pytest
from command import RUN, bench, fails, manifests, photographs, settings, several
from messages import says

from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.codecs.rates import of_qualities
from jpegai_bench.errors import UsageError
from jpegai_bench.images import datasets
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.runner.evaluate import evaluate
from jpegai_bench.runner.work_plan import plan
from jpegai_bench.store.store import Store

TWO = ("ms_ssim", "psnr_rgb")


@pytest.fixture
def measure(tmp_path):
    folder, store = photographs(tmp_path / "photos"), Store(tmp_path / "results")

    def run(*asked):
        images = datasets.load("folder", folder).images
        work = plan(Pillow("jpeg"), images, of_qualities((20, 60)), {}, store, asked=asked or NAMES)
        return evaluate(work, 1, lambda _: None)

    return run


def units(folder):
    return [path for path in folder.glob("results/units/*/*.json") if "bpp" in path.read_text()]


def rewritten(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_is_not_asked_for_is_not_computed(tmp_path, measure):
    evaluation = measure(*TWO)
    assert evaluation.computed == len(units(tmp_path)) == 4
    for path in units(tmp_path):
        assert set(NAMES) & json.loads(path.read_text()).keys() == set(TWO)
    assert evaluation.points[list(TWO)].notna().all(axis=None)
    assert evaluation.points[[name for name in NAMES if name not in TWO]].isna().all(axis=None)
    assert {case["metric"] for case in evaluation.not_applicable} <= set(TWO)
    assert not evaluation.failures


def test_a_point_is_completed_by_what_it_lacks_alone(tmp_path, measure):
    measure(*TWO)
    for path in units(tmp_path):
        rewritten(path, psnr_rgb=12.5)
    more = measure("psnr_rgb", "psnr_y")
    assert more.computed == 4
    assert set(more.points["psnr_rgb"]) == {12.5}
    assert all(20 < value < 50 for value in more.points["psnr_y"])
    assert all(0.5 < json.loads(path.read_text())["ms_ssim"] < 1 for path in units(tmp_path))
    assert measure("ms_ssim", "psnr_y").computed == 0


def test_all_that_is_asked_for_is_measured_where_the_bits_are_others(tmp_path, measure):
    measure("psnr_rgb")
    for path in units(tmp_path):
        rewritten(path, psnr_rgb=12.5, bpp=1.0)
    again = measure(*TWO)
    assert 12.5 not in set(again.points["psnr_rgb"])
    assert 1.0 not in set(again.points["bpp"])


def test_a_whole_point_serves_who_asks_for_less(measure):
    whole = measure()
    part = measure(*TWO)
    assert part.computed == 0
    assert part.points[list(TWO)].equals(whole.points[list(TWO)])
    assert part.points["fsim"].isna().all()


def test_a_run_says_what_it_was_asked_for_and_another_adds_to_it(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    few = ("qualities=[0,4]", "anchor.jpeg.qualities=[10,60]")
    words = ("run", *RUN, *few, f"weights={tiny_weights}", "dataset.limit=1", "workers=1")
    first = bench(*words, "+variant=base", f"metrics.only=[{','.join(TWO)}]", cwd=tmp_path)
    assert first.code == 0, first.err
    assert says(first.out, "MS-SSIM", "PSNR-RGB")
    assert says(first.out, "not asked for", "FSIM", "PSNR-HVS-M")
    assert not says(first.out, "not measured")
    assert manifests(tmp_path / "results")["base"]["metrics_only"] == list(TWO)
    assert says(bench("list", "runs", cwd=tmp_path).out, "base", "by MS-SSIM, PSNR-RGB alone")
    [points] = tmp_path.glob("results/runs/base/*/points.csv")
    more = bench(*words, "+variant=base", cwd=tmp_path)
    assert says(more.err, "further metrics", "fsim")
    assert "not asked for" not in more.out
    runs = [path for path in tmp_path.glob("results/runs/base/*") if path != points.parent]
    assert [json.loads((run / "run.json").read_text()).get("metrics_only") for run in runs] == [None]
    beside = bench(*words, "+variant=combined", f"metrics.only=[{','.join(TWO)}]", cwd=tmp_path)
    assert "Metrics that were asked for: MS-SSIM, PSNR-RGB" in " ".join(beside.out.split())
    sheet = (tmp_path / "results/tables/photos-small-results.csv").read_text().splitlines()
    assert sheet[0].count("psnr_rgb_bd_rate") == 1
    assert "fsim" not in sheet[0]
    assert {line.partition(",")[0] for line in sheet[1:]} == {"base", "combined"}
    alone = bench("tables", "metrics.only=[psnr_y]", "format=csv", cwd=tmp_path)
    assert [line.partition(",")[0] for line in alone.out.splitlines()[1:]] == ["base"]
    last = bench("tables", "metrics.only=[psnr_y]", cwd=tmp_path)
    assert "Left out is what was measured without PSNR-Y: combined" in " ".join(last.out.split())
    page = bench("report", cwd=tmp_path)
    assert page.code == 0, page.err
    assert "others were not asked for" in (tmp_path / "results/report/index.html").read_text()
    rest = bench(*words, "+variant=base", cwd=tmp_path)
    text = " ".join(rest.out.split())
    assert "Left out is what was measured without" in text
    assert "metrics.only=[ms_ssim,psnr_rgb] shows both): combined" in text
    [table] = several(["tables", "metrics.only=[ms_ssim,psnr_rgb]"], cwd=tmp_path)
    assert "Left out" not in table.out


def test_wrong_names_are_told_with_the_right_ones(tmp_path):
    with pytest.raises(UsageError, match=r"metrics.only.*'ssim'.*ms_ssim, fsim"):
        settings("metrics.only=[ssim]")
    fails(bench("run", "metrics.only=[]", cwd=tmp_path), "metrics.only", code=2)
    fails(bench("anchor", "codec=jpeg", "metrics.only=vmaf", cwd=tmp_path), "metrics.only=[", code=2)
    fails(bench("metrics", "a", "b", "only=[vmaf]", "metrics.only=[vmaf]", cwd=tmp_path), "only", code=2)
    assert settings("metrics.only=[psnr_rgb,ms_ssim]").metrics.asked == TWO
    assert settings().metrics.asked == NAMES


def test_metrics_that_no_run_has_are_named_with_what_measures_them(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    words = (*RUN, f"weights={tiny_weights}", "dataset.limit=1", "workers=1")
    measured = bench("run", "+variant=base", *words, "metrics.only=[psnr_y]", cwd=tmp_path)
    assert measured.code == 0, measured.err
    fit, others = several(["tables", "metrics.only=[vmaf,psnr_y]"], ["tables", "dataset=kodak"], cwd=tmp_path)
    fails(fit, "metrics.only=[vmaf,psnr_y]: vmaf of base on photos", "dataset.path=photos", "[vmaf,psnr_y]'")
    assert "'metrics.only=[psnr_y]'" not in fit.err
    fails(others, "no finished run that fits", "run +variant=combined dataset=kodak")
