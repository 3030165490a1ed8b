import math

import numpy as np
import pytest
import tiny
import torch
from scipy.stats import norm

from jpegai_bench.network import rans
from jpegai_bench.network.entropy import (
    SCALES,
    Hyperprior,
    channel_indexes,
    estimate_bits,
    make_tables,
    table_indexes,
)
from jpegai_bench.network.fixedpoint import FRACTION_BITS, from_fixed, to_fixed


@pytest.fixture(scope="module")
def tables():
    torch.manual_seed(0)
    return make_tables(Hyperprior(8, 6))


def gaussian(count, scale, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(np.rint(random.normal(0, scale, count))).long()


def test_the_scales_are_a_geometric_series():
    ratios = np.diff(np.log2(SCALES))
    np.testing.assert_allclose(ratios, ratios[0])
    assert SCALES[0] == pytest.approx(0.105, abs=0.001)
    assert SCALES[-1] == pytest.approx(247, abs=1)


def test_the_table_of_the_nearest_scale_is_taken():
    random = torch.Generator().manual_seed(0)
    log2_scale = to_fixed(torch.rand(1, 50, 8, 9, generator=random) * 14 - 4)
    log2_gain = to_fixed(torch.rand(50, generator=random) * 4 - 2)
    exact = from_fixed(log2_scale).double() + from_fixed(log2_gain).double()[:, None, None]
    distance = (exact[..., None] - torch.log2(torch.tensor(SCALES, dtype=torch.float64))).abs()
    taken = distance.gather(-1, table_indexes(log2_scale, log2_gain)[..., None])[..., 0]
    torch.testing.assert_close(taken, distance.min(dim=-1).values)


def test_scales_beyond_the_tables_take_the_first_and_the_last():
    extreme = torch.tensor([-(2**40), 2**40]).reshape(1, 2, 1, 1)
    assert table_indexes(extreme, torch.zeros(2, dtype=torch.int64)).flatten().tolist() == [0, 63]


def test_each_cdf_of_y_is_the_gaussian_of_its_scale(tables):
    cdf, offset = tables["y"].cdf, tables["y"].offset
    for level in (5, 20, 40, 63):
        mass = torch.diff(cdf[level, : int(tables["y"].length[level])]).numpy()[:-1] / 2**16
        symbols = np.arange(len(mass)) + int(offset[level])
        scale = SCALES[level]
        wanted = norm.cdf((symbols + 0.5) / scale) - norm.cdf((symbols - 0.5) / scale)
        np.testing.assert_allclose(mass, wanted, atol=0.002)


@pytest.mark.parametrize("scale", [2.0, 10.0, 100.0])
def test_the_estimate_is_the_entropy_of_a_gaussian(scale):
    symbols = gaussian(50_000, scale)
    wanted = math.log2(scale * math.sqrt(2 * math.pi * math.e))
    assert estimate_bits(symbols, torch.tensor(scale).double()) / 50_000 == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("scale", [0.2, 0.6, 3.0, 41.0])
def test_the_estimate_is_what_the_range_coder_writes(tables, scale):
    symbols = gaussian(200_000, scale)
    log2_scale = torch.full((1, 200_000, 1, 1), round(math.log2(scale) * 2**FRACTION_BITS))
    indexes = table_indexes(log2_scale, torch.zeros(200_000, dtype=torch.int64))
    real = 8 * len(rans.encode(symbols, indexes.flatten(), tables["y"]))
    assert estimate_bits(symbols, torch.tensor(scale).double()) == pytest.approx(real, rel=0.01)


def test_a_certain_symbol_costs_nothing_and_an_impossible_one_a_finite_sum():
    assert estimate_bits(torch.zeros(100), torch.tensor(0.1).double()) < 1e-3
    assert estimate_bits(torch.tensor([10_000]), torch.tensor(0.1).double()) == 24


def test_z_has_a_cdf_for_each_channel():
    indexes = channel_indexes(torch.zeros(2, 3, 4, 5))
    assert indexes.shape == (2, 3, 4, 5)
    assert all(set(indexes[:, channel].flatten().tolist()) == {channel} for channel in range(3))


def test_side_information_has_a_quarter_of_the_latents_resolution_rounded_up():
    prior = Hyperprior(8, 6)
    for height, width in ((1, 1), (4, 8), (5, 3), (9, 13)):
        z = prior.side_information(torch.randn(1, 8, height, width))
        assert z.shape == (1, 6, -(-height // 4), -(-width // 4))
        mean, log2_scale = prior.parameters_of(torch.round(z).long(), height, width)
        assert mean.shape == log2_scale.shape == (1, 8, height, width)


@torch.no_grad()
def test_coding_uses_the_trained_parameters():
    prior = tiny.network().shared["prior_luma"]
    z = torch.randint(-5, 6, (1, 8, 3, 4))
    mean, log2_scale = prior.parameters_of(z, 10, 15)
    float_mean, float_log2_scale = prior._split(prior.synthesis(z.float()), 10, 15)
    assert (mean - float_mean).abs().max() < 0.02
    assert (from_fixed(log2_scale) - float_log2_scale).abs().max() < 0.02


def test_the_median_of_z_stays_zero_so_that_it_is_coded_as_plain_integers(tables):
    prior = Hyperprior(8, 6)
    make_tables(prior)
    assert bool((prior.bottleneck.quantiles[:, :, 1] == 0).all())
    z = torch.randint(-30, 31, (1, 6, 5, 5))
    data = rans.encode(z, channel_indexes(z), tables["z"])
    assert torch.equal(rans.decode(data, channel_indexes(z), tables["z"]), z)
