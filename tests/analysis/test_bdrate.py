import doctest
import math
import warnings
from pathlib import Path

import bjontegaard
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says

from jpegai_bench.analysis import bdrate
from jpegai_bench.analysis.bdrate import METHODS, bd_metric, bd_rate, rates_at
from jpegai_bench.errors import BenchError

E137_1 = (
    [(108048.8736, 43.6471), (61279.976, 40.3953), (33905.6656, 37.247), (18883.6928, 34.2911)],
    [(108061.2784, 43.6768), (61299.9936, 40.4232), (33928.7472, 37.2761), (18910.912, 34.3147)],
)
E137_2 = (
    [(40433.8848, 37.5761), (7622.7456, 35.3756), (2394.488, 33.8977), (1017.6184, 32.0603)],
    [(40370.12, 37.5982), (7587.0024, 35.4025), (2390.0944, 33.9194), (1017.0984, 32.0822)],
)
FAU = (
    [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)],
    [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)],
)
VVC = Path(__file__).parents[3] / "shared" / "data" / "jpegai" / "vvc_vtm11_anchor.csv"

RATES = [0.06, 0.12, 0.25, 0.5, 0.75]
QUALITIES = [27.1, 29.8, 32.9, 36.4, 38.8]


@pytest.mark.parametrize(
    ("curves", "method", "published"),
    [
        (E137_1, "cubic", -0.464415),
        (E137_1, "pchip", -0.465215420752807),
        (E137_1, "akima", -0.465120),
        (E137_2, "cubic", -1.910169),
        (E137_2, "pchip", -1.8779823450567612),
        (E137_2, "akima", -1.865132),
        (FAU, "cubic", -4.420462706),
        (FAU, "pchip", -4.417485351),
        (FAU, "akima", -4.425245157),
    ],
)
def test_published_bd_rates(curves, method, published):
    (anchor_rate, anchor_psnr), (test_rate, test_psnr) = (zip(*curve, strict=True) for curve in curves)
    result = bd_rate(anchor_rate, anchor_psnr, test_rate, test_psnr, method)
    assert result.value == pytest.approx(published, abs=1e-6)
    assert result.reason == ""
    assert 0.9 < result.overlap <= 1.0


