import math

import numpy as np
import pytest
import tiny
import torch

from jpegai_bench.network.arithmetic import FRACTION_BITS, Exact, Float, from_exact
from jpegai_bench.network.cdf_tables import SCALES, scale_tables
from jpegai_bench.network.codec import BRANCHES
from jpegai_bench.network.context import ContextSize
from jpegai_bench.network.entropy import EntropyModel, gaussian_bits

UNIT = 1 << FRACTION_BITS


def gaussian(count, scale, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(np.rint(random.normal(0, scale, count))).float()


def bits_of(residuals, scale):
    return float(gaussian_bits(residuals[None], torch.full((1, 1), math.log2(scale))))


@pytest.mark.parametrize("scale", [2.0, 10.0, 100.0])
def test_what_a_training_counts_is_the_entropy_of_a_gaussian(scale):
    wanted = math.log2(scale * math.sqrt(2 * math.pi * math.e))
    assert bits_of(gaussian(50_000, scale), scale) / 50_000 == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("level", [8, 20, 40])
def test_what_a_training_counts_is_what_the_tables_charge(level):
    symbols = gaussian(100_000, SCALES[level])
    charged = scale_tables().bits(symbols, torch.full((100_000,), level)).sum()
    assert bits_of(symbols, SCALES[level]) == pytest.approx(float(charged), rel=0.01)


def test_a_certain_symbol_costs_nothing_and_an_impossible_one_a_finite_sum():
    assert bits_of(torch.zeros(100), 0.1) < 1e-3
    assert bits_of(torch.tensor([10_000.0]), 0.1) == pytest.approx(-math.log2(1e-9))


def test_bits_are_those_of_each_image():
    residuals = torch.stack([torch.zeros(50), torch.full((50,), 3.0)])
    made = gaussian_bits(residuals, torch.zeros(2, 50))
    assert made.shape == (2,)
    assert made.tolist() == pytest.approx([bits_of(row, 1.0) for row in residuals])


@pytest.mark.parametrize(("residual", "rises"), [(0.0, False), (1.0, True)])
def test_a_scale_below_the_tables_gets_a_gradient_only_where_it_would_rise(residual, rises):
    log2_scale = torch.tensor([[-6.0]], requires_grad=True)
    gaussian_bits(torch.tensor([[residual]]), log2_scale).sum().backward()
    assert (float(log2_scale.grad) < 0) == rises
    assert (float(log2_scale.grad) == 0) == (not rises)


@pytest.mark.parametrize("residual", [0.3, 2.0, 400.0])
def test_a_residual_and_a_scale_within_the_tables_get_their_gradient(residual):
    """Also where the mass is at its lower bound: the residual is drawn towards the mean."""
    residuals = torch.tensor([[residual]], requires_grad=True)
    log2_scale = torch.zeros(1, 1, requires_grad=True)
    gaussian_bits(residuals, log2_scale).sum().backward()
    if residual < 100:
        assert float(residuals.grad) > 0
        assert float(log2_scale.grad) != 0
    assert bool(torch.isfinite(residuals.grad).all())
    assert bool(torch.isfinite(log2_scale.grad).all())


@torch.no_grad()
def test_side_information_has_a_quarter_of_the_latents_resolution_rounded_up():
    model = EntropyModel(8, 6, 3, ContextSize())
    for height, width in ((1, 1), (4, 8), (5, 3), (9, 13)):
        z = model.side_information(torch.randn(1, 8, height, width))
        assert z.shape == (1, 6, -(-height // 4), -(-width // 4))
        side = model.side(Exact(0), torch.round(z).double() * UNIT, height, width)
        assert side.mean.shape == side.log2_scale.shape == (1, 8, height, width)
        assert side.features.shape == (1, 6, height, width)


@torch.no_grad()
@pytest.mark.parametrize("branch", BRANCHES)
def test_coding_uses_the_trained_parameters(branch):
    model = tiny.network().entropy(branch)
    symbols = torch.randint(-5, 6, (1, 8, 3, 4))
    exact = model.side(Exact(1500), symbols.double() * UNIT, 10, 15)
    floats = model.side(Float(torch.tensor([1.5])), symbols.float(), 10, 15)
    gain = torch.exp2(model.side_gain.log2[1:3].mean(dim=0))[:, None, None]
    mean, log2_scale = model.synthesis(symbols / gain)[..., :10, :15].chunk(2, dim=1)
    torch.testing.assert_close(floats.mean, mean)
    torch.testing.assert_close(floats.log2_scale, log2_scale)
    for ours, theirs in zip(exact, floats, strict=True):
        assert torch.equal(ours, ours.round())
        assert theirs.abs().max() > 0.05
        assert (from_exact(ours) - theirs).abs().max() < 0.02


@torch.no_grad()
def test_z_is_coded_finer_at_a_higher_quality():
    """Its gained scale rises with the gain, and what it tells is the same but for the finer step."""
    model = EntropyModel(8, 6, 3, ContextSize())
    scales = [from_exact(model.side_scale(Exact(quality)))[0, :, 0, 0] for quality in (0, 1000, 2000)]
    for scale, gain in zip(scales, (0.0, 2.0, 4.0), strict=True):
        torch.testing.assert_close(scale, torch.full((6,), gain))
    z = torch.randn(1, 6, 2, 2)
    exact = model.synthesis(z)[..., :7, :8].chunk(2, dim=1)[0]
    errors = []
    for quality, gain in ((0, 1.0), (2000, 16.0)):
        side = model.side(Exact(quality), torch.round(z * gain).double() * UNIT, 7, 8)
        errors.append(float((from_exact(side.mean) - exact).square().mean()))
    assert errors[1] < errors[0] / 20
