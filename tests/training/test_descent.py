import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from messages import refused, says
from torch import nn
from trainings import IDENTITY, OPERATION, RECIPE, Killed, equal, network, rows, train, weights

from jpegai_bench.errors import BenchError
from jpegai_bench.training.photographs import find_photographs

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


class Loud(nn.Module):
    """An attention that passes on what comes, multiplied."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def failing(steps):
    module = Failing(set(steps))
    return network(attention=lambda channels: module)


def finite(values):
    return all(bool(torch.isfinite(value).all()) for value in values.values())


def test_a_step_whose_gradient_is_not_finite_is_left_out(photographs, tmp_path):
    recipe, operation = replace(RECIPE, steps=8), replace(OPERATION, checkpoint_seconds=1e9)
    trained, trace, warnings = train(photographs, tmp_path, recipe, operation, made=failing({4, 6, 7}))
    assert [now.step for now, _ in trace] == list(range(1, 9))
    left_out = [step for step in range(2, 9) if equal(trace[step - 2][1], trace[step - 1][1])]
    assert left_out == [4, 6, 7]
    assert finite(weights(trained))
    assert warnings == []


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_after_several_in_a_row_the_training_goes_back_and_says_so(photographs, tmp_path, seconds):
    operation = replace(OPERATION, checkpoint_seconds=seconds)
    trained, trace, warnings = train(photographs, tmp_path, RECIPE, operation, made=failing(range(5, 10)))
    assert len(warnings) == 1
    assert says(warnings[0], "5 gradients", "step 9", "last checkpoint", "0.5 of the learning rate")
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
    with refused("diverges at step 33", "0.03125 of the learning rate", "lower"):
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
    with refused("none of the 3 gradients"):
        train(photographs, tmp_path, replace(RECIPE, steps=3), made=failing({1, 2, 3}))


def test_a_loss_that_explodes_and_stays_finite_is_noticed(photographs, tmp_path):
    """Sixty sound steps, with MS-SSIM from the 5th on; then a thousand times the signal."""
    sound = replace(RECIPE, steps=60, warmup_steps=2, learning_rate=5e-3, final_learning_rate=5e-3)
    sound = replace(sound, ms_ssim_share=0.1, ms_ssim_from_step=5)
    operation = replace(OPERATION, checkpoint_seconds=1e9)
    sound_network, loud_network = (network(attention=lambda _, by=by: Loud(by)) for by in (1.0, 1e3))
    _, _, warnings = train(photographs, tmp_path, sound, operation, made=sound_network)
    assert warnings == []
    before = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert before["level"]["lowest"] < 15

    def stop(now):
        if warnings:
            raise Killed

    longer = replace(sound, steps=200, learning_rate=1e-6, final_learning_rate=1e-6)
    _, trace, _ = train(photographs, tmp_path, longer, operation, made=loud_network, told=warnings, each=stop)
    [told] = warnings
    assert re.search(r" \S+ times its usual level at step [789]\d: ", told)
    assert says(told, "last checkpoint", "0.5 of the learning rate")
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert after["eased"] == 0.5
    assert equal(after["network"], before["network"])
    assert all(math.isfinite(now.loss) for now, _ in trace)


@pytest.fixture
def unseen(photographs):
    """Photographs of which none is held out: the network sees the steps' crops alone."""
    return find_photographs([photographs], RECIPE.crop, 0)


def test_bad_crops_at_the_very_end_leave_the_weights_of_before(unseen, tmp_path):
    """Of `Failing`: the crops of the steps that would come next are good."""
    trained, trace, warnings = train(unseen, tmp_path, RECIPE, made=failing({15, 16}))
    assert warnings == []
    assert [now.step for now, _ in trace] == list(range(1, 17))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (state["step"], state["eased"]) == (16, 1.0)
    assert equal({name: state["network"][name] for name in trace[13][1]}, trace[13][1])
    assert finite(weights(trained))


def test_a_training_that_breaks_down_at_its_end_does_the_last_stretch_again(unseen, tmp_path):
    """Three steps and two looks ahead are bad in a row; the checkpoint is that of 12 steps."""
    trained, trace, warnings = train(unseen, tmp_path, RECIPE, made=failing(range(14, 19)))
    [warning] = warnings
    assert says(warning, "5 gradients", "step 16", "step 12", "0.5 of the learning rate")
    assert [now.step for now, _ in trace] == [*range(1, 17), *range(13, 17)]
    assert [row["step"] for row in rows(tmp_path / "log.csv")] == [str(step) for step in range(1, 17)]
    assert not equal(trace[15][1], trace[19][1])
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (state["step"], state["eased"]) == (16, 0.5)
    assert finite(weights(trained))


