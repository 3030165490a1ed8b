import io

import matplotlib
import numpy as np
import pytest
from messages import says
from PIL import Image
from synthetic import points

from jpegai_bench.analysis.bdfiles import bd_table
from jpegai_bench.analysis.bdtable import Options
from jpegai_bench.analysis.rdpoints import RDPoints
from jpegai_bench.errors import BenchError
from jpegai_bench.report.plots.bd_plot import bd_plot_data, write_bd_plot

SHOWN = ("ms_ssim", "nlpd", "psnr_y")
GREEN, ORANGE = (0.0, 0.62, 0.45), (0.84, 0.37, 0.0)


def read(factor=1.0, images=3, metrics=SHOWN, path="points.csv", **columns):
    frame = points(factor, images=images)[["image", "quality", "bpp", *metrics]].assign(**columns)
    return RDPoints(path, frame, metrics, "quality")


def table(anchor, test, **options):
    return bd_table(anchor, test, Options(**options))


def share(path, colour):
    """Of the pixels, how many have the shading's colour: a tenth to two thirds of it on white."""
    pixels = np.asarray(Image.open(path).convert("RGB"), float) / 255
    tint = 1 - 0.35 * (1 - np.array(colour))
    return float((np.abs(pixels - tint).max(axis=2) < 0.03).mean())


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_equal_input_gives_equal_bytes(tmp_path, suffix):
    shown = ("nlpd", "psnr_y")
    compared = table(read(metrics=shown), read(0.8, metrics=shown))
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for file in files:
        write_bd_plot(compared, file)
        matplotlib.rcParams["lines.linewidth"] = 7  # whatever the user's own settings are
    matplotlib.rcdefaults()
    assert files[0].read_bytes() == files[1].read_bytes()
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert files[0].read_bytes().startswith(start)


def test_less_rate_is_shaded_green_and_more_rate_orange(tmp_path):
    for name, factor in (("less", 0.7), ("more", 1.4), ("same", 1.0)):
        write_bd_plot(
            table(read(metrics=("psnr_y",)), read(factor, metrics=("psnr_y",))), tmp_path / f"{name}.png"
        )
    assert share(tmp_path / "less.png", GREEN) > 0.01 > share(tmp_path / "less.png", ORANGE)
    assert share(tmp_path / "more.png", ORANGE) > 0.01 > share(tmp_path / "more.png", GREEN)
    assert share(tmp_path / "same.png", GREEN) < 0.001 > share(tmp_path / "same.png", ORANGE)


def test_the_area_is_what_bd_rate_integrates():
    [panel] = bd_plot_data(table(read(metrics=("nlpd",)), read(0.8, metrics=("nlpd",))))["panels"]
    anchor, test = np.log10(panel["area"]["rates"])
    scores = np.array(panel["area"]["scores"])
    mean = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
    exponent = mean(test - anchor, scores) / (scores[-1] - scores[0])
    assert 100 * (10**exponent - 1) == pytest.approx(panel["bd_rate"], abs=1e-6)
    assert panel["axis"] == "NLPD, lower is better"


def test_curves_of_several_images_are_their_means_and_one_image_is_itself():
    frame = read().frame.groupby("quality")[["bpp", "psnr_y"]].mean()
    panel = bd_plot_data(table(read(), read(0.8)))["panels"][-1]
    assert panel["points"][0] == pytest.approx(frame.to_numpy())
    assert panel["images"] == 3
    one = bd_plot_data(table(read(images=1), read(0.8, images=1)))
    assert one["title"] == "BD-rate, PCHIP"
    assert one["panels"][0]["points"][0] == pytest.approx(read(images=1).frame[["bpp", "ms_ssim"]].to_numpy())


def test_only_points_within_the_range_are_drawn():
    for images in (1, 3):
        compared = table(read(images=images), read(0.9, images=images), bpp_range=(0.1, 1))
        assert len(bd_plot_data(compared)["panels"][0]["points"][0]) == 4


def test_curves_without_a_bd_rate_are_drawn_with_the_reason_and_without_an_area(tmp_path):
    test = read()
    frame = test.frame.copy()
    frame.loc[frame.quality == 2, "ms_ssim"] = 0.1
    frame["nlpd"] = frame.nlpd - 10
    frame.loc[frame.quality == 2, "psnr_y"] = np.nan
    compared = table(read(), RDPoints("test.csv", frame, SHOWN, "quality"))
    write_bd_plot(compared, tmp_path / "bad.png")
    ms_ssim, nlpd, psnr = bd_plot_data(compared)["panels"]
    assert [panel["area"] for panel in (ms_ssim, nlpd, psnr)] == [None] * 3
    assert ms_ssim["reason"] == "test: not strictly monotonic"
    assert nlpd["reason"] == "no overlap in quality"
    assert says(psnr["reason"], "test: ", "not finite")
    assert len(ms_ssim["points"][1]) == 5


def test_a_metric_of_one_file_only_has_no_panel():
    compared = table(read(), read(metrics=("nlpd",)))
    assert [panel["label"] for panel in bd_plot_data(compared)["panels"]] == ["NLPD"]


def test_a_figure_of_one_metric_and_of_many_is_of_readable_size(tmp_path):
    names = ("ms_ssim", "fsim", "nlpd", "iw_ssim", "vmaf", "vif", "psnr_hvs_m", "psnr_y", "psnr_u")
    for shown in (names[:1], names[:2], names):
        write_bd_plot(table(read(metrics=shown), read(0.8, metrics=shown)), tmp_path / "x.png")
        width, height = Image.open(io.BytesIO((tmp_path / "x.png").read_bytes())).size
        assert 900 <= width <= 1700
        assert 500 <= height <= 1700


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    same = read(metrics=("psnr_y",))
    with pytest.raises(BenchError, match="cannot be written"):
        write_bd_plot(table(same, same), tmp_path / "nowhere" / "x.png")
