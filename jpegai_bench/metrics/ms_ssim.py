"""MS-SSIM of the 10-bit luma.

Source: Z. Wang, E. Simoncelli, A. Bovik, "Multiscale structural similarity for image quality assessment",
Asilomar 2003; computed by pytorch-msssim, as in the JPEG AI quality framework.
"""

import torch
from pytorch_msssim import ms_ssim

from jpegai_bench.metrics.limits import require_side
from jpegai_bench.metrics.planes import PEAK, Planes, zero_pad

WINDOW = 11
"""Pixels of the window; an image with a side below it is refused, as its score would be the padding's."""
SIDE = 164
"""Smaller images are padded with zeros: five scales of the window need more than 160 pixels."""


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `ms_ssim`, 1 when identical; float32, as 10-bit samples need no more.

    Raises:
        NotApplicableError: a side is below `WINDOW`.
    """
    require_side(reference, WINDOW, "SSIM's window")
    with torch.inference_mode():
        value = ms_ssim(_samples(distorted), _samples(reference), data_range=PEAK)
    return {"ms_ssim": value.item()}


def _samples(image: Planes) -> torch.Tensor:
    samples = zero_pad(image.yuv10[0].astype("float64"), SIDE)
    return torch.from_numpy(samples).to(torch.float32)[None, None]
