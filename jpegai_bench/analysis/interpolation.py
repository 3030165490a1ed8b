"""Interpolation of R-D curves through a handful of points: PCHIP, Akima, and one cubic polynomial.

Every function takes points `x`, strictly rising, with their `y`, strictly rising too, four at least, and one
of `METHODS`. Written out for so few points: scipy takes many times as long, and a table has thousands.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np


def area(x: Sequence[float], y: Sequence[float], low: float, high: float, method: str) -> float:
    """Integral of the interpolated y from low to high, both within x."""
    inner = [] if method == "cubic" else [v for v in x if low < v < high]
    knots = [low, *inner, high]
    middles = [0.5 * (a + b) for a, b in pairwise(knots)]
    y_at = values(x, y, [*knots, *middles], method)
    # Simpson's rule is exact for cubics, and each piece is one.
    return sum(
        (b - a) / 6.0 * (y_at[i] + 4.0 * y_at[len(knots) + i] + y_at[i + 1])
        for i, (a, b) in enumerate(pairwise(knots))
    )


def values(x: Sequence[float], y: Sequence[float], at: Sequence[float], method: str) -> list[float]:
    """The interpolated y at places within x."""
    if method == "cubic":
        return _cubic(x, y, at)
    slopes = _SLOPES[method](x, y)
    return [_hermite(x, y, slopes, min(bisect_right(x, v) - 1, len(x) - 2), v) for v in at]


def _cubic(x: Sequence[float], y: Sequence[float], at: Sequence[float]) -> list[float]:
    """The least-squares cubic, fitted over x brought to [-1, 1], where it is well conditioned."""
    middle, half = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])
    powers = [(1.0, t, t * t, t * t * t) for t in ((v - middle) / half for v in x)]
    a, b, c, d = np.linalg.lstsq(np.array(powers), np.array(y), rcond=None)[0].tolist()
    return [a + t * (b + t * (c + t * d)) for t in ((v - middle) / half for v in at)]


def _hermite(x: Sequence[float], y: Sequence[float], slopes: Sequence[float], i: int, v: float) -> float:
    h = x[i + 1] - x[i]
    t = (v - x[i]) / h
    s = 1.0 - t
    return s * s * ((1 + 2 * t) * y[i] + t * h * slopes[i]) + t * t * (
        (1 + 2 * s) * y[i + 1] - s * h * slopes[i + 1]
    )


def _pchip_slopes(x: Sequence[float], y: Sequence[float]) -> list[float]:
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


def _akima_slopes(x: Sequence[float], y: Sequence[float]) -> list[float]:
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


_SLOPES: dict[str, Callable[[Sequence[float], Sequence[float]], list[float]]] = {
    "pchip": _pchip_slopes,
    "akima": _akima_slopes,
}
