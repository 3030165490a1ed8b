import math
import runpy
import statistics
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from messages import says
from scipy import stats

from jpegai_bench.analysis.significance import (
    EXACT_UP_TO,
    FEWEST_IMAGES,
    LEVEL,
    RESOLUTION,
    Spread,
    fewest_images,
    holm,
    mean_interval,
    pooled_noise,
    signed_rank,
    welch,
)

DOCS = Path(__file__).parents[2] / "docs"


def test_the_hamilton_scale_example_of_hollander_and_wolfe():
    """Nine patients before and after; R's wilcox.test gives V = 40, one-sided p = 0.01953."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    differences = [x - y for x, y in zip(before, after, strict=True)]
    assert signed_rank(differences).value == pytest.approx(2 * 0.01953125, abs=1e-15)


def test_six_differences_by_hand():
    """Of 2^6 signs: all agree in 2; the sums up to 6 are reached by 14 sets of the ranks 1 to 6."""
    assert signed_rank([1, 2, 3, 4, 5, 6]).value == 2 / 64
    assert signed_rank([1, 2, 3, 4, 5, -6]).value == 2 * 14 / 64
    assert signed_rank([-1, -2, -3, -4, -5, 6]).value == 2 * 14 / 64


def test_with_ties_it_is_the_share_of_all_signs_that_lie_as_far_out():
    """Six equal differences rank 3.5 each: one against five leaves 2 x (1 + 6) of 64 as far out."""
    assert signed_rank([1, 1, 1, 1, 1, -1]).value == 2 * 7 / 64
    random = np.random.default_rng(0)
    for _ in range(20):
        values = random.integers(1, 5, size=9) * random.choice([-1, 1], size=9)
        ranks = stats.rankdata(np.abs(values))
        sums = np.array([ranks @ signs for signs in product((0, 1), repeat=9)])
        away = abs(ranks[values > 0].sum() - ranks.sum() / 2)
        assert signed_rank(values).value == pytest.approx(
            np.mean(np.abs(sums - ranks.sum() / 2) >= away), abs=1e-12
        )


@pytest.mark.parametrize("images", [6, 7, 13, 24, EXACT_UP_TO])
def test_without_ties_it_is_scipys_exact_test(images):
    random = np.random.default_rng(images)
    for shift in (0.0, 0.3, 1.0):
        values = random.normal(shift, size=images)
        assert signed_rank(values).value == pytest.approx(
            stats.wilcoxon(values, method="exact").pvalue, rel=1e-9
        )


def test_beyond_fifty_images_the_normal_approximation_is_close_to_exact():
    values = np.random.default_rng(4).normal(0.25, size=60)
    exact = stats.wilcoxon(values, method="exact").pvalue
    assert signed_rank(values).value == pytest.approx(exact, rel=0.05)


def test_zeros_are_dropped_and_rounding_is_no_difference():
    values = [0.3, -0.1, 0.5, 0.7, -0.2, 0.9, 1.1]
    assert signed_rank([0.0, *values, 0.0]) == signed_rank(values)
    assert signed_rank([1e-13, *values, -1e-12]) == signed_rank(values)
    noise = signed_rank([0.01 * RESOLUTION] * 24)
    assert math.isnan(noise.value)
    assert noise.reason == "no image differs"


@pytest.mark.parametrize("images", range(FEWEST_IMAGES))
def test_fewer_than_six_images_are_no_test(images):
    """Even if all agree, 2 / 2^5 is above 0.05."""
    p_value = signed_rank([1.0 + n for n in range(images)])
    assert math.isnan(p_value.value)
    assert (
        p_value.reason == "no images"
        if images == 0
        else "fewer than 6 cannot show p < 0.05" in p_value.reason
    )
    assert math.isnan(mean_interval(range(images)).low)
    assert signed_rank([0.0] * 20 + [1.0] * 4).reason.startswith("4 images differ: fewer")


def test_under_the_null_five_of_a_hundred_are_called_different():
    """2000 sets of 24 images without a true difference; three standard errors of 5% are 1.5%."""
    random = np.random.default_rng(1)
    called = np.mean([signed_rank(random.normal(size=24)).value < 0.05 for _ in range(2000)])
    assert called == pytest.approx(0.05, abs=0.015)
    heavy = np.mean([signed_rank(random.standard_t(2, size=24)).value < 0.05 for _ in range(2000)])
    assert heavy == pytest.approx(0.05, abs=0.015)


@cache
def draws(count):
    return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=1000) / count


def percentile(values):
    """The plain percentile interval, for comparison."""
    return np.quantile(draws(len(values)) @ values, [0.025, 0.975])


@pytest.mark.parametrize(("images", "least"), [(24, 0.93), (8, 0.915)])
def test_the_interval_covers_the_true_difference(images, least):
    """Rates of B are 1% above those of A in the median, image by image with a spread of 3%; the true mean of
    the difference is known. 1000 sets of images: two standard errors of 95% are 1.4%."""
    random = np.random.default_rng(2)
    truth = 100 * (1.01 * math.exp(0.03**2 / 2) - 1)
    covered = np.zeros(2)
    for _ in range(1000):
        values = 100 * (1.01 * np.exp(0.03 * random.normal(size=images)) - 1)
        ours = mean_interval(values)
        for place, (low, high) in enumerate([(ours.low, ours.high), percentile(values)]):
            covered[place] += low <= truth <= high
    ours, plain = covered / 1000
    assert least <= ours <= 0.97
    assert plain < ours - 0.005


@pytest.mark.slow
def test_under_strong_skew_the_interval_covers_less_and_the_p_value_tests_symmetry():
    """The lines of docs/significance.md at 24 pictures; three standard errors of 1000 sets are 2 to 4%."""
    shares = runpy.run_path(str(DOCS / "skewed_differences.py"))["shares"]
    assert shares(0.1, images=24, sets=1000) == pytest.approx((0.95, 0.05), abs=0.025)
    covered, called = shares(1.0, images=24, sets=1000)
    assert covered == pytest.approx(0.89, abs=0.03)
    assert called == pytest.approx(0.28, abs=0.045)


def test_the_interval_knows_no_order_and_is_the_same_again():
    values = np.random.default_rng(5).normal(size=24)
    assert mean_interval(values) == mean_interval(values[::-1]) == mean_interval(np.roll(values, 5))
    assert mean_interval(values) != mean_interval(values, seed=1)
    # For symmetric values it is close to Student's, whose width it is made to have.
    t = stats.t.interval(0.95, 23, values.mean(), stats.sem(values))
    ours = mean_interval(values)
    assert (ours.low, ours.high) == pytest.approx(t, abs=0.05)


def test_equal_values_have_an_interval_of_no_width():
    interval = mean_interval([2.5] * 12)
    assert (interval.mean, interval.low, interval.high) == (2.5, 2.5, 2.5)


def test_holms_correction():
    """The smallest of m is multiplied by m, the next by m - 1, and none is smaller than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    adjusted = holm([0.02, math.nan, 0.01])
    assert adjusted[0::2] == [0.02, 0.02]
    assert math.isnan(adjusted[1])
    assert holm([]) == []


