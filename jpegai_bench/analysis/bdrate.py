"""BD-rate and BD-metric: the mean difference between two R-D curves, in rate or in quality."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from numpy.linalg import LinAlgError

from jpegai_bench.analysis.choices import METHODS
from jpegai_bench.analysis.interpolation import area, values
from jpegai_bench.errors import BenchError

FEWEST_POINTS = 4
LEAST_OVERLAP = 0.5
_BEYOND_FLOATS = (ZeroDivisionError, OverflowError, LinAlgError)


@dataclass(frozen=True)
class BDRate:
    """One BD-rate, or the reason why there is none."""

    value: float
    """Percent, negative where the test codec needs less rate; NaN is NA."""
    overlap: float
    """Shared quality interval over the shorter curve's interval, 0 to 1; NaN where a curve has none."""
    reason: str = ""
    """Why the value is NA; empty where there is one."""


@dataclass(frozen=True)
class BDMetric:
    """One BD-metric (BD-PSNR where the quality is PSNR), or the reason why there is none."""

    value: float
    """In the metric's unit, positive where the test codec's quality is higher; NaN is NA."""
    overlap: float
    """Shared interval of log rate over the shorter curve's interval, 0 to 1; NaN where a curve has none."""
    reason: str = ""
    """Why the value is NA; empty where there is one."""


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    method: str = "pchip",
) -> BDRate:
    """Mean rate of the test codec against the anchor at equal quality, in percent.

    log10(rate) is interpolated over the quality and averaged on the interval that both curves cover.
    Higher quality must mean better. The points may come in any order, the rates in any unit.

    NA, with its reason, where a curve has fewer than four points, a non-finite value or a rate that is not
    positive, where it is not strictly monotonic (rate and quality rise together), where `cubic` leaves the
    points' range by more than its width, or where the curves share
    less than half of the shorter one's quality interval. Interpolation would return a number there too: any.

    `pchip` and `akima` pass through every point; `cubic` is VCEG-M33's least-squares polynomial, which
    passes through the points only where there are four.

    >>> anchor_kbps, anchor_psnr = [1358.24, 2486.44, 4593.60, 9487.76], [34.851, 36.845, 38.615, 40.037]
    >>> test_kbps, test_psnr = [1356.24, 2451.52, 4469.00, 9787.80], [34.987, 36.970, 38.651, 40.121]
    >>> result = bd_rate(anchor_kbps, anchor_psnr, test_kbps, test_psnr)
    >>> f"{result.value:.3f}% on {result.overlap:.1%} of the quality"
    '-4.417% on 98.4% of the quality'
    >>> bd_rate(anchor_kbps, anchor_psnr, [9000, 4000, 2000, 1300], [40.0, 36.1, 36.5, 34.9]).reason
    'test: not strictly monotonic'

    Source: G. Bjontegaard, VCEG-M33 (2001); PCHIP as in JCTVC-E137 and the JPEG AI test conditions.

    Raises:
        BenchError: the method is none of `METHODS`.
        ValueError: rates and qualities differ in number.
    """
    curves = _curves(anchor_rate, anchor_quality, test_rate, test_quality, method)
    if isinstance(curves, str):
        return BDRate(math.nan, math.nan, curves)
    sides = [(curve.quality, curve.log_rate) for curve in curves]
    exponent, overlap, reason = _mean_difference(sides, "quality", method)
    if not reason and not abs(exponent) < 300:  # a polynomial between far-apart points leaves floats' range
        reason = f"{method} interpolation diverges"
    return BDRate(math.nan if reason else (10.0**exponent - 1.0) * 100.0, overlap, reason)


def bd_metric(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    method: str = "pchip",
) -> BDMetric:
    """Mean quality of the test codec less the anchor's at equal rate, in the metric's unit.

    The quality is interpolated over log10(rate) and averaged on the interval of log rate that both curves
    cover. NA under the same rules as `bd_rate`, the overlap being that of the log rates.

    >>> rates = [0.1, 0.2, 0.4, 0.8]
    >>> round(bd_metric(rates, [30, 33, 36, 39], rates, [30.5, 33.5, 36.5, 39.5]).value, 9)
    0.5

    Source: G. Bjontegaard, VCEG-M33 (2001).

    Raises:
        BenchError: the method is none of `METHODS`.
        ValueError: rates and qualities differ in number.
    """
    curves = _curves(anchor_rate, anchor_quality, test_rate, test_quality, method)
    if isinstance(curves, str):
        return BDMetric(math.nan, math.nan, curves)
    sides = [(curve.log_rate, curve.quality) for curve in curves]
    return BDMetric(*_mean_difference(sides, "rate", method))


