import doctest
import math
from pathlib import Path

import bjontegaard
import numpy as np
import pandas as pd
import pytest
from messages import refused, says

from jpegai_bench.analysis import bdfiles
from jpegai_bench.analysis.bdfiles import bd_table
from jpegai_bench.analysis.bdrate import METHODS, bd_rate
from jpegai_bench.analysis.bdtable import COLUMNS, Options
from jpegai_bench.analysis.meancurve import mean_curves, summarize_mean
from jpegai_bench.analysis.rdpoints import RDPoints, read_rd
from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import METRICS, average_of

DATA = Path(__file__).parents[3] / "shared" / "data"
VVC, KODAK = DATA / "jpegai" / "vvc_vtm11_anchor.csv", DATA / "compressai_kodak"
SEVEN = average_of()
RATES = (0.06, 0.12, 0.25, 0.5, 1.0)
needs_vvc = pytest.mark.skipif(not VVC.exists(), reason=f"needs {VVC}")
needs_kodak = pytest.mark.skipif(not KODAK.exists(), reason=f"needs {KODAK}")


def points(*factors, metrics=SEVEN, path="points.csv", rates=RATES, **more):
    """An image for each factor on the rates, of qualities of its own; `more` are functions of the octave."""
    falls = {metric.name for metric in METRICS if not metric.higher_is_better}
    rows = []
    for image, factor in enumerate(factors):
        for step, rate in enumerate(rates):
            octave = math.log2(rate) + 0.1 * image
            values = {name: (-0.1 if name in falls else 0.1) * octave for name in metrics}
            values |= {name: make(octave) for name, make in more.items()}
            rows.append({"image": f"i{image}", "quality": step, "bpp": factor * rate, **values})
    frame = pd.DataFrame(rows)
    return RDPoints(path, frame, tuple(frame.columns[3:]), "quality")


def rows(anchor, test, **options):
    return bd_table(anchor, test, Options(**options)).frame().set_index("metric")


def changed(points, metrics=None, **columns):
    frame = points.frame.assign(**columns)
    return RDPoints(points.path, frame, points.metrics if metrics is None else metrics, points.operating)


@pytest.mark.parametrize("curve", ["image", "mean"])
@pytest.mark.parametrize("method", METHODS)
def test_a_tenth_less_rate_is_minus_ten_by_every_way(curve, method):
    table = rows(points(1, 1, 1, 1, 1, 1), points(0.9, 0.9, 0.9, 0.9, 0.9, 0.9), curve=curve, method=method)
    assert list(table.index) == [*average_of(), "mean_of_seven"]
    for column in ("bd_rate", "ci_low", "ci_high"):
        assert table[column].to_numpy() == pytest.approx(-10, abs=1e-9)
    assert (table.images_used == 6).all()
    assert (table.images_left_out == 0).all()
    assert table.overlap.to_numpy() == pytest.approx(1)
    assert (table.reason == "").all()


@needs_vvc
@pytest.mark.parametrize("curve", ["image", "mean"])
def test_jpeg_ai_s_own_vvc_table(curve):
    """With a tenth less rate; of equal rates `test_bdrate.py` has each picture."""
    anchor = read_rd(VVC)
    table = bd_table(anchor, changed(anchor, bpp=0.9 * anchor.frame.bpp), Options(curve=curve))
    frame = table.frame().set_index("metric")
    assert set(frame.index) == {*anchor.metrics, "mean_of_seven"}
    assert frame.bd_rate.to_numpy() == pytest.approx(-10, abs=1e-9)
    assert (frame.images_used == 50).all()
    assert table.hvs == "hvs"
    assert frame.reason["mean_of_seven"] == "psnr_hvs in place of psnr_hvs_m"


@needs_kodak
@pytest.mark.parametrize("method", METHODS)
def test_published_curves_of_compressai_as_the_bjontegaard_package_has_them(method):
    vtm, learned = (read_rd(KODAK / f"{name}.json") for name in ("vtm", "compressai-cheng2020-attn_mse_cuda"))
    table = rows(vtm, learned, method=method)
    curves = (vtm.frame.bpp, vtm.frame.psnr_rgb - 30, learned.frame.bpp, learned.frame.psnr_rgb - 30)
    theirs = bjontegaard.bd_rate(*curves, method=method, require_matching_points=False, min_overlap=0)
    assert table.bd_rate["psnr_rgb"] == pytest.approx(theirs, abs=1e-9)
    assert math.isnan(table.ci_low["psnr_rgb"])  # one curve: no images to resample
    assert "mean_of_seven" not in table.index


def test_the_columns_are_those_of_the_documentation():
    frame = bd_table(points(1), points(0.9)).frame()
    assert ",".join(COLUMNS) == "metric,bd_rate,ci_low,ci_high,images_used,images_left_out,overlap,reason"
    assert tuple(frame.columns) == COLUMNS


