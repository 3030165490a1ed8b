"""PSNR-HVS and PSNR-HVS-M of the luma: 8x8 DCT, contrast sensitivity, contrast masking.

Sources: K. Egiazarian et al., "New full-reference quality metrics based on HVS", VPQM 2006 (PSNR-HVS), and
N. Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007
(PSNR-HVS-M).
"""

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from jpegai_bench.metrics.planes import Plane, Planes
from jpegai_bench.metrics.psnr import decibels

Blocks = npt.NDArray[np.float64]

_SIDE = 8

# ITU-T T.81 (JPEG), Table K.1: luminance quantisation steps, rows of increasing vertical frequency.
_JPEG_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)

# The authors derived both of their tables from JPEG's and published them with six decimals; the rounding
# is repeated here so that scores agree with theirs to 1e-9 dB.
SENSITIVITY = np.round(25.73509 / _JPEG_STEPS, 6)
"""Contrast sensitivity of each DCT basis function, `[8, 8]`."""
MASKING = np.round((10.0 / _JPEG_STEPS) ** 2, 6)
"""Weight of each DCT coefficient's energy in the masking effect, `[8, 8]`."""

_STRIP = 64
"""Rows of blocks at a time, which bounds the memory for large images."""


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `psnr_hvs_m` and `psnr_hvs` in dB, 100 when no visible difference is left."""
    first, second = _blocks(reference.luma), _blocks(distorted.luma)
    masked = plain = 0.0
    for top in range(0, len(first), _STRIP):
        strip = slice(top, top + _STRIP)
        strip_masked, strip_plain = _errors(first[strip], second[strip])
        masked, plain = masked + strip_masked, plain + strip_plain
    return {"psnr_hvs_m": decibels(masked / first.size, 1.0), "psnr_hvs": decibels(plain / first.size, 1.0)}


def _blocks(luma: Plane) -> Blocks:
    """Cut `[H, W]` into `[rows, columns, 8, 8]`, repeating the last row and column up to a multiple of 8."""
    height, width = luma.shape
    luma = np.pad(luma, ((0, -height % _SIDE), (0, -width % _SIDE)), mode="edge")
    rows, columns = luma.shape[0] // _SIDE, luma.shape[1] // _SIDE
    return luma.reshape(rows, _SIDE, columns, _SIDE).swapaxes(1, 2)


def _errors(first: Blocks, second: Blocks) -> tuple[float, float]:
    """Sum the weighted square errors of `[rows, columns, 8, 8]` blocks, with masking and without."""
    first_dct, second_dct = (dctn(blocks, axes=(-2, -1), norm="ortho") for blocks in (first, second))
    error = np.abs(first_dct - second_dct)
    masking = np.maximum(_masking(first, first_dct), _masking(second, second_dct))
    threshold = masking[..., None, None] / MASKING
    threshold[..., 0, 0] = 0.0  # a difference of the block's mean is never masked
    visible = np.maximum(error - threshold, 0.0)
    return float(np.sum((visible * SENSITIVITY) ** 2)), float(np.sum((error * SENSITIVITY) ** 2))


def _masking(blocks: Blocks, dct: Blocks) -> npt.NDArray[np.float64]:
    """Masking effect of each block, `[rows, columns]`.

    The energy of the AC coefficients masks less where it is an edge and not a texture, seen by the variance
    inside the four quadrants being small against that of the block.
    """
    weights = MASKING.copy()
    weights[0, 0] = 0.0
    energy = np.einsum("...ij,ij->...", dct * dct, weights)
    half = _SIDE // 2
    quadrants = sum(_spread(blocks[..., i : i + half, j : j + half]) for i in (0, half) for j in (0, half))
    whole = _spread(blocks)
    texture = np.divide(quadrants, whole, out=np.zeros_like(whole), where=whole != 0.0)
    return np.sqrt(energy * texture) / 32.0


def _spread(samples: Blocks) -> npt.NDArray[np.float64]:
    """Unbiased variance over the last two axes, times the number of samples."""
    count = samples.shape[-1] * samples.shape[-2]
    return count * samples.var(axis=(-2, -1), ddof=1)
