"""PSNR of the 10-bit Y, U and V planes and of 8-bit RGB."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from jpegai_bench.metrics.planes import PEAK, Planes

IDENTICAL = 100.0
"""dB given to identical images, and the most that is ever given, so that no difference scores above none."""


def decibels(mean_square_error: float, peak: float) -> float:
    """Turn a mean square error into PSNR in dB, at most `IDENTICAL`."""
    if mean_square_error == 0.0:
        return IDENTICAL
    return min(IDENTICAL, 10.0 * math.log10(peak**2 / mean_square_error))


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `psnr_y`, `psnr_u`, `psnr_v` (peak 1023) and `psnr_rgb` (peak 255), in dB."""
    scores = {
        f"psnr_{name}": decibels(_mean_square_error(reference.yuv10[k], distorted.yuv10[k]), PEAK)
        for k, name in enumerate("yuv")
    }
    return scores | {"psnr_rgb": decibels(_mean_square_error(reference.rgb8, distorted.rgb8), 255)}


def _mean_square_error(
    reference: npt.NDArray[np.unsignedinteger[Any]], distorted: npt.NDArray[np.unsignedinteger[Any]]
) -> float:
    difference = reference.astype(np.int64) - distorted
    return int((difference * difference).sum()) / difference.size
