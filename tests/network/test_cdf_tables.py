import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from jpegai_bench.network.arithmetic import FRACTION_BITS, from_exact, to_exact
from jpegai_bench.network.cdf_tables import (
    LEVELS,
    SCALES,
    Histograms,
    scale_tables,
    table_indexes,
)
from jpegai_bench.network.range_coder import Writer

COUNTED = (10, 22)
"""Levels that the histograms have met: scales 0.37 and 1.65."""
TAIL = 40
"""Where the tables of these levels have ended."""


def laplacian(count, scale, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(np.rint(random.laplace(0, scale, count))).long()


def gaussian(count, scale, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(np.rint(random.normal(0, scale, count))).long()


def written(symbols, indexes, tables):
    writer = Writer()
    writer.add(symbols, indexes, tables)
    return 8 * len(writer.finish())


@pytest.fixture(scope="module")
def gaussians():
    return scale_tables()


@pytest.fixture(scope="module")
def counts():
    """Laplacians instead of Gaussians, one in a thousand symbols far outside."""
    histograms = Histograms()
    for level in COUNTED:
        symbols = laplacian(100_000, SCALES[level])
        symbols[::1000] = TAIL
        histograms.add(symbols, torch.full_like(symbols, level))
    return histograms.counts


@pytest.fixture(scope="module")
def counted(counts):
    return scale_tables(counts)


def mass_of(tables, level):
    """Symbols and their mass, the escape last."""
    row = tables.cdf[level, : int(tables.length[level])]
    return np.arange(len(row) - 1) + int(tables.offset[level]), torch.diff(row).numpy() / 2**16


@pytest.mark.parametrize("name", ["gaussians", "counted"])
def test_every_cdf_runs_strictly_from_0_to_65536(request, name):
    tables = request.getfixturevalue(name)
    for row, length, offset in zip(tables.cdf, tables.length.tolist(), tables.offset.tolist(), strict=True):
        assert row[0] == 0
        assert row[length - 1] == 2**16
        assert int(torch.diff(row[:length]).min()) > 0
        assert offset <= 0 < offset + length - 2  # zero is in the table


def test_the_scales_are_a_geometric_series():
    ratios = np.diff(np.log2(SCALES))
    np.testing.assert_allclose(ratios, ratios[0])
    assert SCALES[0] == pytest.approx(0.105, abs=0.001)
    assert SCALES[-1] == pytest.approx(247, abs=1)


def test_the_table_of_the_nearest_scale_is_taken():
    log2_scale = to_exact(torch.rand(1, 50, 8, 9, generator=torch.Generator().manual_seed(0)) * 14 - 4)
    distance = from_exact(log2_scale).double()[..., None] - torch.log2(torch.tensor(SCALES).double())
    taken = distance.abs().gather(-1, table_indexes(log2_scale)[..., None])[..., 0]
    torch.testing.assert_close(taken, distance.abs().min(dim=-1).values)


def test_scales_beyond_the_tables_take_the_first_and_the_last():
    extreme = torch.tensor([-(2.0**40), 2.0**40]).double().reshape(1, 2, 1, 1)
    assert table_indexes(extreme).flatten().tolist() == [0, LEVELS - 1]


@pytest.mark.parametrize("level", [0, 5, 20, 40, 63])
def test_each_cdf_of_the_latent_is_the_gaussian_of_its_scale(gaussians, level):
    symbols, mass = mass_of(gaussians, level)
    wanted = norm.cdf((symbols[:-1] + 0.5) / SCALES[level]) - norm.cdf((symbols[:-1] - 0.5) / SCALES[level])
    np.testing.assert_allclose(mass[:-1], wanted, atol=0.002)


@pytest.mark.parametrize("level", COUNTED)
def test_the_mass_of_a_counted_level_is_close_to_its_counts(gaussians, counts, counted, level):
    symbols, mass = mass_of(counted, level)
    middle = counts.shape[1] // 2
    share = (counts[level] / counts[level].sum()).numpy()[middle + symbols[0] : middle + symbols[-1]]
    np.testing.assert_allclose(mass[:-1], (share + share[::-1]) / 2, atol=0.005)
    assert 0.001 < 1 - share.sum() == pytest.approx(mass[-1], abs=5e-4)  # what lies beyond is the escape's
    before = mass_of(gaussians, level)[1]
    assert np.abs(before[:-1] - share).max() > 0.02  # the Gaussian was not close to them


def test_tables_made_of_counts_are_symmetric(counted):
    for level in COUNTED:
        _, mass = mass_of(counted, level)
        np.testing.assert_allclose(mass[:-1], mass[:-1][::-1], atol=2e-4)


def test_levels_without_counts_stay_gaussian(gaussians, counted):
    for level in set(range(LEVELS)) - set(COUNTED):
        assert torch.equal(counted.cdf[level], gaussians.cdf[level])
    assert torch.equal(counted.length, gaussians.length)
    assert torch.equal(counted.offset, gaussians.offset)


@pytest.mark.parametrize("level", COUNTED)
def test_tables_made_of_counts_code_what_they_were_made_of_in_fewer_bits(gaussians, counted, level):
    symbols = laplacian(50_000, SCALES[level], seed=1)
    indexes = torch.full_like(symbols, level)
    assert written(symbols, indexes, counted) < 0.99 * written(symbols, indexes, gaussians)


@pytest.mark.parametrize("name", ["gaussians", "counted"])
@pytest.mark.parametrize("scale", [0.2, 0.6, 3.0, 41.0])
def test_the_bits_of_symbols_are_what_the_range_coder_writes(request, name, scale):
    tables = request.getfixturevalue(name)
    symbols = gaussian(300_000, scale)
    indexes = table_indexes(torch.full((300_000,), round(math.log2(scale) * 2**FRACTION_BITS)))
    assert float(tables.bits(symbols, indexes).sum()) == pytest.approx(
        written(symbols, indexes, tables), rel=0.005
    )


@pytest.mark.parametrize("reach", [12, 300, 70_000, 2**24])
def test_the_bits_of_escapes_are_what_the_range_coder_writes(gaussians, reach):
    random = torch.Generator().manual_seed(0)
    symbols = torch.randint(-reach, reach + 1, (20_000,), generator=random)
    indexes = torch.randint(0, 30, (20_000,), generator=random)  # none reaches farther than 23
    assert float(gaussians.bits(symbols, indexes).sum()) == pytest.approx(
        written(symbols, indexes, gaussians), rel=0.005
    )


def test_a_certain_symbol_costs_next_to_nothing(gaussians):
    assert gaussians.bits(torch.zeros(100), torch.zeros(100, dtype=torch.int64)).sum() < 0.1


def test_histograms_count_each_symbol_once_and_what_lies_beyond_at_the_ends():
    histograms = Histograms()
    symbols = torch.tensor([[0, 0, 3], [-3, 10**6, -(10**6)]])
    histograms.add(symbols, torch.tensor([[7, 7, 7], [8, 8, 63]]))
    histograms.add(torch.tensor([3]), torch.tensor([7]))
    counts, middle = histograms.counts, histograms.counts.shape[1] // 2
    assert counts.sum() == 7
    assert [counts[7, middle], counts[7, middle + 3], counts[8, middle - 3]] == [2, 2, 1]
    assert [counts[8, -1], counts[63, 0]] == [1, 1]
