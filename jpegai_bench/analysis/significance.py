"""Whether a difference is more than luck: over images, over several tests, over training seeds.

scipy.stats takes most of a second to import, so it is imported where it is needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from jpegai_bench.analysis.statistics import RESAMPLES, Interval, draws, expanded_tail
from jpegai_bench.system.wording import count

LEVEL = 0.05
"""A p-value below it is called a difference; the intervals are of the same level."""
RESOLUTION = 1e-9
"""Percentage points of BD-rate; what is smaller is rounding, and counts as no difference."""
EXACT_UP_TO = 50
"""Images up to which the p-value is exact; beyond, scipy's normal approximation."""


@dataclass(frozen=True)
class PValue:
    """A two-sided p-value, or the reason why there is none."""

    value: float
    """0 to 1; NaN is NA."""
    reason: str = ""
    least: float = math.nan
    """The smallest that so many differences can have: that of signs that all agree."""


@dataclass(frozen=True)
class Welch:
    """Difference of two means whose spreads may differ, with its 95% interval; NaN is NA."""

    difference: float
    low: float
    high: float
    p_value: float
    reason: str = ""


@dataclass(frozen=True)
class Spread:
    """Values of one figure over training seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """NaN where there is no value."""
        return math.fsum(self.values) / len(self.values) if self.values else math.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the sample (n - 1); NaN for fewer than two values."""
        if len(self.values) < 2:
            return math.nan
        return math.sqrt(math.fsum((v - self.mean) ** 2 for v in self.values) / (len(self.values) - 1))


def fewest_images(tests: int = 1) -> int:
    """How many differences it takes for p < `LEVEL` by `signed_rank`, after `holm` over so many tests.

    Signs that all agree have p = 2/2^n, and of equal p-values Holm's correction multiplies each by `tests`.
    """
    return math.floor(math.log2(2 * tests / LEVEL)) + 1


FEWEST_IMAGES = fewest_images()
"""Images for a test and an interval. Five signs that all agree still have p = 2/2^5 = 0.0625, and a bootstrap
over five images covers the mean in about 92 of 100 cases, not in 95."""


def signed_rank(differences: Sequence[float]) -> PValue:
    """Wilcoxon's signed-rank test, two-sided: could the signs of these differences be a coin's?

    Differences below `RESOLUTION` are dropped, as Wilcoxon does with zeros; ties share their mean rank. Up to
    `EXACT_UP_TO` differences the p-value is exact, with ties too: the share of all assignments of signs
    to these ranks that lie as far out. (scipy's "exact" is exact without ties only, where both are equal.)
    NA below `FEWEST_IMAGES` differences.

    Args:
        differences: finite, one an image.

    Source: F. Wilcoxon, Biometrics Bulletin 1 (1945); distribution by convolution over the ranks.
    """
    from scipy.stats import rankdata, wilcoxon

    rounded = np.round(np.asarray(differences, float) / RESOLUTION) * RESOLUTION
    values = rounded[rounded != 0]
    if len(values) == 0:
        return PValue(math.nan, "no image differs" if len(rounded) else "no images")
    if len(values) < FEWEST_IMAGES:
        differ = f"{count(len(values), 'image')} {'differs' if len(values) == 1 else 'differ'}"
        few = differ if len(values) < len(rounded) else count(len(values), "image")
        return PValue(math.nan, f"{few}: fewer than {FEWEST_IMAGES} cannot show p < {LEVEL}")
    if len(values) > EXACT_UP_TO:
        return PValue(float(wilcoxon(values).pvalue), least=0.0)
    doubled = np.rint(2 * rankdata(np.abs(values))).astype(int)  # mean ranks are halves
    likely = np.zeros(doubled.sum() + 1)
    likely[0] = 1.0
    for rank in doubled:
        likely[rank:] += likely[: len(likely) - rank].copy()
        likely *= 0.5
    positive = int(doubled[values > 0].sum())
    nearer = min(positive, int(doubled.sum()) - positive)
    return PValue(min(1.0, 2.0 * float(likely[: nearer + 1].sum())), least=2.0 * 0.5 ** len(values))


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean with its 95% bootstrap interval over images, with `expanded_tail`; no interval below six."""
    numbers = np.sort(np.asarray(values, float))  # the order of images decides nothing
    count = len(numbers)
    if count == 0:
        return Interval(math.nan)
    mean = math.fsum(numbers) / count
    if count < FEWEST_IMAGES:
        return Interval(mean)
    tail = expanded_tail(count)
    # Deviations, so that equal values give their own value to the last bit; no matrix product, whose last
    # bits depend on the number of threads.
    low, high = np.quantile(((numbers - mean) * _draws(count, seed)).sum(axis=1) / count, [tail, 1.0 - tail])
    return Interval(mean, mean + float(low), mean + float(high))


@lru_cache(maxsize=2)  # the rows of a comparison mostly have the same number of images
def _draws(count: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each of `count` images in order of value is drawn, `[RESAMPLES, count]`.

    Each draw is there the other way round too, so that values of opposite sign have the mirrored interval.
    """
    half = draws(count, RESAMPLES // 2, seed)
    return np.concatenate([half, half[:, ::-1]])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values; NaN is no test, and stays NaN.

    Calling a difference where the adjusted value is below 0.05 keeps the chance of even one false call among
    all these tests below 5%, however the tests depend on each other.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for number, (p, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - number) * p))
        adjusted[place] = highest
    return adjusted


