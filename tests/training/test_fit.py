import os
import shutil
import signal
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from messages import refused
from trainings import (
    IDENTITY,
    OPERATION,
    RECIPE,
    equal,
    network,
    rows,
    train,
    truncate,
    weights,
    write_photographs,
)

from jpegai_bench.errors import BenchError
from jpegai_bench.training.fit import Report, fit, precision_of
from jpegai_bench.training.photographs import find_photographs

SELDOM = replace(OPERATION, checkpoint_seconds=1e9)
"""Where checkpoints are not the point: each takes as long as a step."""


@pytest.fixture(scope="module")
def whole(photographs, tmp_path_factory):
    """What `RECIPE` comes to without an interruption."""
    folder = tmp_path_factory.mktemp("whole")
    trained, trace, _ = train(photographs, folder)
    return SimpleNamespace(weights=weights(trained), trace=trace, folder=folder)


@pytest.mark.parametrize(("part", "optimizer"), [("synthesis", "adam"), ("all", "soap")])
def test_a_killed_and_resumed_training_gives_the_weights_of_an_uninterrupted_one(
    photographs, tmp_path, part, optimizer
):
    recipe = replace(RECIPE, train=part, optimizer=optimizer)
    whole, trace, _ = train(photographs, tmp_path / "whole", recipe)
    train(photographs, tmp_path / "killed", recipe, stop_at=4)
    # What a new process starts from has no influence: all comes from the checkpoint.
    resumed, rest, _ = train(photographs, tmp_path / "killed", recipe, seed=1)
    assert [now.step for now, _ in rest] == [4, 5, 6]
    assert [now.loss for now, _ in rest] == [now.loss for now, _ in trace[3:]]
    assert equal(weights(whole), weights(resumed))


def test_killed_again_and_again(photographs, tmp_path, whole):
    for step in (2, 2, 4, 6):
        train(photographs, tmp_path / "killed", stop_at=step)
    resumed, _, _ = train(photographs, tmp_path / "killed", replace(RECIPE), seed=1)
    assert equal(whole.weights, weights(resumed))
    for name in ("log.csv", "validation.csv"):
        one, two = rows(whole.folder / name), rows(tmp_path / "killed" / name)
        timed = {"steps_per_second", "waiting"}
        assert [{k: v for k, v in row.items() if k not in timed} for row in one] == [
            {k: v for k, v in row.items() if k not in timed} for row in two
        ]


def test_a_finished_training_is_not_done_again(photographs, tmp_path, whole):
    shutil.copytree(whole.folder, tmp_path / "again")
    again, trace, _ = train(photographs, tmp_path / "again", seed=1)
    assert trace == []
    assert equal(whole.weights, weights(again))


def test_training_lowers_the_loss(photographs, tmp_path):
    recipe = replace(RECIPE, steps=40, warmup_steps=5, learning_rate=3e-3, ms_ssim_share=0.0)
    _, trace, _ = train(photographs, tmp_path, recipe, SELDOM)
    losses = [now.loss for now, _ in trace]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])


def test_training_the_synthesis_leaves_the_encoder_untouched(photographs, tmp_path):
    before = weights(network())
    after = weights(train(photographs, tmp_path, replace(RECIPE, train="synthesis"), SELDOM)[0])
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"synthesis"}


def test_training_everything_moves_every_part_but_the_fixed_quantiles(whole):
    before = weights(network())
    still = {name for name in before if torch.equal(before[name], whole.weights[name])}
    # z is still zero everywhere after a few steps, so that nothing flows through the first weights behind it.
    allowed = {name for name in before if name.endswith(("quantiles", "synthesis.0.weight"))}
    assert still <= allowed
    assert {name for name in before if name.endswith("quantiles")} <= still


def test_the_result_is_the_moving_average_of_the_weights(photographs, tmp_path):
    recipe = replace(RECIPE, ema=0.4)
    average = weights(network())
    trained, trace, _ = train(photographs, tmp_path, recipe, SELDOM)
    for step, (_, now) in enumerate(trace):
        decay = min(0.4, (step + 1) / (step + 10))
        average = {name: decay * average[name] + (1 - decay) * now[name] for name in average}
    for name, value in weights(trained).items():
        torch.testing.assert_close(value, average[name], atol=1e-6, rtol=1e-5)
    assert not equal(weights(trained), trace[-1][1])


def test_a_checkpoint_of_another_recipe_is_refused_by_what_differs(photographs, tmp_path):
    train(photographs, tmp_path, stop_at=3)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    other = {**IDENTITY, "recipe": replace(RECIPE, seed=5, crop=128).as_dict()}
    with pytest.raises(BenchError, match=r"recipe\.crop was 64, is 128, recipe\.seed was 0, is 5"):
        train(photographs, tmp_path, identity=other)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_how_it_is_carried_out_may_change(photographs, tmp_path, whole):
    train(photographs, tmp_path / "killed", stop_at=4)
    operation = replace(
        OPERATION,
        checkpoint_seconds=60,
        log_every=4,
        validate_every=2,
        cache_gb=0.0,
        data_workers=1,
        loggers=(),
    )
    resumed, _, _ = train(photographs, tmp_path / "killed", operation=operation)
    assert equal(whole.weights, weights(resumed))


