"""The largest image of the JPEG AI test set passes in bounded memory, with the same value."""

import json
import subprocess
import sys

import numpy as np
import pytest
from photographs import jpeg, photograph, scores

from jpegai_bench.metrics import measure as measuring
from jpegai_bench.metrics.measure import Reference

MEASURE = """
import json, resource, sys
import numpy as np
from jpegai_bench.metrics.measure import measure
reference, distorted = (np.load(path) for path in sys.argv[1:])
scores = measure(reference, distorted, threads=2)
assert not scores.reasons, scores.reasons
most = [resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"values": scores.values, "gib": most}))
"""


def tiled(name: str, quality: int | None, height: int, width: int) -> np.ndarray:
    picture = photograph(name) if quality is None else jpeg(name, quality)
    across, down = -(-width // picture.shape[1]), -(-height // picture.shape[0])
    return np.tile(picture, (down, across, 1))[:height, :width].copy()


def test_a_reference_that_keeps_nothing_gives_the_same_values(monkeypatch) -> None:
    expected = scores("even crop", 30).values
    monkeypatch.setattr(measuring, "KEEP_PIXELS", 0)
    reference = Reference(photograph("even crop"))
    assert [reference.compare(jpeg("even crop", 30)).values for _ in range(2)] == [expected] * 2


@pytest.mark.slow
def test_8160x6120_in_under_12_gib_with_the_libraries_ms_ssim(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    from pytorch_msssim import ms_ssim

    paths = [tmp_path / "reference.npy", tmp_path / "distorted.npy"]
    for path, quality in zip(paths, (None, 30), strict=True):
        np.save(path, tiled("coffee", quality, 6120, 8160))
    done = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert sum(found["gib"]) < 12, found

    planes = (measuring.planes_of(np.load(path)).yuv10[0].astype(np.float64) for path in reversed(paths))
    expected = ms_ssim(*(torch.from_numpy(plane)[None, None] for plane in planes), data_range=1023).item()
    assert found["values"]["ms_ssim"] == pytest.approx(expected, abs=1e-9)
