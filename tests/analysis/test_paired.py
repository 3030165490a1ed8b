"""Comparisons whose truth is known: VVC's own points on Kodak, with rates multiplied image by image."""

import math

import numpy as np
import pandas as pd
import pytest
from messages import refused, says

from jpegai_bench.analysis.paired import MEAN, Contender, compare
from jpegai_bench.analysis.significance import holm, mean_interval, signed_rank
from jpegai_bench.analysis.statistics import summarize
from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import NAMES, average_of
from jpegai_bench.store.store import read_points

VVC = read_points(SHIPPED / "vvc/kodak/points.csv")
IMAGES = sorted(VVC.image.unique())
SEVEN = average_of()
HOW = {"hvs": "hvs_m", "method": "pchip"}


def scaled(factors, points=VVC) -> pd.DataFrame:
    """Points whose BD-rate against `points` is (factor - 1) * 100 on each image, for every metric."""
    named = factors if isinstance(factors, dict) else dict.fromkeys(IMAGES, factors)
    return points.assign(bpp=points.bpp * points.image.map(named))


def factors(seed: int, middle: float = 1.0, spread: float = 0.03) -> dict[str, float]:
    random = np.random.default_rng(seed)
    return {image: middle * math.exp(spread * random.normal()) for image in IMAGES}


def codec(label: str, *runs: pd.DataFrame) -> Contender:
    return Contender(label, runs)


def compared(a: pd.DataFrame, b: pd.DataFrame, anchor: pd.DataFrame = VVC, **how):
    return compare(codec("A", a), codec("B", b), codec("vvc", anchor), **HOW | how)


def test_identical_codecs_do_not_differ():
    a = scaled(factors(1))
    comparison = compared(a, a)
    assert [row.metric for row in comparison.rows[:8]] == [*SEVEN, MEAN]
    for row in comparison.rows:
        assert (row.difference.mean, row.difference.low, row.difference.high) == (0, 0, 0)
        assert (row.direct.mean, row.images, row.direct_images) == (pytest.approx(0, abs=1e-12), 24, 24)
        assert math.isnan(row.p_value)
        assert row.reason == "no image differs"


def test_two_percent_more_rate_is_two_percent_of_the_rate_of_a():
    """BD-rates f - 1 and 1.02 f - 1 of the anchor's rate differ by 0.02 f, directly it is 2%."""
    rates = factors(1, middle=1.3)
    a = scaled(rates)
    comparison = compared(a, scaled(1.02, a))
    expected = [2 * rates[image] for image in IMAGES]
    for row in comparison.rows:
        assert row.difference.mean == pytest.approx(np.mean(expected), abs=1e-9)
        assert (row.difference.low, row.difference.high) == pytest.approx(
            (mean_interval(expected).low, mean_interval(expected).high), abs=1e-9
        )
        assert row.p_value == 2 / 2**24  # all signs agree
        assert (row.direct.mean, row.direct.low, row.direct.high) == pytest.approx((2, 2, 2), abs=1e-9)
        assert row.seeds[0].mean == pytest.approx(100 * (np.mean(list(rates.values())) - 1), abs=1e-9)
        assert (row.images, row.left_out, row.reason) == (24, {}, "")
    assert comparison.row(MEAN).p_adjusted == pytest.approx(8 * 2 / 2**24)  # the seven and their mean
    assert comparison.row("psnr_y").p_adjusted == pytest.approx(5 * 2 / 2**24)  # the five others


def test_each_image_is_compared_with_itself():
    """A spread between images that both share does not enter the difference; unpaired it would hide it."""
    rates = factors(2, spread=0.5)
    more = {image: rate + 0.01 for image, rate in rates.items()}
    row = compared(scaled(rates), scaled(more)).row(MEAN)
    assert row.difference.mean == pytest.approx(1, abs=1e-9)
    assert row.difference.high - row.difference.low < 1e-9
    assert row.p_value < 1e-6


