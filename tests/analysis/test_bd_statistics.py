import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jpegai_bench.analysis import statistics
from jpegai_bench.analysis.bdrate import bd_rate
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import METRICS, average_of

VVC = Path(__file__).parents[3] / "shared" / "data" / "jpegai" / "vvc_vtm11_anchor.csv"


SEVEN = average_of()


def summarize(anchor, test, hvs="hvs_m", **more):
    return statistics.summarize(anchor, test, hvs, "pchip", **more)


def points(factors, metrics=SEVEN):
    """One image for each factor on the rates; five rates, the quality rising by equal steps per octave."""
    rows = []
    for number, factor in enumerate(factors):
        for step in range(5):
            row = {"image": f"image{number:02d}", "quality": step, "bpp": 0.06 * 2.0**step * factor}
            for metric in METRICS:
                if metric.name in metrics:
                    row[metric.name] = 0.5 + 0.1 * step if metric.higher_is_better else 0.5 - 0.1 * step
            rows.append(row)
    return pd.DataFrame(rows)


def test_the_mean_over_images_and_the_mean_of_seven():
    summary = summarize(points([1, 1, 1, 1]), points([0.9, 0.8, 0.7, 1.0]))
    assert summary.average_of == average_of("hvs_m")
    for name in summary.average_of:
        metric = summary.metrics[name]
        assert metric.bd_rate.mean == pytest.approx(-15, abs=1e-9)
        assert (metric.images, metric.overlap, metric.left_out, metric.reason) == (4, 1.0, {}, "")
    assert summary.average.mean == pytest.approx(-15, abs=1e-9)
    assert summary.per_image.groupby("image").bd_rate.mean().tolist() == pytest.approx(
        [-10, -20, -30, 0], abs=1e-9
    )


def test_images_are_paired_by_name_not_by_order():
    test = points([0.9, 0.8, 0.7]).sample(frac=1, random_state=1)
    test["image"] = test.image.map({"image00": "image02", "image01": "image01", "image02": "image00"})
    summary = summarize(points([1, 1, 2]), test)
    values = summary.per_image[summary.per_image.metric == "vmaf"].set_index("image").bd_rate
    assert values.to_dict() == pytest.approx({"image00": -30, "image01": -20, "image02": -55}, abs=1e-9)


def test_the_interval_is_the_bootstrap_over_images():
    factors = np.exp(0.1 * np.random.default_rng(3).normal(size=40))
    summary = summarize(points(np.ones(40)), points(factors))
    interval = summary.average
    error = 100 * factors.std(ddof=1) / math.sqrt(40)
    assert interval.mean == pytest.approx(100 * (factors.mean() - 1), abs=1e-9)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert interval.low < interval.mean < interval.high
    assert interval == summarize(points(np.ones(40)), points(factors)).average
    assert interval.low != summarize(points(np.ones(40)), points(factors), seed=1).average.low


def test_the_mean_of_seven_resamples_images_jointly():
    """Seven metrics that agree tell no more than one: the interval must not shrink by the root of seven."""
    factors = np.exp(0.1 * np.random.default_rng(3).normal(size=24))
    summary = summarize(points(np.ones(24)), points(factors))
    single = summary.metrics["vmaf"].bd_rate
    assert summary.average.high - summary.average.low == pytest.approx(single.high - single.low, rel=1e-9)


@pytest.mark.parametrize("images", [1, 2, 4])
def test_fewer_than_five_images_have_no_interval(images):
    summary = summarize(points([1] * images), points([0.9] * images))
    assert summary.average.mean == pytest.approx(-10, abs=1e-9)
    assert math.isnan(summary.average.low)
    assert math.isnan(summary.metrics["vif"].bd_rate.high)


def test_an_image_without_a_bd_rate_is_left_out_with_its_reason():
    test = points([0.9, 0.9, 0.8, 0.8])
    test.loc[(test.image == "image00") & (test.quality == 4), "vmaf"] = 0.1
    test.loc[test.image == "image01", "vmaf"] = np.nan
    summary = summarize(points([1, 1, 1, 1, 1]), test)
    vmaf = summary.metrics["vmaf"]
    assert vmaf.left_out == {
        "test: not strictly monotonic": ("image00",),
        "test: not measured": ("image01",),
        "test: image missing": ("image04",),
    }
    assert vmaf.images == 2
    assert vmaf.bd_rate.mean == pytest.approx(-20, abs=1e-9)
    assert summary.metrics["fsim"].bd_rate.mean == pytest.approx(-15, abs=1e-9)
    assert summary.average.mean == pytest.approx((6 * -15 - 20) / 7, abs=1e-9)
    assert summary.images == (2, 4)


def test_the_mean_of_seven_needs_all_seven():
    six = points([0.9, 0.8, 0.7]).drop(columns="iw_ssim")
    summary = summarize(points([1, 1, 1]), six)
    assert math.isnan(summary.average.mean)
    assert summary.reason == "no BD-rate for IW-SSIM"
    assert summary.metrics["iw_ssim"].reason == "test: not measured"
    assert summary.metrics["vmaf"].bd_rate.mean == pytest.approx(-20, abs=1e-9)


def test_which_hvs_is_averaged():
    both = (*average_of(), "psnr_hvs")
    anchor, test = points([1, 1, 1], both), points([0.9, 0.9, 0.9], both)
    test["psnr_hvs"] += 0.1  # one octave better, on top of the 10%
    assert summarize(anchor, test, hvs="hvs_m").average.mean == pytest.approx(-10, abs=1e-9)
    assert summarize(anchor, test, hvs="hvs").average.mean == pytest.approx((6 * -10 - 55) / 7, abs=1e-9)
    with pytest.raises(BenchError, match="hvs_m"):
        summarize(anchor, test, hvs="both")


def test_nlpd_enters_as_one_minus_nlpd():
    anchor, test = points([1, 1, 1]), points([0.8, 0.9, 0.7])
    anchor["nlpd"], test["nlpd"] = anchor.nlpd**1.5, test.nlpd**1.4
    curves = [(p.bpp, 1 - p.nlpd) for p in (anchor[anchor.image == "image00"], test[test.image == "image00"])]
    rows = summarize(anchor, test).per_image
    mine = rows[(rows.image == "image00") & (rows.metric == "nlpd")].bd_rate.item()
    assert mine == pytest.approx(bd_rate(*curves[0], *curves[1]).value, abs=1e-12)


@pytest.mark.skipif(not VVC.exists(), reason=f"needs {VVC}")
def test_jpeg_ai_s_own_vvc_table_against_itself_with_a_tenth_less_rate():
    table = pd.read_csv(VVC)
    summary = summarize(table, table.assign(bpp=0.9 * table.bpp), hvs="hvs")
    assert summary.images == (50, 50)
    for metric in summary.metrics.values():
        assert metric.bd_rate.mean == pytest.approx(-10, abs=1e-9)
    assert (summary.average.low, summary.average.high) == pytest.approx((-10, -10), abs=1e-9)
    assert "psnr_hvs_m" not in summary.metrics
    assert summarize(table, table, hvs="hvs").average.mean == pytest.approx(0, abs=1e-12)