def test_metrics_of_any_name_and_of_one_file_only():
    anchor, test = points(1, 1, 1, mine=lambda x: x, anchors=abs), points(0.8, 0.8, 0.8, mine=lambda x: x)
    table = rows(anchor, test)
    assert list(table.index) == [*average_of(), "mine", "anchors", "mean_of_seven"]
    assert table.bd_rate["mine"] == pytest.approx(-20)
    assert math.isnan(table.bd_rate["anchors"])
    assert table.reason["anchors"] == "test: metric missing"
    assert table.images_left_out["anchors"] == 3
    assert rows(test, anchor).reason["anchors"] == "anchor: metric missing"


def test_a_mean_of_seven_needs_all_seven_in_both_files():
    six = tuple(name for name in average_of() if name != "vif")
    table = bd_table(points(1, 1, 1), points(0.8, 0.8, 0.8, metrics=six))
    assert table.average is None
    assert table.average_reason == "not in both files: vif"
    assert "mean_of_seven" not in set(table.frame().metric)


def test_a_mean_of_seven_is_na_where_one_of_them_is():
    test = points(0.8, 0.8, 0.8)
    test = changed(test, vif=test.frame.vif.where(test.frame.quality != 3))
    row = rows(points(1, 1, 1), test).loc["mean_of_seven"]
    assert math.isnan(row.bd_rate)
    assert row.reason == "no BD-rate for VIF"


def test_psnr_hvs_stands_in_only_where_psnr_hvs_m_is_absent():
    both, only = (*average_of("hvs_m"), "psnr_hvs"), average_of("hvs")
    assert bd_table(points(1, metrics=both), points(0.8, metrics=both)).hvs == "hvs_m"
    assert bd_table(points(1, metrics=both), points(0.8, metrics=both), Options(hvs="hvs")).hvs == "hvs"
    assert bd_table(points(1, metrics=both), points(0.8, metrics=only)).hvs == "hvs"
    assert bd_table(points(1, metrics=only), points(0.8, metrics=both)).hvs == "hvs"
    neither = bd_table(points(1, metrics=only), points(0.8))
    assert neither.average_reason == "not in both files: psnr_hvs_m"


def test_the_direction_of_a_metric():
    falling = {"error": lambda x: 100 - x, "nlpd": lambda x: 1 - 0.1 * x}
    anchor, test = points(1, 1, 1, metrics=(), **falling), points(0.8, 0.8, 0.8, metrics=(), **falling)
    unknown = bd_table(anchor, test)
    assert unknown.frame().reason.tolist() == ["", "anchor: not strictly monotonic"]
    [hint] = unknown.hints
    assert says(hint, "error", "lower_is_better=[error]")
    known = rows(anchor, test, lower_is_better=("error",))
    assert known.bd_rate.to_numpy() == pytest.approx(-20)
    with refused("lower_is_better", "'lpips'", "error, nlpd"):
        bd_table(anchor, test, Options(lower_is_better=("lpips",)))


@pytest.mark.parametrize("curve", ["image", "mean"])
def test_bd_metric_is_the_difference_of_the_metric_itself(curve):
    anchor = points(1, 1, 1, 1, 1, psnr_y=lambda x: 3 * x)
    test = changed(anchor, psnr_y=anchor.frame.psnr_y + 0.5, nlpd=anchor.frame.nlpd - 0.02)
    table = rows(anchor, test, bd_metric=True, curve=curve)
    assert table.bd_metric["psnr_y"] == pytest.approx(0.5)
    assert table.bd_metric_ci_low["psnr_y"] == pytest.approx(0.5)
    assert table.bd_metric["nlpd"] == pytest.approx(-0.02)  # lower, so better
    assert table.bd_rate["nlpd"] < 0
    assert math.isnan(table.bd_metric["mean_of_seven"])
    assert table.bd_metric_reason["mean_of_seven"] == "units differ"


def test_points_out_of_the_range_of_rates_do_not_enter():
    wild = points(1, 1, metrics=("vmaf",), rates=(0.01, *RATES, 4.0))
    wild = changed(wild, vmaf=wild.frame.vmaf.where(wild.frame.bpp.between(0.05, 2), 7.0))
    anchor = points(1, 1, metrics=("vmaf",))
    test = changed(wild, bpp=0.9 * wild.frame.bpp)
    for curve in ("image", "mean"):
        assert rows(anchor, test, curve=curve).reason["vmaf"].endswith("test: not strictly monotonic")
        table = bd_table(anchor, test, Options(curve=curve, bpp_range=(0.05, 2)))
        assert table.frame().bd_rate[0] == pytest.approx(-10)
        assert table.used == (pytest.approx((0.06, 1.0)), pytest.approx((0.054, 0.9)))
        few = bd_table(anchor, test, Options(curve=curve, bpp_range=(0.1, 0.6)))
        assert says(few.frame().reason[0], "anchor: ", "four points")
        assert math.isnan(few.used[0][0])


def test_the_ends_of_the_range_belong_to_it():
    anchor = points(1, metrics=("vmaf",))
    assert rows(anchor, anchor, bpp_range=(0.12, 1.0)).bd_rate["vmaf"] == 0


