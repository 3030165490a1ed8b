"""VIF in the pixel domain (VIFp) of the luma.

Source: H. Sheikh, A. Bovik, "Image information and visual quality", IEEE Trans. Image Processing 15(2), 2006,
and its authors' pixel-domain approximation over four scales; noise variance 2. Scores are equal to piq's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.moments import Scale, moments, products, scale_of
from jpegai_bench.metrics.planes import PEAK, Planes, zero_pad
from jpegai_bench.metrics.windows import Taps, filtered, gaussian, tiles

COLUMNS = ("vif",)
WINDOW = 17
"""Pixels of the widest window; an image with a side below it is refused: its score would be the padding's."""
SIDE = 64
"""Smaller images are padded with zeros, as in the JPEG AI quality framework."""

_NOISE = 2.0
_EPSILON = 1e-8
_TAPS = tuple(gaussian(size, size / 5) for size in (17, 9, 5, 3))


@dataclass(frozen=True)
class Half:
    """The reference at four scales, fine to coarse, and the information that it holds."""

    scales: tuple[Scale, ...]
    information: float


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half.

    Raises:
        NotApplicableError: a side is below `WINDOW`, or the reference is flat (VIF would be 1 whatever the
            distortion).
    """
    require_side(reference, WINDOW, "VIF's window")
    require_structure(reference, "reference")
    scales, information = [], 0.0
    samples = _samples(reference, device)
    for level, taps in enumerate(_TAPS):
        samples = filtered(samples, taps, step=2) if level else samples
        scales.append(_scale(samples, taps))
        information += sum(
            (scales[-1].variance[tile] / _NOISE).add_(1.0).log_().sum().item()
            for tile in tiles(*scales[-1].mean.shape)
        )
    return Half(tuple(scales), information)


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `vif`, 1 when identical, above 1 where contrast was raised; not symmetric."""
    samples = _samples(distorted, half.scales[0].samples.device)
    information = 0.0
    for level, scale in enumerate(half.scales):
        samples = filtered(samples, scale.taps, step=2) if level else samples
        information += _information(scale, samples)
    epsilon = _EPSILON * math.log(10.0)  # the authors add it to sums of decimal logarithms
    return {"vif": (information + epsilon) / (half.information + epsilon)}


def _samples(image: Planes, device: torch.device) -> Tensor:
    return torch.from_numpy(zero_pad(image.yuv10[0] * (255.0 / PEAK), SIDE)).to(device)


def _scale(samples: Tensor, taps: Taps) -> Scale:
    scale = scale_of(samples, taps)
    scale.variance.masked_fill_(scale.variance < _EPSILON, 0.0)
    return scale


def _information(scale: Scale, distorted: Tensor) -> float:
    """Nats of the reference that are left in the distorted image at one scale."""
    total = distorted.new_zeros(())
    for tile in tiles(*scale.mean.shape):
        planes = products(scale, tile, distorted)
        _, variance, covariance = moments(planes, scale.taps, scale.mean[tile])
        # No gain where either window is flat, or where the contrast is inverted.
        covariance.masked_fill_(variance < _EPSILON, 0.0).clamp_(min=0.0)
        gain = covariance / (scale.variance[tile] + _EPSILON)
        noise = variance.addcmul_(gain, covariance, value=-1.0).clamp_(min=_EPSILON).add_(_NOISE)
        total += gain.square_().mul_(scale.variance[tile]).div_(noise).add_(1.0).log_().sum()
    return total.item()
