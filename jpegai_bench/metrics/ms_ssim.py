"""MS-SSIM of the 10-bit luma.

Source: Z. Wang, E. Simoncelli, A. Bovik, "Multiscale structural similarity for image quality assessment",
Asilomar 2003; with the borders of pytorch-msssim, which the JPEG AI quality framework uses: windows lie
inside the picture, and an odd side gets a row of zeros before each halving.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from jpegai_bench.metrics.limits import require_side
from jpegai_bench.metrics.moments import Scale, products, scale_of
from jpegai_bench.metrics.planes import PEAK, Planes, zero_pad
from jpegai_bench.metrics.structure import SCALE_WEIGHTS, WINDOW, similarity
from jpegai_bench.metrics.windows import Taps, tiles

COLUMNS = ("ms_ssim",)
SIDE = 164
"""Smaller images are padded with zeros: five scales of the window need more than 160 pixels."""

# The Gaussian of sigma 1.5, in single precision as in pytorch-msssim; exact weights move scores by 1e-6.
_SIDE_TAPS = (0.00102838036, 0.00759875821, 0.0360007733, 0.109360687, 0.213005528)
_TAPS: Taps = tuple(torch.tensor([*_SIDE_TAPS, 0.266011715, *reversed(_SIDE_TAPS)]).tolist())


@dataclass(frozen=True)
class Half:
    """The reference at five scales, fine to coarse."""

    scales: tuple[Scale, ...]


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half.

    Raises:
        NotApplicableError: a side is below the window's 11 pixels: the score would be the padding's.
    """
    require_side(reference, WINDOW, "SSIM's window")
    scales = []
    samples = _samples(reference, device)
    for level in range(len(SCALE_WEIGHTS)):
        samples = _halved(samples) if level else samples
        scales.append(scale_of(samples, _TAPS))
    return Half(tuple(scales))


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `ms_ssim`, 1 when identical, at least 0."""
    score = 1.0
    samples = _samples(distorted, half.scales[0].samples.device)
    for level, (scale, weight) in enumerate(zip(half.scales, SCALE_WEIGHTS, strict=True)):
        samples = _halved(samples) if level else samples
        score *= (
            max(_mean_similarity(scale, samples, luminance=level == len(SCALE_WEIGHTS) - 1), 0.0) ** weight
        )
    return {"ms_ssim": score}


def _mean_similarity(scale: Scale, distorted: Tensor, luminance: bool) -> float:
    total = distorted.new_zeros(())
    for tile in tiles(*scale.mean.shape):
        planes = products(scale, tile, distorted)
        total += similarity(scale, tile, planes, PEAK, luminance).sum()
    return total.item() / scale.mean.numel()


def _samples(image: Planes, device: torch.device) -> Tensor:
    return torch.from_numpy(zero_pad(image.yuv10[0].astype("float64"), SIDE)).to(device)


def _halved(samples: Tensor) -> Tensor:
    height, width = samples.shape
    return avg_pool2d(samples[None, None], 2, padding=(height % 2, width % 2))[0, 0]
