"""The anchor points that ship with the package are what the installed encoder and metrics give today."""

import json

import pytest
from omegaconf import OmegaConf

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.shipped_points import SHIPPED, shipped_points
from jpegai_bench.config.folders import CONF
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.measure import measure
from jpegai_bench.store.store import read_points

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


RISING = ("jpeg", "jpeg_ijg", "jpeg2000", "jpeg2000_53", "webp", "avif")
CODECS = (*RISING, "av1", "av1_444", "hevc", "hevc_444", "jpegxl", "vvc")


@pytest.mark.parametrize("dataset", ["sample", "kodak"])
@pytest.mark.parametrize("name", CODECS)
def test_every_shipped_image_has_every_rate_and_its_curve_rises(name, dataset):
    node = OmegaConf.to_container(OmegaConf.load(CONF / "anchor" / f"{name}.yaml"))[name]
    codec = codec_of(name, node)
    folder = SHIPPED / name / dataset
    manifest = json.loads((folder / "run.json").read_text())
    assert {key: manifest["codec"][key] for key in ("codec", "settings")} == {
        key: codec.fingerprint()[key] for key in ("codec", "settings")
    }
    assert manifest["note"].split(",")[1].strip()[:5] == codec.chroma
    assert not {"host", "pid"} & manifest.keys()
    points = read_points(folder / "points.csv")
    assert set(points["image"]) == set(manifest["images"])
    shipped = [name for name in NAMES if name in points]  # a later metric has no column yet
    assert len(shipped) >= 12
    assert not points[shipped].isna().any(axis=None)
    for _, curve in points.groupby("image"):
        curve = curve.sort_values("quality", ascending=name in RISING)
        assert sorted(curve["quality"]) == sorted(codec.qualities)
        assert (curve["bpp"].diff().dropna() > 0).all()
        assert curve["psnr_y"].is_monotonic_increasing
        assert curve["bpp"].iloc[-1] > 1.0


def test_a_video_codec_covers_006_bpp_on_every_kodak_photograph():
    for name in ("vvc", "hevc", "hevc_444", "av1", "av1_444"):
        points = read_points(SHIPPED / name / "kodak" / "points.csv")
        assert points.groupby("image")["bpp"].min().max() < 0.06, name
