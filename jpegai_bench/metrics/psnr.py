"""PSNR of the 10-bit Y, U and V planes and of 8-bit RGB."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from jpegai_bench.metrics.planes import PEAK, Planes

COLUMNS = ("psnr_y", "psnr_u", "psnr_v", "psnr_rgb")
IDENTICAL = 100.0
"""dB given to identical images, and the most that is ever given, so that no difference scores above none."""

_STRIP = 64
"""Rows at a time, which bounds the memory for large images."""


def decibels(mean_square_error: float, peak: float) -> float:
    """Turn a mean square error into PSNR in dB, at most `IDENTICAL`."""
    if mean_square_error == 0.0:
        return IDENTICAL
    return min(IDENTICAL, 10.0 * math.log10(peak**2 / mean_square_error))


def prepare(reference: Planes, device: torch.device) -> Planes:
    """Nothing can be done beforehand."""
    return reference


def compare(half: Planes, distorted: Planes) -> dict[str, float]:
    """Return `psnr_y`, `psnr_u`, `psnr_v` (peak 1023) and `psnr_rgb` (peak 255), in dB."""
    scores = {
        f"psnr_{name}": decibels(_mean_square_error(half.yuv10[k], distorted.yuv10[k]), PEAK)
        for k, name in enumerate("yuv")
    }
    return scores | {"psnr_rgb": decibels(_mean_square_error(half.rgb8, distorted.rgb8), 255)}


def _mean_square_error(
    reference: npt.NDArray[np.unsignedinteger[Any]], distorted: npt.NDArray[np.unsignedinteger[Any]]
) -> float:
    """Exact: squares of whole numbers, and sums of them far below 2**53."""
    total = 0.0
    for top in range(0, len(reference), _STRIP):
        rows = slice(top, top + _STRIP)
        difference = np.subtract(reference[rows], distorted[rows], dtype=np.float64).ravel()
        total += float(difference @ difference)
    return total / reference.size
