"""The anchor points that ship with the package are what the installed encoder and metrics give today."""

import json

import pytest

from jpegai_bench.anchors import SHIPPED, codec_of, shipped_points
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.measure import measure

QP = 42.0


def vvc(**settings):
    return codec_of("vvc", {"_target_": "jpegai_bench.codecs.video.Video", "format": "vvc", **settings})


@pytest.fixture(scope="module")
def chelsea():
    return next(image for image in load("sample").images if image.name == "chelsea")


def test_shipped_points_come_out_again(chelsea):
    codec = vvc(qualities=[QP])
    found = shipped_points(codec, Dataset("sample", (chelsea,)))
    if found is None:
        pytest.skip("chelsea decodes to other pixels than those that were measured")
    if found.manifest["codec"]["encoder"] != codec.fingerprint()["encoder"]:
        pytest.skip("another version of vvenc is installed")
    row = found.points.iloc[0]
    image = chelsea.read()
    encoded = codec.encode(image, QP)
    assert 8 * len(encoded.data) / (row.width * row.height) == pytest.approx(row.bpp, rel=1e-12)
    values = measure(image, codec.decode(encoded.data)).values
    for name in NAMES:
        assert values[name] == pytest.approx(row[name], rel=1e-5), name


def test_shipped_points_are_found_by_pixels_and_renamed(chelsea):
    codec = vvc()
    renamed = type(chelsea)("cat", chelsea.path)
    found = shipped_points(codec, Dataset("mine", (renamed,)))
    assert found is not None
    assert set(found.points["image"]) == {"cat"}
    assert len(found.points) == len(codec.qualities)


def test_another_preset_or_rate_is_not_served_from_what_ships(chelsea):
    dataset = Dataset("sample", (chelsea,))
    assert shipped_points(vvc(preset="faster"), dataset) is None
    assert shipped_points(vvc(qualities=[41.0]), dataset) is None


@pytest.mark.parametrize("dataset", ["sample", "kodak"])
def test_every_shipped_image_has_every_rate_and_the_curve_falls_with_qp(dataset):
    folder = SHIPPED / "vvc" / dataset
    manifest = json.loads((folder / "run.json").read_text())
    points = shipped_rows(folder)
    assert set(points["image"]) == set(manifest["images"])
    for _, curve in points.sort_values("quality").groupby("image"):
        assert len(curve) == 7
        assert curve["bpp"].is_monotonic_decreasing
        assert curve["ms_ssim"].is_monotonic_decreasing
        assert curve["nlpd"].is_monotonic_increasing


def shipped_rows(folder):
    from jpegai_bench.store import read_points

    return read_points(folder / "points.csv")
