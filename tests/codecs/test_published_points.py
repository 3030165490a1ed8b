"""JPEG AI's own VVC points: an anchor for those who own its test set, found by name and size."""

import numpy as np
import pytest
from command import bench
from PIL import Image

from jpegai_bench.analysis.statistics import summarize
from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.shipped_points import SHIPPED, shipped_points
from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load
from jpegai_bench.store.store import read_points

NAMES = ("00030_TE_560x888_8bit_sRGB", "00043_TE_945x840_8bit_sRGB")


@pytest.fixture(scope="module")
def vtm():
    from omegaconf import OmegaConf

    return codec_of(
        "jpegai_vtm", OmegaConf.to_container(OmegaConf.load(CONF / "anchor/jpegai_vtm.yaml"))["jpegai_vtm"]
    )


def pictures(folder, sizes):
    folder.mkdir()
    for name, (width, height) in zip(NAMES, sizes, strict=True):
        Image.fromarray(np.full((height, width, 3), 90, dtype=np.uint8)).save(folder / f"{name}.png")
    return load("folder", folder)


def test_points_are_found_by_name_and_size(vtm, tmp_path):
    found = shipped_points(vtm, pictures(tmp_path / "set", [(560, 888), (945, 840)]))
    assert found is not None
    assert sorted(set(found.points["image"])) == sorted(NAMES)
    assert len(found.points) == 2 * 5


def test_another_size_is_another_picture(vtm, tmp_path):
    assert shipped_points(vtm, pictures(tmp_path / "set", [(560, 888), (945, 841)])) is None
    with pytest.raises(BenchError, match="nothing can be coded"):
        vtm.check()


def test_all_fifty_pictures_rise_with_the_rate():
    points = read_points(SHIPPED / "jpegai_vtm/jpegai-test/points.csv")
    assert points["image"].nunique() == 50
    for _, curve in points.sort_values("target_bpp").groupby("image"):
        assert curve["bpp"].is_monotonic_increasing
        assert curve["ms_ssim"].is_monotonic_increasing


def test_a_tenth_less_rate_is_minus_ten_percent_with_the_frameworks_hvs():
    points = read_points(SHIPPED / "jpegai_vtm/jpegai-test/points.csv")
    better = points.assign(bpp=0.9 * points["bpp"])
    hvs = summarize(points, better, "hvs", "pchip", 10, 0)
    assert hvs.average.mean == pytest.approx(-10, abs=1e-9)
    other = summarize(points, better, "hvs_m", "pchip", 10, 0)
    assert np.isnan(other.average.mean)
    assert "metrics.hvs=hvs" in other.reason


def test_on_other_pictures_it_says_what_it_is(tmp_path):
    done = bench("anchor", "codec=jpegai_vtm", "dataset=sample", cwd=tmp_path)
    assert done.code == 1
    assert "points of jpegai-test alone" in done.err
