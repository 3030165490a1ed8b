import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai_bench.network.search import CLOSE, nearest_step

SHAPES = {
    "straight in the logarithm": lambda share: 1000 * 30**share,
    "straight": lambda share: 1000 + 30_000 * share,
    "flat, then steep": lambda share: 1000 + 30_000 * share**12,
    "steep, then flat": lambda share: 31_000 - 30_000 * (1 - share) ** 12,
    "of few bytes": lambda share: 40 + 4 * round(20 * share),
}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=60, deadline=None)
@given(wanted=st.floats(20, 40_000))
def test_no_step_is_nearer_than_what_counts_as_close(shape, wanted):
    asked = set()

    def length(step):
        asked.add(step)
        return round(SHAPES[shape](step / 5000))

    found = length(nearest_step(length, wanted, 0, 5000))
    best = min((round(SHAPES[shape](step / 5000)) for step in range(5001)), key=lambda n: abs(n - wanted))
    assert abs(found - wanted) <= max(abs(best - wanted), CLOSE * wanted)
    assert len(asked) <= 40


def test_a_length_like_a_codecs_is_found_in_a_few_steps():
    asked = set()

    def length(step):
        asked.add(step)
        quality = step / 1000
        return 4 * round(500 * math.exp(0.65 * quality - 0.03 * quality**2))

    for wanted in (2300, 4700, 9000, 18_000):
        assert length(nearest_step(length, wanted, 0, 5000)) == pytest.approx(wanted, rel=CLOSE)
    assert len(asked) <= 2 + 4 * 6


@pytest.mark.parametrize(("wanted", "step"), [(0.5, 0), (10, 0), (60, 5), (999, 5)])
def test_beyond_the_ends_it_is_the_end(wanted, step):
    assert nearest_step(lambda step: 10 * (step + 1), wanted, 0, 5) == step


def test_a_length_that_falls_ends_too():
    for wanted in (1, 50, 95, 1000):
        assert nearest_step(lambda step: 100 - step, wanted, 0, 50) in (0, 50)


def test_wiggles_do_not_keep_it_from_ending():
    found = nearest_step(lambda step: 1000 + step + (17 * step) % 23, 3333, 0, 5000)
    assert 1000 + found + (17 * found) % 23 == pytest.approx(3333, rel=CLOSE)
