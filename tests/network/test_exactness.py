"""An entropy model is refused where another machine, or its own decoder, could find other symbols."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from tiny import MODULES, SIZE
from torch import nn
from torch.nn import functional as F

from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import at
from jpegai_bench.network.check import check_modules
from jpegai_bench.network.context import PHASES, Change, GroupedContext, MultistageContext, Pass


class Side(Pass):
    """All channels at some positions; `more` is done to what it predicts, in units of the arithmetic."""

    def __init__(self, latent, features, phases, more):
        super().__init__()
        self.first, self.end, self.phases, self.more = 0, latent, phases, more
        self.around = nn.Conv2d(latent, latent, 3, padding=1)
        self.table = nn.Parameter(torch.ones(latent, 1, 1))

    def look(self, arithmetic, known):
        return (known,)

    def change(self, arithmetic, seen, features, phase):
        mean = arithmetic.convolve(self.around, seen[0], phase)
        mean = self.more(self, arithmetic, mean, at(seen[0], phase))
        return Change(mean, torch.zeros_like(mean))


def checked(more):
    def context(latent, features, qualities):
        return nn.ModuleList(Side(latent, features, phases, more) for phases in (PHASES[:2], PHASES[2:]))

    check_modules(replace(MODULES, entropy_context=context), SIZE)


def in_floats(of, arithmetic, mean, seen):
    """The attack: a float convolution beside the arithmetic, rounded."""
    return (F.conv2d((seen / arithmetic.unit).float(), of.around.weight, padding=1) * arithmetic.unit).round()


def in_doubles(of, arithmetic, mean, seen):
    return (F.conv2d(seen, of.around.weight.double(), padding=1)).round()


def of_random_numbers(of, arithmetic, mean, seen):
    return mean + torch.randint(-9, 9, mean.shape)


INEXACT = {
    "_to_copy": in_floats,
    "convolution": in_doubles,
    "randint": of_random_numbers,
    "sigmoid": lambda of, arithmetic, mean, seen: (mean.sigmoid() * arithmetic.unit).round(),
    "exp": lambda of, arithmetic, mean, seen: mean + arithmetic.constant(of.table.exp()),
    "gelu": lambda of, arithmetic, mean, seen: F.gelu(mean).round(),
    "sum": lambda of, arithmetic, mean, seen: (mean / 3).sum(dim=1, keepdim=True).round() + mean,
    "bmm": lambda of, arithmetic, mean, seen: (mean @ (mean / 3).transpose(-1, -2)).sum().round() + mean,
    "numpy": lambda of, arithmetic, mean, seen: torch.from_numpy(np.floor(np.exp(mean.numpy() / 1e6))),
    "__array__": lambda of, arithmetic, mean, seen: torch.from_numpy(np.floor(np.sin(np.asarray(mean)))),
    "tolist": lambda of, arithmetic, mean, seen: torch.tensor(mean.tolist(), dtype=torch.float64),
    "mean": lambda of, arithmetic, mean, seen: (mean * 2.0**50).mean(dim=1, keepdim=True).round() + mean,
}


@pytest.mark.parametrize("operation", INEXACT)
def test_an_operation_that_is_not_exact_is_told_by_place_and_name(operation):
    with pytest.raises(BenchError, match=rf"^entropy\.context, luma: {operation} .*arithmetic"):
        checked(INEXACT[operation])


EXACT = {
    "moved": lambda of, arithmetic, mean, seen: F.pad(mean, (1, 1, 1, 1)).flip(1).roll(2, 1)[..., 1:-1, 1:-1],
    "two": lambda of, arithmetic, mean, seen: (F.relu(mean) / 3 + mean.abs().sqrt()).floor().clamp(-99, 99),
    "sums": lambda of, arithmetic, mean, seen: mean.mean(dim=1, keepdim=True).floor() + mean,
    "prepared": lambda of, arithmetic, mean, seen: mean + arithmetic.constant(of.table * 0.3),
    "largest": lambda of, arithmetic, mean, seen: mean - mean.amax(dim=1, keepdim=True),
}


def test_values_leave_torch_again_when_it_is_checked():
    checked(EXACT["two"])
    assert np.asarray(torch.ones(2)).tolist() == torch.ones(2).numpy().tolist() == torch.ones(2).tolist()
    assert "numpy" not in vars(torch.Tensor)


@pytest.mark.parametrize("kind", EXACT)
def test_what_is_the_same_on_every_machine_is_taken(kind):
    checked(EXACT[kind])


@pytest.mark.parametrize("context", [MultistageContext, partial(GroupedContext, groups=(3, 5), width=8)])
def test_the_packages_own_context_models_are_exact(context):
    check_modules(replace(MODULES, entropy_context=context), SIZE)


def test_a_pass_has_channels_of_the_latent():
    def context(latent, features, qualities):
        return nn.ModuleList([Side(latent, features, PHASES, lambda of, arithmetic, mean, seen: mean)])

    def beyond(latent, features, qualities):
        steps = context(latent, features, qualities)
        steps[0].end += 4
        return steps

    check_modules(replace(MODULES, entropy_context=context), SIZE)
    with pytest.raises(BenchError, match=r"^entropy\.context, luma: a pass has channels 0 to"):
        check_modules(replace(MODULES, entropy_context=beyond), SIZE)


def test_what_encoder_and_decoder_compute_otherwise_is_told_by_its_place():
    asked = []

    def counting(of, arithmetic, mean, seen):
        asked.append(1)
        return mean + len(asked) * arithmetic.unit

    with pytest.raises(BenchError, match=r"^entropy\.context: its decoder finds other symbols"):
        checked(counting)


def test_what_cannot_be_coded_is_told_by_its_place():
    with pytest.raises(BenchError, match=r"^entropy\.context: what it predicts cannot be coded"):
        checked(lambda of, arithmetic, mean, seen: mean + 2.0**52)
    with pytest.raises(BenchError, match=r"^entropy\.context, luma: a pass predicts NaN"):
        checked(lambda of, arithmetic, mean, seen: mean / 0)


@pytest.mark.parametrize("factor", [float("nan"), 1e30])
def test_side_information_that_cannot_be_coded_is_told_by_its_place(factor):
    class Large(nn.Conv2d):
        def __init__(self, latent, channels):
            super().__init__(latent, channels, 4, 4)

        def forward(self, y):
            return super().forward(y) * factor

    with pytest.raises(BenchError, match=r"^entropy\.hyper_analysis makes NaN, or values beyond"):
        check_modules(replace(MODULES, entropy_hyper_analysis=Large), SIZE)


def test_a_pass_that_fails_on_a_latent_of_one_sample_is_told_by_its_place():
    def reflected(of, arithmetic, mean, seen):
        return F.pad(mean, (1, 1, 1, 1), mode="reflect")[..., 1:-1, 1:-1]

    with pytest.raises(BenchError, match=r"^entropy\.context, (luma|chroma) cannot be walked: .*[Pp]adding"):
        checked(reflected)


def test_a_layer_of_the_hyper_synthesis_that_is_not_exact_is_told_by_its_place():
    class Smooth(nn.ReLU):
        def forward(self, x):
            return F.softplus(x)

    def layers(channels, latent):
        return nn.Sequential(
            nn.Conv2d(channels, 16 * channels, 1),
            nn.PixelShuffle(4),
            Smooth(),
            nn.Conv2d(channels, 2 * latent, 1),
        )

    with pytest.raises(BenchError, match=r"^entropy\.hyper_synthesis: softplus"):
        check_modules(replace(MODULES, entropy_hyper_synthesis=layers), SIZE)
