"""The filters in tiles and strips are those of scipy and torch on the whole plane."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from jpegai_bench.metrics import windows
from jpegai_bench.metrics.windows import filtered, gaussian, grown, low_passed, resampled, tiles

TAPS = (0.1, 0.2, 0.4, 0.05, 0.25)
SIZES = [(5, 5), (6, 9), (64, 63), (131, 2050), (1500, 37)]


def plane(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(height).normal(size=(height, width)))


def mirrored(samples: torch.Tensor) -> np.ndarray:
    """The whole plane filtered by scipy, reflected without repeating the edge."""
    first = correlate1d(samples.numpy(), TAPS, axis=0, mode="mirror")
    return correlate1d(first, TAPS, axis=1, mode="mirror")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 2])
def test_low_pass_reflects_the_border_and_keeps_every_step(size, step) -> None:
    samples = plane(*size)
    expected = mirrored(samples)[::step, ::step]
    np.testing.assert_allclose(low_passed(samples, TAPS, step).numpy(), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES)
def test_windows_inside_the_plane_are_those_without_border(size) -> None:
    samples = plane(*size)
    expected = mirrored(samples)[2:-2, 2:-2]
    np.testing.assert_allclose(filtered(samples, TAPS).numpy(), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(filtered(samples, TAPS, 2).numpy(), expected[::2, ::2], rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [(1, 1), (3, 5000), (700, 1024), (1001, 1025), (4000, 7)])
def test_tiles_cover_a_plane_once(size) -> None:
    covered = np.zeros(size, int)
    for tile in tiles(*size):
        covered[tile] += 1
    assert (covered == 1).all()


def test_tile_by_tile_is_the_whole() -> None:
    samples = plane(1100, 1500)
    whole, parts = filtered(samples, TAPS), torch.empty(1096, 1496, dtype=torch.float64)
    for tile in tiles(*parts.shape):
        parts[tile] = filtered(samples[grown(tile, 4)], TAPS)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-14)
    assert len(list(tiles(*parts.shape))) > 4


def test_gaussian_has_sum_one_and_the_given_spread() -> None:
    taps = np.array(gaussian(41, 3.0))
    places = np.arange(41) - 20
    assert taps.sum() == pytest.approx(1.0, abs=1e-15)
    assert (taps * places**2).sum() == pytest.approx(9.0, rel=1e-6)


@pytest.mark.parametrize("dim", [-1, -2])
def test_resampling_is_linear_interpolation(dim) -> None:
    samples = plane(9, 7)
    size = samples.shape[dim]
    at = torch.linspace(-1.0, size, 23, dtype=torch.float64)
    expected = np.apply_along_axis(
        lambda line: np.interp(at.numpy(), np.arange(size), line), dim, samples.numpy()
    )
    np.testing.assert_allclose(resampled(samples, dim, at).numpy(), expected, rtol=0, atol=1e-14)


def test_a_large_plane_is_filtered_in_little_more_memory_than_the_result() -> None:
    rows = [strip.stop - strip.start for strip in windows.strips(6120, 8160)]
    assert sum(rows) == 6120
    assert max(rows) * 8160 * 8 < 2**21