@st.composite
def curve_pairs(draw):
    """Two R-D curves of four to eight points that a codec could have: quality over doubling rates."""
    curves = []
    start = draw(st.floats(20.0, 35.0))
    for _ in range(2):
        count = draw(st.integers(4, 8))
        steps = draw(st.lists(st.floats(0.2, 0.5), min_size=count, max_size=count))
        gains = draw(st.lists(st.floats(1.0, 4.0), min_size=count, max_size=count))
        rate = 10.0 ** (draw(st.floats(-1.3, -1.1)) + np.cumsum(steps))
        curves.append((rate, start + draw(st.floats(-0.5, 0.5)) + np.cumsum(gains)))
    return curves


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(pair=curve_pairs())
def test_agrees_with_the_bjontegaard_package(method, pair):
    (anchor_rate, anchor_quality), (test_rate, test_quality) = pair
    ours = bd_rate(anchor_rate, anchor_quality, test_rate, test_quality, method)
    # BD-rate knows no zero of quality. Theirs fits its cubic over the quality as it is, and loses six digits
    # at 30 dB: enough to be 1e-9 percent off the exact value.
    shifted = (anchor_rate, anchor_quality - 30.0, test_rate, test_quality - 30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = bjontegaard.bd_rate(*shifted, method=method, require_matching_points=False, min_overlap=0)
    if ours.reason:
        assert ours.overlap < 0.5
    else:
        assert ours.value == pytest.approx(theirs, rel=0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(pair=curve_pairs())
def test_bd_metric_agrees_with_the_bjontegaard_package(method, pair):
    ours = bd_metric(*pair[0], *pair[1], method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = bjontegaard.bd_psnr(
            *pair[0], *pair[1], method=method, require_matching_points=False, min_overlap=0
        )
    if ours.reason:
        assert ours.overlap < 0.5
    else:
        assert ours.value == pytest.approx(theirs, rel=0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(pair=curve_pairs())
def test_swapping_anchor_and_test_inverts_the_ratio(method, pair):
    there = bd_rate(*pair[0], *pair[1], method)
    back = bd_rate(*pair[1], *pair[0], method)
    assert (there.reason == "") == (back.reason == "")
    if not there.reason:
        assert (1 + there.value / 100) * (1 + back.value / 100) == pytest.approx(1, abs=1e-12)
        forth, fro = bd_metric(*pair[0], *pair[1], method), bd_metric(*pair[1], *pair[0], method)
        assert forth.reason or forth.value + fro.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_ten_percent_more_rate_is_ten_percent(method):
    result = bd_rate(RATES, QUALITIES, [1.1 * r for r in RATES], QUALITIES, method)
    assert result.value == pytest.approx(10, abs=1e-9)
    assert result.overlap == 1.0


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(pair=curve_pairs(), factor=st.floats(0.5, 2.0))
def test_all_rates_times_a_factor_is_that_factor(method, pair, factor):
    (rate, quality), _ = pair
    assert bd_rate(rate, quality, factor * rate, quality, method).value == pytest.approx(100 * (factor - 1))
    assert bd_metric(rate, quality, rate, quality + factor, method).value == pytest.approx(factor)


any_curve = st.one_of(
    st.lists(st.tuples(st.floats(), st.floats()), max_size=8),
    st.tuples(*[st.lists(st.floats(5e-324, 1e308), min_size=4, max_size=7, unique=True).map(sorted)] * 2).map(
        lambda pair: list(zip(*pair, strict=False))
    ),
)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=120, deadline=None)
@given(anchor=any_curve, test=any_curve)
def test_whatever_the_numbers_there_is_a_finite_value_or_a_reason(method, anchor, test):
    columns = [[point[i] for point in curve] for curve in (anchor, test) for i in (0, 1)]
    for difference in (bd_rate, bd_metric):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = difference(*columns, method)
        assert math.isnan(result.value) == bool(result.reason)
        assert result.reason or math.isfinite(result.value)


def test_bd_metric_needs_half_of_the_shorter_range_of_rates():
    result = bd_metric(RATES, QUALITIES, [5 * rate for rate in RATES], QUALITIES)
    assert math.isnan(result.value)
    assert says(result.reason, "overlap in rate")
    assert result.overlap == pytest.approx(math.log(0.75 / 0.3) / math.log(0.75 / 0.06))
    assert bd_metric(RATES, QUALITIES, [13 * r for r in RATES], QUALITIES).reason == "no overlap in rate"


@pytest.mark.parametrize("method", METHODS)
def test_the_drawn_curve_passes_through_the_points(method):
    rates, qualities = RATES[:4], QUALITIES[:4]  # the cubic's least squares pass through four at most
    assert rates_at(rates, qualities, qualities, method) == pytest.approx(rates, rel=1e-9)
    with pytest.raises(ValueError, match="fewer than four points"):
        rates_at(rates[:3], qualities[:3], qualities[:3], method)


def test_the_examples_of_the_docstrings_run():
    done = doctest.testmod(bdrate)
    assert done.attempted > 5
    assert done.failed == 0


def test_the_order_of_the_points_does_not_matter():
    shuffled = bd_rate(
        RATES, QUALITIES, np.array(RATES)[[3, 0, 4, 1, 2]] * 0.8, np.array(QUALITIES)[[3, 0, 4, 1, 2]]
    )
    assert shuffled.value == pytest.approx(-20, abs=1e-9)


@pytest.mark.parametrize("role", ["anchor", "test"])
@pytest.mark.parametrize(
    ("rates", "qualities", "reason"),
    [
        (RATES[:3], QUALITIES[:3], "fewer than four points"),
        ([], [], "fewer than four points"),
        (RATES, [27.1, 29.8, 36.4, 32.9, 38.8], "not strictly monotonic"),
        (RATES, [27.1, 29.8, 29.8, 36.4, 38.8], "not strictly monotonic"),
        (RATES, QUALITIES[::-1], "not strictly monotonic"),
        ([0.06, 0.12, 0.12, 0.5, 0.75], QUALITIES, "not strictly monotonic"),
        (RATES, [27.1, 29.8, math.nan, 36.4, 38.8], "a value that is not finite"),
        (RATES, [27.1, 29.8, 32.9, 36.4, math.inf], "a value that is not finite"),
        ([0.06, math.nan, 0.25, 0.5, 0.75], QUALITIES, "a value that is not finite"),
        ([0.0, 0.12, 0.25, 0.5, 0.75], QUALITIES, "a rate that is not positive"),
        ([-0.06, 0.12, 0.25, 0.5, 0.75], QUALITIES, "a rate that is not positive"),
    ],
)
def test_a_bad_curve_is_na_with_its_reason(role, rates, qualities, reason):
    curves = [(rates, qualities), (RATES, QUALITIES)]
    if role == "test":
        curves.reverse()
    for method in METHODS:
        result = bd_rate(*curves[0], *curves[1], method)
        assert math.isnan(result.value)
        assert result.reason == f"{role}: {reason}"


@pytest.mark.parametrize(
    ("shift", "overlap", "reason"),
    [
        (20.0, 0.0, "no overlap in quality"),
        (11.7, 0.0, "no overlap in quality"),
        (11.5, 0.2 / 11.7, "overlap in quality under half"),  # bjontegaard returns -87% here
        (6.0, 5.7 / 11.7, "overlap in quality under half"),
        (5.7, 6.0 / 11.7, ""),
    ],
)
def test_too_little_overlap_is_na(shift, overlap, reason):
    result = bd_rate(RATES, QUALITIES, RATES, [q + shift for q in QUALITIES])
    assert result.reason == reason
    assert result.overlap == pytest.approx(overlap, abs=1e-9)
    assert math.isnan(result.value) == bool(reason)


def test_overlap_is_measured_on_the_shorter_curve():
    result = bd_rate(RATES, QUALITIES, [0.2, 0.25, 0.3, 0.35], [31.0, 32.0, 33.0, 34.0])
    assert result.overlap == 1.0
    assert result.reason == ""


def test_misuse_is_an_error():
    with pytest.raises(BenchError, match="pchip, cubic, akima"):
        bd_rate(RATES, QUALITIES, RATES, QUALITIES, "spline")
    with pytest.raises(ValueError, match="argument"):
        bd_rate(RATES, QUALITIES, RATES[:4], QUALITIES)


@pytest.mark.skipif(not VVC.exists(), reason=f"needs {VVC}")
@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0.0), (0.9, -10.0)])
def test_jpeg_ai_s_own_vvc_table(factor, expected):
    table = pd.read_csv(VVC)
    metrics = ["ms_ssim", "psnr_y", "psnr_u", "psnr_v", "vif", "fsim", "nlpd", "iw_ssim", "vmaf", "psnr_hvs"]
    for _, points in table.groupby("image"):
        rate = points.bpp.to_numpy()
        for metric in metrics:
            quality = 1 - points[metric] if metric == "nlpd" else points[metric]
            assert bd_rate(rate, quality, factor * rate, quality).value == pytest.approx(expected, abs=1e-9)


def test_a_cubic_that_runs_away_from_the_points_is_not_a_number():
    """Four points through which the polynomial passes by way of ten million bpp."""
    anchor = ([0.1, 0.11, 0.12, 1.5], [30.0, 36.0, 36.4, 37.0])
    test = ([0.1, 0.2, 0.4, 0.8], [30.0, 32.0, 34.5, 37.0])
    assert says(bd_rate(*anchor, *test, "cubic").reason, "cubic", "runs away")
    assert math.isnan(bd_rate(*anchor, *test, "cubic").value)
    assert bd_rate(*anchor, *test, "pchip").value == pytest.approx(162.87, abs=0.01)
