from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.codec import Network, NetworkSize
from jpegai_bench.network.transforms import SynthesisModules
from jpegai_bench.network.upsampling import TransposedConvolution
from jpegai_bench.training.data import Photographs
from jpegai_bench.training.loop import Recipe, learning_rate, train

SIZE = NetworkSize(8, 8, 8, 8, 8, 8, residual_blocks=1, rnab_trunk_blocks=1, rnab_mask_blocks=1, qualities=3)
RECIPE = Recipe(
    steps=6,
    batch_size=2,
    crop=64,
    warmup_steps=2,
    ms_ssim_share=0.2,
    ms_ssim_from_step=2,
    precision="float32",
    checkpoint_seconds=0.0,
    log_every=1,
)
IDENTITY = {"model": {"luma": 8}}


class Killed(BaseException):
    """The power fails."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photographs():
    random = np.random.default_rng(0)
    y, x, _ = np.mgrid[:90, :110, :1]
    waves = [
        128 + 100 * np.sin(x / random.uniform(4, 20, 3) + y / random.uniform(4, 20, 3)) for _ in range(3)
    ]
    return Photographs([wave.astype(np.uint8) for wave in waves], [])


def network(seed=0):
    torch.manual_seed(seed)
    modules = SynthesisModules(lambda c: nn.Identity(), lambda c: nn.Identity(), TransposedConvolution, ResAU)
    return Network(SIZE, modules)


def weights(trained):
    return {name: parameter.detach().clone() for name, parameter in trained.named_parameters()}


def run(photographs, folder, recipe=RECIPE, made=None, stop_at=None, seed=0):
    """Train; `stop_at` kills before the checkpoint of that step. Returns the network and its trace."""
    trained = made or network(seed)
    trace = []

    def report(progress):
        trace.append((progress, weights(trained)))
        if progress.step == stop_at:
            raise Killed

    try:
        train(trained, photographs, recipe, folder, IDENTITY, report)
    except Killed:
        assert stop_at is not None
    return trained, trace


def equal(one, two):
    return [name for name in one if not torch.equal(one[name], two[name])] == []


@pytest.mark.parametrize("part", ["all", "synthesis"])
def test_a_killed_and_resumed_training_gives_the_weights_of_an_uninterrupted_one(photographs, tmp_path, part):
    recipe = replace(RECIPE, train=part)
    whole, trace = run(photographs, tmp_path / "whole", recipe)
    run(photographs, tmp_path / "killed", recipe, stop_at=4)
    # What a new process starts from has no influence: all comes from the checkpoint.
    resumed, rest = run(photographs, tmp_path / "killed", recipe, seed=1)
    assert [progress.step for progress, _ in rest] == [4, 5, 6]
    assert [progress.loss for progress, _ in rest] == [progress.loss for progress, _ in trace[3:]]
    assert equal(weights(whole), weights(resumed))


def test_a_finished_training_is_not_done_again(photographs, tmp_path):
    whole, _ = run(photographs, tmp_path)
    again, trace = run(photographs, tmp_path, seed=1)
    assert trace == []
    assert equal(weights(whole), weights(again))


def test_training_lowers_the_loss(photographs, tmp_path):
    recipe = replace(RECIPE, steps=40, warmup_steps=5, learning_rate=3e-3, ms_ssim_share=0.0)
    _, trace = run(photographs, tmp_path, recipe)
    losses = [progress.loss for progress, _ in trace]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_training_the_synthesis_leaves_the_encoder_untouched(photographs, tmp_path):
    before = weights(network())
    after = weights(run(photographs, tmp_path, replace(RECIPE, train="synthesis"))[0])
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"synthesis"}


def test_training_everything_moves_every_part_but_the_fixed_quantiles(photographs, tmp_path):
    before, after = weights(network()), weights(run(photographs, tmp_path)[0])
    still = {name for name in before if torch.equal(before[name], after[name])}
    # z is still zero everywhere after a few steps, so that nothing flows through the first weights behind it.
    allowed = {name for name in before if name.endswith(("quantiles", "synthesis.0.weight"))}
    assert still <= allowed
    assert {name for name in before if name.endswith("quantiles")} <= still


def test_the_result_is_the_moving_average_of_the_weights(photographs, tmp_path):
    recipe = replace(RECIPE, ema=0.4)
    average = weights(network())
    trained, trace = run(photographs, tmp_path, recipe)
    for step, (_, now) in enumerate(trace):
        decay = min(0.4, (step + 1) / (step + 10))
        average = {name: decay * average[name] + (1 - decay) * now[name] for name in average}
    for name, value in weights(trained).items():
        torch.testing.assert_close(value, average[name], atol=1e-6, rtol=1e-5)
    assert not equal(weights(trained), trace[-1][1])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"learning_rate": 0.002}, r"recipe\.learning_rate was 0\.001, is 0\.002"),
        ({"seed": 5, "crop": 96}, r"recipe\.crop was 64, is 96, recipe\.seed was 0, is 5"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused_by_what_differs(photographs, tmp_path, changed, named):
    run(photographs, tmp_path, stop_at=3)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(BenchError, match=named):
        run(photographs, tmp_path, replace(RECIPE, **changed))
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_how_often_to_save_and_log_may_change(photographs, tmp_path):
    whole, _ = run(photographs, tmp_path / "whole")
    run(photographs, tmp_path / "killed", stop_at=4)
    resumed, _ = run(photographs, tmp_path / "killed", replace(RECIPE, checkpoint_seconds=60, log_every=4))
    assert equal(weights(whole), weights(resumed))


@pytest.mark.parametrize("rate", [1e10, 1e30])
def test_a_training_that_diverges_stops_and_leaves_a_sound_checkpoint(photographs, tmp_path, rate):
    recipe = replace(RECIPE, learning_rate=rate, warmup_steps=1, gradient_clip=1e30)
    with pytest.raises(BenchError, match=r"is not finite at step [1-5]: lower learning_rate"):
        run(photographs, tmp_path, recipe)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] >= 1
    assert all(bool(torch.isfinite(value).all()) for value in state["network"].values())
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", "a checkpoint of another program"])
def test_a_foreign_checkpoint_is_refused_by_name(photographs, tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({"state_dict": {}}, path)
    with pytest.raises(BenchError, match=r"checkpoint\.pt: not a checkpoint of this program"):
        run(photographs, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(photographs, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="cannot be made"):
        run(photographs, tmp_path / "file" / "run")


def test_mixed_precision_trains_too(photographs, tmp_path):
    trained, trace = run(photographs, tmp_path, replace(RECIPE, steps=2, precision="bfloat16"))
    assert all(parameter.dtype == torch.float32 for parameter in trained.parameters())
    assert all(np.isfinite(progress.loss) for progress, _ in trace)


def test_the_learning_rate_warms_up_and_falls_to_its_end():
    recipe = Recipe(steps=1000, warmup_steps=100, learning_rate=1e-3, final_learning_rate=1e-5)
    rates = [learning_rate(recipe, step) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5, rel=0.01)
    assert max(rates) == pytest.approx(1e-3, rel=0.05)
    assert rates[-1] == pytest.approx(1e-5, rel=0.01)
    assert rates[100:] == sorted(rates[100:], reverse=True)
