import random
from statistics import median

import pytest

from jpegai_bench.training.loss_level import FACTOR, WINDOW, Level


def level_of(losses, stage=(0.0, True)):
    """The level after them, and the step at which it first said that the loss has exploded."""
    level, first = Level(stage), None
    for number, loss in enumerate(losses, 1):
        level.add(loss, stage)
        if first is None and level.has_exploded:
            first = number
    return level, first


def noisy(count, around=1.0, seed=0):
    """Losses of which one is often three times another, and some ten times."""
    drawn = random.Random(seed)
    return [around * drawn.lognormvariate(0, 0.7) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_explosion(seed):
    losses = noisy(20_000, seed=seed)
    assert max(losses) > 10 * median(losses)
    level, first = level_of(losses)
    assert first is None
    assert 1 <= level.times < 2


def test_a_loss_that_falls_from_a_high_start_is_none():
    falling = [loss * (0.5 + 40 / (1 + step / 20)) for step, loss in enumerate(noisy(3000))]
    assert level_of(falling)[1] is None


@pytest.mark.parametrize("jump", [6, 20, 1e6])
def test_a_loss_that_stays_up_is_noticed_within_a_window(jump):
    calm = noisy(400)
    level, first = level_of([*calm, *noisy(WINDOW, around=jump, seed=1)])
    assert 0.4 * WINDOW < first - len(calm) <= WINDOW
    assert level.times > FACTOR


def test_one_that_rises_slowly_is_noticed_too():
    _, first = level_of([*noisy(300), *(loss * 1.003**step for step, loss in enumerate(noisy(3000)))])
    assert first is not None


def test_a_jump_that_passes_is_none():
    assert level_of([*noisy(300), *noisy(WINDOW // 2 - 1, around=100), *noisy(300)])[1] is None


def test_before_there_is_a_usual_level_nothing_is_said():
    level, first = level_of([1.0] * 3 + [1e6] * (WINDOW - 3))
    assert (level.times, first) == (1.0, None)


def test_another_loss_function_begins_anew():
    level, _ = level_of(noisy(300))
    for loss in noisy(300, around=50):
        level.add(loss, (0.4, True))
        assert not level.has_exploded
    assert level.lowest > 25


def test_from_the_first_high_loss_on_nothing_is_calm():
    level, _ = level_of([1.0] * WINDOW)
    assert level.is_calm(1.5)
    assert not level.is_calm(30.0)
    assert not level.is_calm(float("nan"))
    level.add(30.0, (0.0, True))
    assert not level.is_calm(1.0)
    for _ in range(4):
        level.add(1.0, (0.0, True))
    assert level.is_calm(1.0)