def test_a_mean_curve_is_of_the_means_over_images():
    anchor, test = points(1, 2, 4, metrics=("vmaf",)), points(0.8, 2, 3, metrics=("vmaf",))
    means = [p.frame.groupby("quality")[["bpp", "vmaf"]].mean() for p in (anchor, test)]
    direct = bd_rate(means[0].bpp, means[0].vmaf, means[1].bpp, means[1].vmaf).value
    assert rows(anchor, test, curve="mean").bd_rate["vmaf"] == pytest.approx(direct, abs=1e-12)
    assert rows(anchor, test).bd_rate["vmaf"] == pytest.approx((-20 + 0 - 25) / 3)


def test_a_mean_curve_is_of_images_with_every_point_in_both():
    anchor, test = points(*[1] * 6, metrics=("vmaf",)), points(*[0.9] * 6, metrics=("vmaf",))
    lacking = test.frame[~((test.frame.image == "i1") & (test.frame.quality == 2))]
    lacking = lacking[lacking.image != "i5"].copy()
    lacking.loc[(lacking.image == "i2") & (lacking.quality == 0), "vmaf"] = math.nan
    lacking.loc[(lacking.image == "i3") & (lacking.quality == 0), "bpp"] = -1.0
    test = RDPoints("test", lacking, ("vmaf",), "quality")
    row = rows(anchor, test, curve="mean").loc["vmaf"]
    assert row.bd_rate == pytest.approx(-10)
    assert (row.images_used, row.images_left_out) == (2, 4)
    assert row.reason.count("; ") == 2
    assert says(row.reason, "missing or not finite (2)", "not positive (1)", "image missing (1)")


def test_without_a_column_of_operating_points_the_order_of_rates_pairs_them():
    named = points(1, 3, 2, metrics=("vmaf",))
    shuffled = named.frame.drop(columns="quality").sample(frac=1, random_state=0)
    plain = RDPoints("plain", shuffled, ("vmaf",))
    assert mean_curves(named, plain, "vmaf").curves()[1] == pytest.approx(
        mean_curves(named, named, "vmaf").curves()[1]
    )


def test_the_interval_of_a_mean_curve_covers_what_other_images_would_give():
    """From many sets of images the spread of the BD-rate is known; one set's interval must be as wide."""
    random = np.random.default_rng(5)
    values, widths = [], []
    for number in range(40):
        test = points(*np.exp(0.1 * random.normal(size=20)), metrics=("vmaf",))
        anchor = points(*[1.0] * 20, metrics=("vmaf",))
        alone = summarize_mean(anchor, test, "hvs_m", "pchip", resamples=0, metrics=("vmaf",)).metrics["vmaf"]
        values.append(alone.bd_rate.mean)
        if number < 3:
            row = rows(anchor, test, curve="mean").loc["vmaf"]
            assert row.ci_low < row.bd_rate < row.ci_high
            widths.append(row.ci_high - row.ci_low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.35)


def test_one_curve_and_images_meet_in_their_mean():
    many = points(1, 1.5, 2, metrics=("vmaf",))
    mean = many.frame.groupby("quality")[["bpp", "vmaf"]].mean().assign(image="(one curve)")
    one = RDPoints("one.json", mean.assign(bpp=0.9 * mean.bpp), ("vmaf",))
    with refused("one.json", "points.csv", "(3)", "curve=mean"):
        bd_table(many, one)
    row = rows(many, one, curve="mean").loc["vmaf"]
    assert row.bd_rate == pytest.approx(-10)
    assert row.images_used == 3
    assert math.isnan(row.ci_low)  # the images behind the one curve cannot be drawn along


def test_files_that_cannot_be_compared():
    anchor, other = points(1, 1), points(1, 1, metrics=("mine",), mine=lambda x: x)
    with refused("points.csv has ms_ssim", "has mine"):
        bd_table(anchor, other)
    renamed = changed(anchor, image=anchor.frame.image + ".png")
    with refused("points.csv has i0, i1", "i0.png, i1.png"):
        bd_table(anchor, renamed)
    for options in (Options(only=("x",)), Options(only=()), Options(curve="x"), Options(method="x")):
        with pytest.raises(BenchError):
            bd_table(anchor, anchor, options)


def test_the_same_points_in_any_order_give_the_same_table():
    shipped = read_rd(SHIPPED / "vvc" / "kodak")
    test = changed(shipped, bpp=shipped.frame.bpp * (1 + 0.02 * np.sin(np.arange(len(shipped.frame)))))
    shuffled = RDPoints(test.path, test.frame.sample(frac=1, random_state=2), test.metrics, test.operating)
    for curve in ("image", "mean"):
        options = {"curve": curve, "only": ("vmaf", "nlpd")}
        assert rows(shipped, test, **options).equals(rows(shipped, shuffled, **options))


def test_the_example_of_the_docstring_runs():
    done = doctest.testmod(bdfiles)
    assert done.attempted > 3
    assert done.failed == 0
