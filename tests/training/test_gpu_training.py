"""Trainings on a GPU; skipped without one."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from trainings import OPERATION, RECIPE, network, rows, train, weights

from jpegai_bench.training.descent import Descent

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GPU = replace(OPERATION, accelerator="gpu", checkpoint_seconds=1e9, log_every=10)
RECIPE = replace(RECIPE, steps=40, ms_ssim_from_step=20, attention_from_step=10)


def with_attention(seed=0):
    return network(seed, attention=lambda channels: nn.Conv2d(channels, channels, 3, padding=1))


def close(one, two, tolerance):
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(two)[name], value, atol=tolerance, rtol=0.05)


def test_it_trains_to_what_the_cpu_trains_to(photographs, tmp_path):
    """The synthesis sees no noise, so that only the sums differ."""
    recipe = replace(RECIPE, train="synthesis")
    on_cpu, _, _ = train(photographs, tmp_path / "cpu", recipe, made=with_attention())
    on_gpu, trace, _ = train(photographs, tmp_path / "gpu", recipe, GPU, made=with_attention())
    assert [now.step for now, _ in trace] == [10, 20, 30, 40]
    assert all(parameter.device.type == "cpu" for parameter in on_gpu.parameters())
    close(on_cpu, on_gpu, 5e-3)
    validated = [rows(tmp_path / name / "validation.csv")[-1] for name in ("cpu", "gpu")]
    assert float(validated[1]["psnr_y_q1"]) == pytest.approx(float(validated[0]["psnr_y_q1"]), abs=0.1)


@pytest.mark.parametrize("part", ["all", "synthesis", "entropy"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_no_step_waits_for_the_gpu_between_two_looks(photographs, tmp_path, monkeypatch, part, precision):
    def strict(method):
        def call(descent, *arguments):
            # Tables are made in the first steps, and where the attention joins.
            torch.cuda.set_sync_debug_mode("error" if descent.state.step > 12 else "default")
            try:
                return method(descent, *arguments)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return call

    monkeypatch.setattr(Descent, "gradient", strict(Descent.gradient))
    monkeypatch.setattr(Descent, "descend", strict(Descent.descend))
    recipe = replace(RECIPE, train=part, precision=precision, ms_ssim_from_step=0)
    _, trace, _ = train(photographs, tmp_path, recipe, GPU, made=with_attention())
    assert trace[-1][0].step == 40


def test_a_killed_training_goes_on(photographs, tmp_path):
    operation = replace(GPU, checkpoint_seconds=0.0, data_workers=2)
    train(photographs, tmp_path, RECIPE, operation, made=with_attention(), stop_at=20)
    _, trace, _ = train(photographs, tmp_path, RECIPE, operation, made=with_attention(1))
    assert [now.step for now, _ in trace] == [20, 30, 40]


def test_a_gradient_that_is_not_finite_reaches_no_weight(photographs, tmp_path):
    calls = iter(range(10_000))

    class Failing(nn.Module):
        def forward(self, x):
            return x * float("nan") if next(calls) // 2 in (4, 6) else x

    module = Failing()
    operation = replace(GPU, log_every=1)
    trained, trace, warnings = train(
        photographs,
        tmp_path,
        replace(RECIPE, steps=12, attention_from_step=0),
        operation,
        made=network(attention=lambda channels: module),
    )
    assert warnings == []
    assert all(bool(value.isfinite().all()) for value in weights(trained).values())
    still = [
        step
        for step in range(1, 12)
        if all(torch.equal(value, trace[step][1][name]) for name, value in trace[step - 1][1].items())
    ]
    assert still == [4, 6]


def test_compiled_it_trains_to_nearly_the_same(photographs, tmp_path):
    plain, _, _ = train(photographs, tmp_path / "plain", RECIPE, GPU, made=with_attention())
    compiled = replace(RECIPE, compile=True)
    made, trace, _ = train(photographs, tmp_path / "compiled", compiled, GPU, made=with_attention())
    assert trace[-1][0].step == 40
    close(plain, made, 2e-2)