def test_held_out_photographs_are_validated_on_as_asked(photographs, tmp_path, whole):
    looked_at, _, _ = train(photographs, tmp_path, operation=replace(SELDOM, validate_every=4))
    assert equal(whole.weights, weights(looked_at))
    assert [row["step"] for row in rows(whole.folder / "validation.csv")] == ["6"]
    found = rows(tmp_path / "validation.csv")
    assert [row["step"] for row in found] == ["4", "6"]
    figures = ("bpp", "psnr_y", "psnr_u", "psnr_v", "ms_ssim")
    assert list(found[0]) == ["step", *(f"{name}_q{q}" for q in range(3) for name in figures)]
    assert found[-1] == rows(whole.folder / "validation.csv")[0]


def test_the_log_has_a_row_each_so_many_steps_and_one_at_the_end(photographs, tmp_path):
    _, trace, _ = train(photographs, tmp_path, operation=replace(SELDOM, log_every=4))
    assert [now.step for now, _ in trace] == [4, 6]
    found = rows(tmp_path / "log.csv")
    assert [row["step"] for row in found] == ["4", "6"]
    assert set(found[0]) >= {
        "loss",
        "bpp",
        "psnr_y",
        "ms_ssim",
        "steps_per_second",
        "waiting",
        "learning_rate",
    }
    assert float(found[0]["loss"]) == pytest.approx(trace[0][0].loss, rel=1e-4)
    assert all(0 <= float(row["waiting"]) <= 1 for row in found)


def test_a_training_whose_time_is_over_goes_on_to_the_same_end(photographs, tmp_path, whole):
    short = replace(SELDOM, max_minutes=1e-9)
    steps = []
    for _ in range(6):
        trained, trace, _ = train(photographs, tmp_path / "pieces", operation=short, seed=len(steps))
        steps += [now.step for now, _ in trace]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert equal(whole.weights, weights(trained))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_photograph_that_cannot_be_decoded_does_not_stop_the_training(tmp_path, workers):
    write_photographs(tmp_path / "photos", 3)
    truncate(tmp_path / "photos" / "1.png")
    operation = replace(SELDOM, data_workers=workers)
    _, trace, warnings = train(
        tmp_path / "photos", tmp_path / "run", replace(RECIPE, batch_size=6), operation
    )
    assert trace[-1][0].step == 6
    assert len(warnings) == 1
    assert "1.png: damaged" in warnings[0]
    assert warnings[0].endswith("; left out")


def test_a_held_out_photograph_that_cannot_be_decoded_is_named(tmp_path):
    write_photographs(tmp_path / "photos", 11)
    truncate(sorted((tmp_path / "photos").iterdir())[5])
    _, trace, warnings = train(tmp_path / "photos", tmp_path / "run", replace(RECIPE, steps=1))
    assert len(trace) == len(warnings) == 1
    assert not (tmp_path / "run" / "validation.csv").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_photographs_of_which_none_can_be_decoded_end_the_training(tmp_path, workers):
    for path in write_photographs(tmp_path / "photos").iterdir():
        truncate(path)
    operation = replace(OPERATION, data_workers=workers)
    with refused("20 photographs", "damaged") as caught:
        train(tmp_path / "photos", tmp_path / "run", operation=operation)
    assert "\n" not in str(caught.value)


def test_a_process_that_reads_photographs_and_is_killed_ends_the_training(photographs, tmp_path):
    recipe = replace(RECIPE, steps=1000)
    steps = []

    def kill(now):
        steps.append(now.step)
        for child in active_children():
            os.kill(child.pid, signal.SIGKILL)

    with refused("reads photographs", "training.data_workers"):
        train(photographs, tmp_path, recipe, replace(OPERATION, data_workers=1), each=kill)
    assert 0 < len(steps) < 1000
    assert active_children() == []


@pytest.mark.parametrize("part", ["all", "synthesis"])
def test_mixed_precision_trains_and_resumes_too(photographs, tmp_path, part):
    recipe = replace(RECIPE, precision="bf16", train=part)
    trained, trace, _ = train(photographs, tmp_path / "whole", recipe)
    assert all(parameter.dtype == torch.float32 for parameter in trained.parameters())
    assert all(np.isfinite(now.loss) for now, _ in trace)
    exact, _, _ = train(photographs, tmp_path / "float32", replace(recipe, precision="float32"), SELDOM)
    assert not equal(weights(exact), weights(trained))
    train(photographs, tmp_path / "killed", recipe, stop_at=4)
    resumed, _, _ = train(photographs, tmp_path / "killed", recipe)
    assert equal(weights(trained), weights(resumed))


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks Linux what the processor can")
def test_precision_is_bf16_where_the_processor_multiplies_in_it():
    able = set(Path("/proc/cpuinfo").read_text().split()) & {"avx512_bf16", "amx_tile"}
    assert precision_of(replace(RECIPE, precision="auto"), "cpu") == ("bf16" if able else "float32")
    assert precision_of(replace(RECIPE, precision="bf16"), "cpu") == "bf16"


@pytest.mark.slow
def test_compiled_transforms_train_to_nearly_the_same(photographs, tmp_path):
    plain, _, _ = train(photographs, tmp_path / "plain")
    compiled, trace, _ = train(photographs, tmp_path / "compiled", replace(RECIPE, compile=True))
    assert len(trace) == 6
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[name], value, atol=2e-3, rtol=1e-2)


def test_what_a_training_was_like_is_told(photographs, tmp_path):
    found = find_photographs([photographs], 64, 0)
    report = Report(progress=lambda _: None, warn=print)
    outcome = fit(network(), found, RECIPE, SELDOM, tmp_path, IDENTITY, report)
    assert outcome.step == 6
    assert outcome.steps_per_second == pytest.approx(6 / outcome.seconds)
    assert 0 < outcome.waiting < 1
    assert outcome.eased == 1
    assert list(outcome.unreadable) == []