def test_pairing_is_by_name_and_order_means_nothing():
    a, b = scaled(factors(3)), scaled(factors(4, middle=1.01))
    comparison = compared(a, b)
    mixed = [points.sample(frac=1, random_state=seed) for seed, points in enumerate((a, b, VVC))]
    assert compared(*mixed) == comparison
    # Called otherwise, in all three alike, the images are the same images.
    renamed = [points.assign(image=points.image.map(lambda name: name[::-1])) for points in (a, b, VVC)]
    again = compared(*renamed)
    for row, other in zip(comparison.rows, again.rows, strict=True):
        assert other.p_value == row.p_value
        assert other.difference.mean == pytest.approx(row.difference.mean, abs=1e-12)
        assert other.difference.low == pytest.approx(row.difference.low, abs=1e-12)
    # Paired otherwise, they are not.
    turned = dict(zip(IMAGES, [*IMAGES[1:], IMAGES[0]], strict=True))
    shifted = factors(4, middle=1.01)
    wrong = scaled({image: shifted[turned[image]] for image in IMAGES})
    assert compared(a, wrong).row(MEAN).p_value != comparison.row(MEAN).p_value


def test_swapping_turns_the_sign():
    a, b = scaled(factors(3)), scaled(factors(4, middle=1.01))
    there, back = compared(a, b), compared(b, a)
    for row, other in zip(there.rows, back.rows, strict=True):
        assert other.difference.mean == pytest.approx(-row.difference.mean, abs=1e-12)
        assert other.p_value == pytest.approx(row.p_value, abs=1e-12)


def test_the_p_value_and_the_direct_bd_rate_are_those_of_the_images():
    a, b = scaled(factors(5)), scaled(factors(6, middle=1.01))
    row = compared(a, b).row("vif")
    rates = [summarize(VVC, points, **HOW).per_image.query("metric == 'vif'").bd_rate for points in (a, b)]
    assert row.p_value == signed_rank(rates[1].to_numpy() - rates[0].to_numpy()).value
    assert row.direct.mean == pytest.approx(summarize(a, b, **HOW).metrics["vif"].bd_rate.mean, abs=1e-12)


def test_metrics_differ_and_holm_counts_them():
    """Only the VMAF of B is lower: the mean of seven differs by a seventh, the other six not at all."""
    a = scaled(factors(7))
    b = a.assign(vmaf=a.vmaf - 0.3)
    comparison = compared(a, b)
    vmaf, mean, fsim = (comparison.row(name) for name in ("vmaf", MEAN, "fsim"))
    assert vmaf.difference.mean > 0
    assert mean.difference.mean == pytest.approx(vmaf.difference.mean / 7, abs=1e-9)
    assert fsim.reason == "no image differs"
    assert (vmaf.p_adjusted, mean.p_adjusted) == pytest.approx(tuple(holm([vmaf.p_value, mean.p_value])))
    assert math.isnan(fsim.p_adjusted)


def test_only_images_valid_in_both_enter_and_the_others_are_named():
    a, b = scaled(factors(8)), scaled(factors(9, middle=1.02))
    a = a[a.image != "kodim01"]
    b = b[b.image != "kodim02"].copy()
    b.loc[(b.image == "kodim03") & (b.quality == 22), "vmaf"] = 0.0
    a = a.copy()
    a.loc[a.image == "kodim04", "vif"] = np.nan
    anchor = VVC.copy()
    anchor.loc[anchor.image == "kodim05", "fsim"] += 0.5
    comparison = compared(a, b, anchor)
    missing = {"A: image missing": ("kodim01",), "B: image missing": ("kodim02",)}
    assert comparison.total == 24
    assert comparison.row("ms_ssim").left_out == missing
    assert comparison.row("vmaf").left_out == missing | {"B: not strictly monotonic": ("kodim03",)}
    assert comparison.row("vif").left_out == missing | {"A: not measured": ("kodim04",)}
    assert comparison.row("fsim").left_out == missing | {"A against vvc: no overlap in quality": ("kodim05",)}
    mean = comparison.row(MEAN)
    assert (mean.images, mean.direct_images) == (19, 19)
    assert mean.left_out == missing | {
        "A against vvc: no BD-rate for VIF": ("kodim04",),
        "A against vvc: no BD-rate for FSIM": ("kodim05",),
        "B against vvc: no BD-rate for VMAF": ("kodim03",),
    }
    # The same as if these images had never been there.
    kept = [points[points.image > "kodim05"] for points in (a, b, VVC)]
    assert compared(*kept).row(MEAN).difference == mean.difference


def test_the_mean_of_seven_needs_all_seven():
    a, b = scaled(factors(8)), scaled(factors(9))
    comparison = compared(a.drop(columns="vif"), b)
    assert comparison.row("vif").reason == "A: not measured"
    assert comparison.row(MEAN).reason == "A against vvc: no BD-rate for VIF"
    assert comparison.row(MEAN).images == 0
    assert math.isnan(comparison.row(MEAN).direct.mean)
    assert comparison.row("vmaf").images == 24


