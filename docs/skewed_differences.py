"""Interval and p-value where the differences of pictures are skewed: `python docs/skewed_differences.py`.

Differences are log-normal, less their mean: in truth the mean difference is zero.
"""

import math
import sys

import numpy as np

from jpegai_bench.analysis.significance import LEVEL, mean_interval, signed_rank

SIGMAS = (0.1, 0.25, 0.5, 1.0)
"""Of the logarithm."""


def skewness(sigma: float) -> float:
    """Of a log-normal distribution."""
    spread = math.exp(sigma**2)
    return (spread + 2) * math.sqrt(spread - 1)


def shares(sigma: float, images: int, sets: int, seed: int = 0) -> tuple[float, float]:
    """Of so many sets of pictures the share whose interval holds the true mean, and with p below `LEVEL`."""
    random = np.random.default_rng(seed)
    covered = called = 0
    for _ in range(sets):
        values = np.exp(sigma * random.normal(size=images)) - math.exp(sigma**2 / 2)
        interval = mean_interval(values)
        covered += interval.low <= 0 <= interval.high
        called += signed_rank(values).value < LEVEL
    return covered / sets, called / sets


def main(sets: int) -> None:
    """Print a table in Markdown."""
    print("| skewness | pictures | intervals that hold the mean | p < 0.05 |\n|---:|---:|---:|---:|")
    for images in (24, 100):
        for sigma in SIGMAS:
            covered, called = shares(sigma, images, sets)
            print(f"| {skewness(sigma):.1f} | {images} | {covered:.0%} | {called:.0%} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 4000)