def test_holm_keeps_the_chance_of_any_false_call_below_five_percent():
    """Eight tests without a true difference, independent: uncorrected, 1 - 0.95^8 = 34% have a false one."""
    random = np.random.default_rng(6)
    sets = [[signed_rank(random.normal(size=12)).value for _ in range(8)] for _ in range(600)]
    assert np.mean([min(p) < 0.05 for p in sets]) > 0.25
    assert np.mean([min(holm(p)) < 0.05 for p in sets]) < 0.07


FIRST = (27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4)
SECOND = (27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4)


@pytest.mark.parametrize("second", [SECOND, SECOND[:3], (20.0, 20.5)])
def test_welch_by_its_formula(second):
    """t and Welch-Satterthwaite's degrees of freedom, written out."""
    first = FIRST
    found = welch(Spread(first), Spread(second))
    parts = [statistics.variance(values) / len(values) for values in (first, second)]
    error, difference = math.sqrt(sum(parts)), statistics.mean(second) - statistics.mean(first)
    freedom = sum(parts) ** 2 / sum(p**2 / (len(v) - 1) for p, v in zip(parts, (first, second), strict=True))
    reach = stats.t.ppf(0.975, freedom) * error
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(difference) / error, freedom), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((difference - reach, difference + reach), abs=1e-9)
    assert found.p_value == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue, rel=1e-12)


def test_a_spread_needs_two_seeds():
    spread = Spread((1.0, 2.0, 4.0))
    assert spread.mean == pytest.approx(7 / 3)
    assert spread.deviation == pytest.approx(statistics.stdev(spread.values))
    alone = Spread((1.0,))
    assert math.isnan(alone.deviation)
    assert math.isnan(Spread(()).mean)
    found = welch(spread, alone)
    assert found.difference == pytest.approx(1 - 7 / 3)
    assert math.isnan(found.p_value)
    assert says(found.reason, "two seeds")
    assert says(welch(Spread((1.0, 1.0)), Spread((2.0, 2.0))).reason, "do not differ")


@pytest.mark.parametrize("images", [6, 24, 51])
def test_the_interval_of_the_opposite_is_the_mirrored_interval(images):
    values = np.random.default_rng(images).normal(size=images) + 0.5
    there, back = mean_interval(values), mean_interval(-values)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


@pytest.mark.parametrize("tests", [1, 2, 5, 8, 13])
def test_the_fewest_images_are_those_from_which_the_test_can_show_something(tests):
    images = fewest_images(tests)
    for count, shows in ((images, True), (images - 1, False)):
        least = signed_rank([1.0] * max(count, FEWEST_IMAGES)).least * 2.0 ** max(FEWEST_IMAGES - count, 0)
        assert (holm([least] * tests)[-1] < LEVEL) == shows


def test_the_reach_of_pooled_noise_is_that_of_students_test():
    """Where a difference is just as large, the classic test with common variance has p = 0.05."""
    first, second = (1.0, 2.0, 4.0), (3.0, 3.5, 4.5)
    noise = pooled_noise([(3, np.std(first, ddof=1)), (3, np.std(second, ddof=1)), (1, math.nan)])
    moved = np.array(second) - np.mean(second) + np.mean(first) + noise.reach((3, 3))
    assert noise.freedom == 4
    assert stats.ttest_ind(first, moved).pvalue == pytest.approx(LEVEL)
    assert pooled_noise([(1, math.nan)]) is None
    assert pooled_noise([(2, 0.0)]) is None