def rates_at(
    rates: Sequence[float], qualities: Sequence[float], at: Sequence[float], method: str
) -> list[float]:
    """The rates that interpolation as in `bd_rate` gives a curve at qualities within its own.

    Raises:
        ValueError: the curve has no BD-rate, with the reason.
    """
    curve = _curve(rates, qualities)
    if isinstance(curve, str):
        raise ValueError(curve)
    try:
        return [10.0**value for value in values(curve.quality, curve.log_rate, at, method)]
    except _BEYOND_FLOATS:
        raise ValueError(f"{method} interpolation diverges") from None


@dataclass(frozen=True)
class _Curve:
    quality: list[float]
    """Strictly rising."""
    log_rate: list[float]
    """log10 of the rates, strictly rising."""


def _curves(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
    method: str,
) -> tuple[_Curve, _Curve] | str:
    """Both curves in order, or what is wrong with the first that is not right."""
    if method not in METHODS:
        raise BenchError(f"BD-rate method {method!r} is unknown; there are {', '.join(METHODS)}")
    anchor = _curve(anchor_rate, anchor_quality)
    test = _curve(test_rate, test_quality)
    if isinstance(anchor, str):
        return f"anchor: {anchor}"
    return f"test: {test}" if isinstance(test, str) else (anchor, test)


def _curve(rates: Sequence[float], qualities: Sequence[float]) -> _Curve | str:
    """The points in order, or what is wrong with them."""
    points = sorted((float(r), float(q)) for r, q in zip(rates, qualities, strict=True))
    if not all(math.isfinite(r) and math.isfinite(q) for r, q in points):
        return "a value that is not finite"
    if len(points) < FEWEST_POINTS:
        return "fewer than four points"
    if points[0][0] <= 0:
        return "a rate that is not positive"
    logs, qualities = [math.log10(r) for r, _ in points], [q for _, q in points]
    if any(b <= a for xs in (logs, qualities) for a, b in pairwise(xs)):
        return "not strictly monotonic"
    return _Curve(qualities, logs)


def _shared(a: list[float], b: list[float]) -> tuple[float, float, float]:
    """Lowest and highest of what both cover, and its share of the shorter of the two."""
    low, high = max(a[0], b[0]), min(a[-1], b[-1])
    return low, high, max(high - low, 0.0) / min(a[-1] - a[0], b[-1] - b[0])


def _mean_difference(
    curves: Sequence[tuple[list[float], list[float]]], along: str, method: str
) -> tuple[float, float, str]:
    """Of y between two curves (x, y), the second less the first; the overlap in x; and why it is NA."""
    low, high, overlap = _shared(curves[0][0], curves[1][0])
    reason = _overlap_reason(overlap, along)
    if reason:
        return math.nan, overlap, reason
    if method == "cubic" and any(_runs_away(*curve, low, high) for curve in curves):
        return math.nan, overlap, _RUNS_AWAY
    try:
        areas = [area(x, y, low, high, method) for x, y in curves]
    except _BEYOND_FLOATS:
        areas = [math.nan, math.nan]
    difference = (areas[1] - areas[0]) / (high - low)
    if not math.isfinite(difference):
        return math.nan, overlap, f"{method} interpolation diverges"
    return difference, overlap, ""


_RUNS_AWAY = "the cubic polynomial runs away from the points"


def _runs_away(x: Sequence[float], y: Sequence[float], low: float, high: float) -> bool:
    """Whether the cubic leaves the points' own range by more than its width between low and high.

    It passes through four points however they lie, and between them can reach any value at all.
    """
    at = [low + (high - low) * k / 64 for k in range(65)]
    span = y[-1] - y[0]
    try:
        cubic = values(x, y, at, "cubic")
    except _BEYOND_FLOATS:
        return True
    return not all(y[0] - span <= value <= y[-1] + span for value in cubic)


def _overlap_reason(overlap: float, of: str) -> str:
    if overlap == 0.0:
        return f"no overlap in {of}"
    return f"overlap in {of} under half" if overlap < LEAST_OVERLAP else ""
