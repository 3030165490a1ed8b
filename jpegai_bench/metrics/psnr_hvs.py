"""PSNR-HVS and PSNR-HVS-M of the luma: 8x8 DCT, contrast sensitivity, contrast masking.

Sources: K. Egiazarian et al., "New full-reference quality metrics based on HVS", VPQM 2006 (PSNR-HVS), and
N. Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007
(PSNR-HVS-M).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jpegai_bench.metrics.planes import Planes
from jpegai_bench.metrics.psnr import decibels

COLUMNS = ("psnr_hvs_m", "psnr_hvs")

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

_FREQUENCY, _SAMPLE = np.mgrid[:_SIDE, :_SIDE]
_DCT = np.cos(np.pi * _FREQUENCY * (2 * _SAMPLE + 1) / (2 * _SIDE)) * np.sqrt(
    np.where(_FREQUENCY, 2, 1) / _SIDE
)

_STRIP = 1024
"""Blocks at a time: as many as fit into the processor's cache."""


@dataclass(frozen=True)
class Half:
    """The reference, block by block."""

    dct: Tensor
    """`[blocks, 8, 8]`."""
    masking: Tensor
    """Masking effect of each block, `[blocks]`."""


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half."""
    blocks = _blocks(reference, device)
    dct, masking = torch.empty_like(blocks), blocks.new_empty(len(blocks))
    for strip in _strips(blocks):
        dct[strip], masking[strip] = _analysed(blocks[strip])
    return Half(dct, masking)


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `psnr_hvs_m` and `psnr_hvs` in dB, 100 when no visible difference is left."""
    blocks = _blocks(distorted, half.dct.device)
    weights = _table(SENSITIVITY, blocks)
    threshold = 1.0 / _table(MASKING, blocks)
    threshold[0, 0] = 0.0  # a difference of the block's mean is never masked
    masked, plain = blocks.new_zeros(()), blocks.new_zeros(())
    for strip in _strips(blocks):
        dct, masking = _analysed(blocks[strip])
        error = dct.sub_(half.dct[strip]).abs_()
        plain += (error * weights).square_().sum()
        masking = torch.maximum(masking, half.masking[strip])
        visible = error.sub_(masking[:, None, None] * threshold).clamp_(min=0.0)
        masked += visible.mul_(weights).square_().sum()
    return {
        "psnr_hvs_m": decibels(masked.item() / blocks.numel(), 1.0),
        "psnr_hvs": decibels(plain.item() / blocks.numel(), 1.0),
    }


def _strips(blocks: Tensor) -> list[slice]:
    return [slice(start, start + _STRIP) for start in range(0, len(blocks), _STRIP)]


def _blocks(image: Planes, device: torch.device) -> Tensor:
    """Cut the luma into `[blocks, 8, 8]`, repeating the last row and column up to a multiple of 8."""
    luma = np.pad(image.luma, ((0, -image.height % _SIDE), (0, -image.width % _SIDE)), mode="edge")
    rows, columns = luma.shape[0] // _SIDE, luma.shape[1] // _SIDE
    blocks = torch.from_numpy(luma).to(device).view(rows, _SIDE, columns, _SIDE).transpose(1, 2)
    return blocks.reshape(-1, _SIDE, _SIDE)


def _analysed(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """DCT and masking effect of `[blocks, 8, 8]`.

    The energy of the AC coefficients masks less where it is an edge and not a texture, seen by the variance
    inside the four quadrants being small against that of the block.
    """
    basis = _table(_DCT, blocks)
    dct = basis @ blocks @ basis.T
    weights = _table(MASKING, blocks)
    weights[0, 0] = 0.0
    energy = (dct * dct).flatten(1) @ weights.flatten()
    half = _SIDE // 2
    quadrants = torch.zeros_like(energy)
    for i in (0, half):
        for j in (0, half):
            quadrants += _spread(blocks[:, i : i + half, j : j + half])
    whole = _spread(blocks)
    texture = torch.where(whole == 0.0, 0.0, quadrants / whole)
    return dct, energy.mul_(texture).sqrt_().div_(32.0)


def _spread(samples: Tensor) -> Tensor:
    """Unbiased variance over the last two axes, times the number of samples."""
    samples = samples.flatten(1)
    count = samples.shape[1]
    return (samples - samples.mean(1, keepdim=True)).square_().sum(1).mul_(count / (count - 1))


def _table(values: npt.NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)
