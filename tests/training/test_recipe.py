import json

import pytest
from recipes import small_recipe


def test_the_learning_rate_warms_up_and_falls_to_its_end():
    recipe = small_recipe(steps=1000, warmup_steps=100, learning_rate=1e-3, final_learning_rate=1e-5)
    rates = [recipe.learning_rate_at(step) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5, rel=0.01)
    assert max(rates) == pytest.approx(1e-3, rel=0.05)
    assert rates[-1] == pytest.approx(1e-5, rel=0.01)
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert small_recipe(steps=10, warmup_steps=0).learning_rate_at(0) == small_recipe(steps=10).learning_rate


def test_the_average_soon_forgets_the_first_weights_and_then_moves_slowly():
    recipe = small_recipe(steps=10_000, ema=0.99)
    decays = [recipe.ema_decay_at(step) for step in range(2000)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99


def test_ms_ssim_enters_when_it_is_asked_for():
    recipe = small_recipe(steps=10, ms_ssim_share=0.4, ms_ssim_from_step=3)
    assert [recipe.ms_ssim_share_at(step) for step in (0, 2, 3, 9)] == [0, 0, 0.4, 0.4]


def test_a_recipe_comes_back_from_json():
    recipe = small_recipe(steps=10, reduction=(0.5, 1.0))
    assert json.loads(json.dumps(recipe.as_dict())) == recipe.as_dict()