@dataclass(frozen=True)
class TrainingNoise:
    """What chance in training does to a figure, measured over seeds."""

    deviation: float
    """Standard deviation of one training, in the unit of the figure."""
    freedom: int
    """Degrees of freedom that it was measured with."""

    def of_difference(self, trainings: tuple[int, int] = (1, 1)) -> float:
        """Standard deviation of the difference of two means over so many trainings."""
        return self.deviation * math.sqrt(sum(1 / count for count in trainings))

    def reach(self, trainings: tuple[int, int] = (1, 1)) -> float:
        """How far apart such means are in 95 of 100 cases, by Student's t, where nothing else differs."""
        from scipy.special import stdtrit  # scipy.stats takes most of a second to import

        return -float(stdtrit(self.freedom, LEVEL / 2)) * self.of_difference(trainings)


def pooled_noise(samples: Sequence[tuple[int, float]]) -> TrainingNoise | None:
    """The common noise of several samples of seeds, each its number and its standard deviation (n - 1).

    Of none with two seeds or more, and of seeds that do not differ, there is none.
    """
    several = [(seeds - 1, deviation) for seeds, deviation in samples if seeds > 1]
    freedom = sum(free for free, _ in several)
    if not several or max(deviation for _, deviation in several) < RESOLUTION:
        return None
    variance = math.fsum(free * deviation**2 for free, deviation in several) / freedom
    return TrainingNoise(math.sqrt(variance), freedom)


def welch(first: Spread, second: Spread) -> Welch:
    """`second` minus `first`: difference of the means over seeds, by Welch's t-test.

    NA where one has fewer than two values, or neither has any spread.

    Source: B. L. Welch, Biometrika 34 (1947), as in `scipy.stats.ttest_ind`.
    """
    difference = second.mean - first.mean
    if min(len(first.values), len(second.values)) < 2:
        reason = "needs two seeds of each"
        return Welch(difference, math.nan, math.nan, math.nan, reason)
    if max(first.deviation, second.deviation) < RESOLUTION:
        return Welch(difference, math.nan, math.nan, math.nan, "the seeds do not differ")
    from scipy.special import stdtr, stdtrit  # scipy.stats takes most of a second to import

    shares = [spread.deviation**2 / len(spread.values) for spread in (first, second)]
    freedom = sum(shares) ** 2 / sum(
        share**2 / (len(spread.values) - 1) for share, spread in zip(shares, (first, second), strict=True)
    )
    error = math.sqrt(sum(shares))
    reach = -float(stdtrit(freedom, LEVEL / 2)) * error
    p_value = 2.0 * float(stdtr(freedom, -abs(difference) / error))
    return Welch(difference, difference - reach, difference + reach, p_value)
