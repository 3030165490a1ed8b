"""BD-rate: the mean difference in rate between two R-D curves at equal quality."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jpegai_bench.errors import BenchError

FEWEST_POINTS = 4
LEAST_OVERLAP = 0.5

METHODS = ("pchip", "cubic", "akima")


@dataclass(frozen=True)
class BDRate:
    """One BD-rate, or the reason why there is none."""

    value: float
    """Percent, negative where the test codec needs less rate; NaN is NA."""
    overlap: float
    """Shared quality interval over the shorter curve's interval, 0 to 1; NaN where a curve has none."""
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
    positive, where it is not strictly monotonic (rate and quality rise together), or where the curves share
    less than half of the shorter one's quality interval. Interpolation would return a number there too: any.

    `pchip` and `akima` pass through every point; `cubic` is VCEG-M33's least-squares polynomial, which
    passes through the points only where there are four.

    Source: G. Bjontegaard, VCEG-M33 (2001); PCHIP as in JCTVC-E137 and the JPEG AI test conditions.

    Raises:
        BenchError: the method is none of `METHODS`.
        ValueError: rates and qualities differ in number.
    """
    if method not in METHODS:
        raise BenchError(f"BD-rate method {method!r} is unknown; there are {', '.join(METHODS)}")
    curves: list[_Curve] = []
    for role, rates, qualities in (
        ("anchor", anchor_rate, anchor_quality),
        ("test", test_rate, test_quality),
    ):
        curve = _curve(rates, qualities)
        if isinstance(curve, str):
            return BDRate(math.nan, math.nan, f"{role}: {curve}")
        curves.append(curve)
    (anchor_q, _), (test_q, _) = curves

    low, high = max(anchor_q[0], test_q[0]), min(anchor_q[-1], test_q[-1])
    overlap = max(high - low, 0.0) / min(anchor_q[-1] - anchor_q[0], test_q[-1] - test_q[0])
    if overlap == 0.0:
        return BDRate(math.nan, 0.0, "no overlap in quality")
    if overlap < LEAST_OVERLAP:
        return BDRate(math.nan, overlap, "overlap in quality under half")

    anchor_area, test_area = (_area(*curve, low, high, method) for curve in curves)
    exponent = (test_area - anchor_area) / (high - low)
    if not abs(exponent) < 300:  # a polynomial between far-apart points can leave the range of floats
        return BDRate(math.nan, overlap, f"{method} interpolation diverges")
    return BDRate((10.0**exponent - 1.0) * 100.0, overlap)


_Curve = tuple[list[float], list[float]]
"""Qualities, strictly rising, and log10 of the rates, strictly rising."""


def _curve(rates: Sequence[float], qualities: Sequence[float]) -> _Curve | str:
    """The points in order, or what is wrong with them."""
    points = sorted((float(r), float(q)) for r, q in zip(rates, qualities, strict=True))
    if not all(math.isfinite(r) and math.isfinite(q) for r, q in points):
        return "a value that is not finite"
    if len(points) < FEWEST_POINTS:
        return "fewer than four points"
    if points[0][0] <= 0:
        return "a rate that is not positive"
    logs, values = [math.log10(r) for r, _ in points], [q for _, q in points]
    if any(b <= a for xs in (logs, values) for a, b in pairwise(xs)):
        return "not strictly monotonic"
    return values, logs


def _area(x: list[float], y: list[float], low: float, high: float, method: str) -> float:
    """Integral of the interpolated y from low to high, both within x."""
    if method == "cubic":
        middle, half = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])  # fitted on [-1, 1]: well conditioned
        primitive = np.polyint(np.polyfit([(v - middle) / half for v in x], y, 3))
        first, last = np.polyval(primitive, [(low - middle) / half, (high - middle) / half])
        return float(last - first) * half
    # Written out for a handful of points: scipy takes many times as long, and a table has thousands.
    slopes = _SLOPES[method](x, y)
    knots = [low, *(v for v in x if low < v < high), high]
    area = 0.0
    for a, b in pairwise(knots):
        i = min(bisect_right(x, a) - 1, len(x) - 2)
        ends = [_hermite(x, y, slopes, i, v) for v in (a, 0.5 * (a + b), b)]
        area += (b - a) / 6.0 * (ends[0] + 4.0 * ends[1] + ends[2])  # Simpson's rule is exact for cubics
    return area


def _hermite(x: list[float], y: list[float], slopes: list[float], i: int, v: float) -> float:
    h = x[i + 1] - x[i]
    t = (v - x[i]) / h
    s = 1.0 - t
    return s * s * ((1 + 2 * t) * y[i] + t * h * slopes[i]) + t * t * (
        (1 + 2 * s) * y[i + 1] - s * h * slopes[i + 1]
    )


def _pchip_slopes(x: list[float], y: list[float]) -> list[float]:
    """Fritsch and Butland's weighted harmonic means, for strictly rising y; one-sided three-point ends."""
    h = [b - a for a, b in pairwise(x)]
    m = [(y[i + 1] - y[i]) / h[i] for i in range(len(h))]
    inner = []
    for i in range(1, len(h)):
        w1, w2 = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
        inner.append((w1 + w2) / (w1 / m[i - 1] + w2 / m[i]))
    first = ((2 * h[0] + h[1]) * m[0] - h[0] * m[1]) / (h[0] + h[1])
    last = ((2 * h[-1] + h[-2]) * m[-1] - h[-1] * m[-2]) / (h[-1] + h[-2])
    return [max(first, 0.0), *inner, max(last, 0.0)]


def _akima_slopes(x: list[float], y: list[float]) -> list[float]:
    """Akima's weights (J. ACM 17, 1970), with two extrapolated slopes at each end."""
    m = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(len(x) - 1)]
    m = [3 * m[0] - 2 * m[1], 2 * m[0] - m[1], *m, 2 * m[-1] - m[-2], 3 * m[-1] - 2 * m[-2]]
    bends = [abs(b - a) for a, b in pairwise(m)]
    weights = [(bends[i + 2], bends[i]) for i in range(len(x))]
    least = 1e-9 * max(after + before for after, before in weights)
    return [
        (after * m[i + 1] + before * m[i + 2]) / (after + before)
        if after + before > least
        else 0.5 * (m[i] + m[i + 3])
        for i, (after, before) in enumerate(weights)
    ]


_SLOPES: dict[str, Callable[[list[float], list[float]], list[float]]] = {
    "pchip": _pchip_slopes,
    "akima": _akima_slopes,
}
