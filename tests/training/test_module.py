from dataclasses import replace

import pytest
import torch
from torch import nn
from trainings import IDENTITY, OPERATION, RECIPE, equal, network, rows, train, weights

from jpegai_bench.errors import BenchError

RECIPE = replace(RECIPE, steps=16, ms_ssim_share=0.0, warmup_steps=1)


class Failing(nn.Module):
    """An attention that is not a number at some steps; it is called twice a step, for luma and chroma."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * float("nan") if (self.calls - 1) // 2 + 1 in self.steps else x


def failing(steps):
    module = Failing(set(steps))
    return network(attention=lambda channels: module)


def finite(values):
    return all(bool(torch.isfinite(value).all()) for value in values.values())


def test_a_step_whose_gradient_is_not_finite_is_left_out(photographs, tmp_path):
    trained, trace, warnings = train(photographs, tmp_path, RECIPE, made=failing({4, 6, 7}))
    assert [now.step for now, _ in trace] == list(range(1, 17))
    left_out = [step for step in range(2, 17) if equal(trace[step - 2][1], trace[step - 1][1])]
    assert left_out == [4, 6, 7]
    assert finite(weights(trained))
    assert warnings == []


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_after_several_in_a_row_the_training_goes_back_and_says_so(photographs, tmp_path, seconds):
    operation = replace(OPERATION, checkpoint_seconds=seconds)
    trained, trace, warnings = train(photographs, tmp_path, RECIPE, operation, made=failing(range(5, 10)))
    assert len(warnings) == 1
    assert "5 gradients in a row were not finite at step 9: back to the last checkpoint" in warnings[0]
    assert "going on at 0.5 of the learning rate" in warnings[0]
    # The next step starts from the last good weights: of step 3, or of the start where none were written.
    good = weights(network()) if seconds else trace[2][1]
    step = 0.5 * RECIPE.learning_rate_at(9)
    assert max(float((trace[9][1][name] - good[name]).abs().max()) for name in good) < 1.1 * step
    assert max(float((trace[8][1][name] - good[name]).abs().max()) for name in good) > 1.1 * step
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (state["step"], state["eased"]) == (16, 0.5)
    assert finite(weights(trained))


def test_each_return_halves_the_learning_rate_until_the_training_ends(photographs, tmp_path):
    recipe = replace(RECIPE, steps=60)
    operation = replace(OPERATION, checkpoint_seconds=1e9)
    warnings: list[str] = []
    with pytest.raises(
        BenchError, match=r"^diverges at step 33, at 0\.03125 of the learning rate too: lower"
    ):
        train(photographs, tmp_path, recipe, operation, made=failing(range(4, 99)), told=warnings)
    assert [warning.split("going on at ")[1].split()[0] for warning in warnings] == [
        "0.5", "0.25", "0.125", "0.0625", "0.03125",
    ]  # fmt: skip
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert finite(state["network"])


@pytest.mark.parametrize("rate", [1e10, 1e30])
def test_a_hopeless_learning_rate_ends_the_training_with_a_sound_checkpoint(photographs, tmp_path, rate):
    recipe = replace(RECIPE, steps=200, learning_rate=rate, gradient_clip=1e30)
    with pytest.raises(BenchError, match=r"^diverges at step .*lower training\.learning_rate"):
        train(photographs, tmp_path, recipe)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert finite(state["network"])
    assert finite(dict(enumerate(state["average"])))
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    # Another try is told the same at once.
    with pytest.raises(BenchError, match=r"^diverges at step"):
        train(photographs, tmp_path, recipe, identity=IDENTITY)


def test_a_training_without_one_sound_step_makes_no_weights(photographs, tmp_path):
    with pytest.raises(BenchError, match="none of the 3 gradients was finite"):
        train(photographs, tmp_path, replace(RECIPE, steps=3), made=failing({1, 2, 3}))


def test_clipping_bounds_what_a_step_sees(photographs, tmp_path):
    """Adam moves by the rate whatever the clip; the moments show the gradient."""
    train(photographs, tmp_path, replace(RECIPE, steps=1, gradient_clip=1e-3))
    moments = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizer"]["state"].values()
    norm = sum(float((moment["exp_avg"] / 0.1).square().sum()) for moment in moments) ** 0.5
    assert norm == pytest.approx(1e-3, rel=0.01)


LATE = replace(RECIPE, steps=6, attention_from_step=3)


def with_attention(seed=0):
    return network(seed, attention=lambda channels: nn.Conv2d(channels, channels, 3, padding=1))


def test_attention_takes_part_from_its_step_on(photographs, tmp_path):
    begun = weights(with_attention())
    trained, trace, _ = train(photographs, tmp_path / "late", LATE, made=with_attention())
    attention = [name for name in begun if "attention_quarter" in name and name.startswith("synthesis")]
    assert attention
    moved = [any(not torch.equal(begun[name], now[name]) for name in attention) for _, now in trace]
    assert moved == [False, False, False, True, True, True]
    others = [name for name in begun if name.startswith("synthesis") and name not in attention]
    assert all(not torch.equal(begun[name], trace[2][1][name]) for name in others)
    # Until then it is the training of a network that has none.
    _, plain, _ = train(photographs, tmp_path / "plain", LATE, made=without(with_attention()))
    assert [now.loss for now, _ in plain[:3]] == [now.loss for now, _ in trace[:3]]
    assert plain[3][0].loss != trace[3][0].loss
    assert isinstance(trained.synthesis["luma"].attention_quarter, nn.Conv2d)


def without(made):
    for branch in made.synthesis.values():
        branch.attention_quarter = nn.Identity()
    return made


@pytest.mark.parametrize("killed", [2, 3, 4])
def test_attention_that_comes_late_does_so_when_resumed_too(killed, photographs, tmp_path):
    whole, _, _ = train(photographs, tmp_path / "whole", LATE, made=with_attention())
    train(photographs, tmp_path / "killed", LATE, made=with_attention(), stop_at=killed)
    resumed, _, _ = train(photographs, tmp_path / "killed", LATE, made=with_attention(seed=1))
    assert equal(weights(whole), weights(resumed))


def test_held_out_photographs_are_decoded_as_far_as_the_network_is_trained(photographs, tmp_path):
    operation = replace(OPERATION, validate_every=3)
    train(photographs, tmp_path / "late", LATE, operation, made=with_attention())
    train(photographs, tmp_path / "plain", LATE, operation, made=without(with_attention()))
    late, plain = (rows(tmp_path / name / "validation.csv") for name in ("late", "plain"))
    assert [row["step"] for row in late] == ["3", "6"]
    assert late[0] == plain[0]
    assert late[1] != plain[1]
