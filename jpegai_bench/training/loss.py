"""The rate-distortion loss of a variable-rate model.

L = bpp + beta(quality) * D, each image of a batch at a quality of its own. D is the YUV mean squared error
on [0, 255] samples, weighted 0.8/0.1/0.1 (JPEG AI's weights), optionally mixed: with 1000 * (1 - MS-SSIM) of
luma, and beside it with the weighted squared error of U and V, or the colours would be left to themselves.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from jpegai_bench.network.codec import Planes, TrainingOutput
from jpegai_bench.training.similarity import ms_ssim

_WEIGHTS = (0.8, 0.1, 0.1)
_COLOUR = 0.3
"""Of the squared error of U and V beside MS-SSIM: as 1000 * (1 - MS-SSIM) is to the squared error of Y that
it stands for, on held-out photographs 0.2 at the highest rates and 0.5 at the lowest."""


class Loss(NamedTuple):
    """The loss to descend, and what goes into the log (batch means)."""

    total: Tensor
    bpp: Tensor
    psnr_y: Tensor
    psnr_u: Tensor
    psnr_v: Tensor
    ms_ssim: Tensor
    """NaN where it has no part in the loss: it is not computed."""


def betas(quality: Tensor, lowest: float, highest: float, qualities: int) -> Tensor:
    """beta of real qualities `[B]`: geometric from `lowest` at 0 to `highest` at qualities - 1."""
    return lowest * (highest / lowest) ** (quality / (qualities - 1))


def rate_distortion(
    output: TrainingOutput, target: Planes, beta: Tensor, ms_ssim_share: float, scale: Tensor
) -> Loss:
    """The loss of a batch.

    Args:
        output: the network's output.
        target: the images.
        beta: `[B]`, the weight of the distortion.
        ms_ssim_share: 0 is mean squared error alone, 1 is MS-SSIM alone.
        scale: `[B]`, the weight of each image in the mean; low rates need more than their small losses give.
    """
    pixels = target.luma.shape[-2] * target.luma.shape[-1]
    bpp = (output.latent_bits + output.side_bits) / pixels
    luma, chroma = output.planes.luma.float(), output.planes.chroma.float()
    error_y = (luma - target.luma).square().mean(dim=(1, 2, 3))
    error_uv = (chroma - target.chroma).square().mean(dim=(2, 3))
    colour = (_WEIGHTS[1] * error_uv[:, 0] + _WEIGHTS[2] * error_uv[:, 1]) * 255.0**2
    distortion = (1 - ms_ssim_share) * (_WEIGHTS[0] * error_y * 255.0**2 + colour)
    similarity = luma.new_full((), torch.nan)
    if ms_ssim_share > 0:
        similarity = ms_ssim(luma.clamp(0, 1), target.luma)
        distortion = distortion + ms_ssim_share * (1000.0 * (1 - similarity) + _COLOUR * colour)
    total = (scale * (bpp + beta * distortion)).mean()
    return Loss(
        total,
        bpp.detach().mean(),
        _psnr(error_y),
        _psnr(error_uv[:, 0]),
        _psnr(error_uv[:, 1]),
        similarity.detach().mean(),
    )


def _psnr(errors: Tensor) -> Tensor:
    """Mean over images `[B]` of samples on [0, 1], in dB."""
    return -10 * torch.log10(errors.detach().clamp_min(1e-10)).mean()