def test_psnr_hvs_takes_the_place_of_psnr_hvs_m_where_that_is_missing():
    a, b = scaled(factors(8)), scaled(factors(9))
    replaced = compared(a.drop(columns="psnr_hvs_m"), b)
    assert (replaced.hvs, replaced.hvs_replaced) == ("hvs", True)
    assert replaced.seven == average_of("hvs")
    assert replaced.row(MEAN) == compared(a, b, hvs="hvs").row(MEAN)
    assert not compared(a, b).hvs_replaced
    neither = compared(a.drop(columns=["psnr_hvs_m", "psnr_hvs"]), b)
    assert neither.row(MEAN).reason == "A against vvc: no BD-rate for PSNR-HVS-M"


def test_metrics_of_any_name():
    frames = [p.assign(lpips=1 - p.ms_ssim, mine=p.psnr_y) for p in (scaled(1.1), scaled(1.2), VVC)]
    names = (*NAMES, "lpips", "mine")
    contenders = [Contender(label, (f,), names) for label, f in zip("AB", frames[:2], strict=True)]
    anchor = Contender("vvc", (frames[2],), names)
    comparison = compare(*contenders, anchor, **HOW, lower_is_better=["lpips"])
    assert comparison.row("lpips").difference.mean == pytest.approx(10, abs=1e-9)
    assert comparison.row("mine").difference == comparison.row("psnr_y").difference
    assert "lpips" not in [row.metric for row in compared(frames[0], frames[1]).rows]
    alone = [frame[["image", "bpp", "mine"]] for frame in frames]
    contenders = [Contender(label, (f,), ("mine",)) for label, f in zip("AB", alone, strict=False)]
    rows = compare(*contenders, Contender("vvc", (alone[2],), ("mine",)), **HOW).rows
    assert [row.metric for row in rows] == [MEAN, "mine"]
    assert rows[1].p_adjusted == rows[1].p_value


def test_too_few_images_have_a_mean_but_no_test():
    few = VVC.image.isin(IMAGES[:5])
    row = compared(scaled(1.1)[few], scaled(1.2)[few]).row(MEAN)
    assert row.difference.mean == pytest.approx(10, abs=1e-9)
    assert math.isnan(row.difference.low)
    assert math.isnan(row.p_value)
    assert says(row.reason, "5 images", "fewer than 6", "p < 0.05")


def test_no_image_in_common_is_told():
    other = VVC.assign(image=VVC.image.str.upper())
    with refused("A and B", "A has kodim01, kodim02 and 22 more"):
        compared(VVC, other)
    with refused("A and vvc", "no image"):
        compared(other, other)
    with pytest.raises(BenchError, match="B has none"):
        compared(VVC, VVC.iloc[:0])


def test_seeds_enter_with_their_mean_and_their_spread():
    """Three seeds of A at +1, +2 and +6 percent, two of B at +5 and +7, each the same on all images."""
    a = codec("A", *(scaled(1 + p / 100) for p in (1, 2, 6)))
    b = codec("B", *(scaled(1 + p / 100) for p in (5, 7)))
    row = compare(a, b, codec("vvc", VVC), **HOW).row(MEAN)
    assert row.seeds[0].values == pytest.approx((1, 2, 6), abs=1e-9)
    assert row.seeds[1].values == pytest.approx((5, 7), abs=1e-9)
    assert row.seeds[0].deviation == pytest.approx(math.sqrt(7), abs=1e-9)
    assert row.difference.mean == pytest.approx(3, abs=1e-9)
    ratios = [100 * ((1 + y / 100) / (1 + x / 100) - 1) for x in (1, 2, 6) for y in (5, 7)]
    assert row.direct.mean == pytest.approx(np.mean(ratios), abs=1e-9)


def test_an_image_must_be_valid_in_every_seed():
    spoiled = scaled(1.2).copy()
    spoiled.loc[spoiled.image == "kodim07", "vmaf"] = 50.0
    a = codec("A", scaled(1.1), spoiled)
    row = compare(a, codec("B", scaled(1.3)), codec("vvc", VVC), **HOW).row("vmaf")
    assert row.left_out == {"A: not strictly monotonic": ("kodim07",)}
    assert [len(spread.values) for spread in row.seeds] == [2, 1]
    assert row.seeds[0].values == pytest.approx((10, 20), abs=1e-9)
