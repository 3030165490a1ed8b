"""IW-SSIM of the luma: SSIM over five scales, weighted by the information in the reference.

Source: Z. Wang, Q. Li, "Information content weighting for perceptual image quality assessment", IEEE Trans.
Image Processing 20(5), 2011; computed by piq.
"""

import piq
import torch

from jpegai_bench.metrics.limits import NotApplicableError, require_side, require_structure
from jpegai_bench.metrics.planes import Planes, zero_pad

WINDOW = 11
"""Pixels of the window; an image with a side below it is refused, as its score would be the padding's."""
SIDE = 256
"""Smaller images are padded with zeros, as in the JPEG AI quality framework."""


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `iw_ssim`, 1 when identical; not symmetric.

    In float64: the weights come from the inverse of a covariance matrix, and float32 is off by up to 1.5e-4.

    Raises:
        NotApplicableError: a side is below `WINDOW`, or the reference is flat or has too little structure
            for that inverse.
    """
    require_side(reference, WINDOW, "SSIM's window")
    require_structure(reference, "reference")
    try:
        with torch.inference_mode():
            value = piq.information_weighted_ssim(_samples(distorted), _samples(reference), data_range=1.0)
    except torch.linalg.LinAlgError:
        raise NotApplicableError("reference has too little structure: singular covariance") from None
    return {"iw_ssim": value.item()}


def _samples(image: Planes) -> torch.Tensor:
    return torch.from_numpy(zero_pad(image.luma, SIDE)).clamp(0.0, 1.0)[None, None]