def test_a_short_training_whose_weights_are_bad_at_its_end_is_not_finished(unseen, tmp_path):
    """The first step ruins them; fewer than five are left."""
    recipe = replace(RECIPE, steps=4, learning_rate=1e10, gradient_clip=1e30)
    warnings: list[str] = []
    with refused("diverges at step 4", "0.03125 of the learning rate", "lower"):
        train(unseen, tmp_path, recipe, told=warnings)
    assert len(warnings) == 5
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] < 4
    assert finite(state["network"])


def test_clipping_bounds_what_a_step_sees(photographs, tmp_path):
    """Adam moves by the rate whatever the clip; the moments show the gradient."""
    train(photographs, tmp_path, replace(RECIPE, steps=1, gradient_clip=1e-3))
    moments = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizer"]["state"].values()
    norm = sum(float((moment["exp_avg"] / 0.1).square().sum()) for moment in moments) ** 0.5
    assert norm == pytest.approx(1e-3, rel=0.01)


LATE = replace(RECIPE, steps=6, attention_from_step=3)


def with_attention(seed=0):
    return network(seed, attention=lambda channels: nn.Conv2d(channels, channels, 3, padding=1))


@pytest.fixture(scope="module")
def late(photographs, tmp_path_factory):
    """What `LATE` comes to, and the same without attention."""
    operation = replace(OPERATION, validate_every=3, checkpoint_seconds=1e9)
    found = {}
    for name, made in (("late", with_attention()), ("plain", without(with_attention()))):
        folder = tmp_path_factory.mktemp(name)
        trained, trace, _ = train(photographs, folder, LATE, operation, made=made)
        found[name] = SimpleNamespace(network=trained, trace=trace, folder=folder)
    return SimpleNamespace(**found)


def test_attention_takes_part_from_its_step_on(late):
    begun, trace, plain = weights(with_attention()), late.late.trace, late.plain.trace
    attention = [name for name in begun if "attention_quarter" in name and name.startswith("synthesis")]
    assert attention
    moved = [any(not torch.equal(begun[name], now[name]) for name in attention) for _, now in trace]
    assert moved == [False, False, False, True, True, True]
    others = [name for name in begun if name.startswith("synthesis") and name not in attention]
    assert all(not torch.equal(begun[name], trace[2][1][name]) for name in others)
    # Until then it is the training of a network that has none.
    assert [now.loss for now, _ in plain[:3]] == [now.loss for now, _ in trace[:3]]
    assert plain[3][0].loss != trace[3][0].loss
    assert isinstance(late.late.network.synthesis["luma"].attention_quarter, nn.Conv2d)


def test_attention_that_comes_late_warms_up_by_itself(photographs, tmp_path):
    """Adam's first step is as long as its rate, which is read off from it."""
    recipe = replace(LATE, warmup_steps=5, steps=7, attention_rate=0.5, precision="float32")
    _, trace, _ = train(photographs, tmp_path, recipe, made=with_attention())
    (_, before), (_, after) = trace[2], trace[3]
    moved = {name: float((after[name] - before[name]).abs().max()) for name in after}
    attention = {name: value for name, value in moved.items() if "synthesis" in name and "attention" in name}
    rate = recipe.learning_rate_at(3) / 4 / 2  # the first of five steps; the others do their fourth
    assert max(attention.values()) == pytest.approx(rate, rel=0.01)
    assert max(value for name, value in moved.items() if name not in attention) > 1.5 * rate


def without(made):
    for branch in made.synthesis.values():
        branch.attention_quarter = nn.Identity()
    return made


@pytest.mark.parametrize("killed", [2, 3, 4])
def test_attention_that_comes_late_does_so_when_resumed_too(killed, photographs, tmp_path, late):
    train(photographs, tmp_path, LATE, made=with_attention(), stop_at=killed)
    resumed, _, _ = train(photographs, tmp_path, LATE, made=with_attention(seed=1))
    assert equal(weights(late.late.network), weights(resumed))


def test_held_out_photographs_are_decoded_as_far_as_the_network_is_trained(late):
    with_it, plain = (rows(each.folder / "validation.csv") for each in (late.late, late.plain))
    assert [row["step"] for row in with_it] == ["3", "6"]
    assert with_it[0] == plain[0]
    assert with_it[1] != plain[1]
