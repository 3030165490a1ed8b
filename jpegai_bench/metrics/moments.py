"""Local mean, variance and covariance in a window: what MS-SSIM, IW-SSIM and VIF are made of."""

from dataclasses import dataclass

import torch
from torch import Tensor

from jpegai_bench.metrics.windows import Taps, Tile, filtered, grown, tiles


@dataclass(frozen=True)
class Scale:
    """The reference at one scale."""

    samples: Tensor
    """`[H, W]`."""
    taps: Taps
    """Of the window, along both axes."""
    mean: Tensor
    """Of each window inside the plane, `[H - n + 1, W - n + 1]` for n taps."""
    variance: Tensor
    """Of each window, not negative."""


def scale_of(samples: Tensor, taps: Taps) -> Scale:
    """Prepare one scale `[H, W]` of the reference."""
    shape = [size - len(taps) + 1 for size in samples.shape]
    mean, variance = samples.new_empty(shape), samples.new_empty(shape)
    for tile in tiles(*shape):
        mean[tile], variance[tile] = mean_and_variance(samples[grown(tile, len(taps) - 1)], taps)
    return Scale(samples, taps, mean, variance)


def mean_and_variance(samples: Tensor, taps: Taps) -> tuple[Tensor, Tensor]:
    """Of each window inside `samples`."""
    mean, square = filtered(torch.stack([samples, samples * samples]), taps)
    return mean, square.addcmul_(mean, mean, value=-1.0).clamp_(min=0.0)


def products(scale: Scale, tile: Tile, distorted: Tensor) -> Tensor:
    """The planes `[3, h, w]` whose window means give mean, variance and covariance on a tile of windows."""
    patch = grown(tile, len(scale.taps) - 1)
    samples = distorted[patch]
    planes = samples.new_empty((3, *samples.shape))
    planes[0] = samples
    torch.mul(samples, samples, out=planes[1])
    torch.mul(samples, scale.samples[patch], out=planes[2])
    return planes


def moments(planes: Tensor, taps: Taps, reference_mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of the distorted image and its covariance with the reference, from `products`."""
    mean, square, product = filtered(planes, taps)
    covariance = product.addcmul_(mean, reference_mean, value=-1.0)
    return mean, square.addcmul_(mean, mean, value=-1.0).clamp_(min=0.0), covariance
