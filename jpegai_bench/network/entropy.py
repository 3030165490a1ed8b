"""The mean-scale hyperprior: what is known of a latent before it is decoded.

Source: Minnen, Balle, Toderici, "Joint Autoregressive and Hierarchical Priors for Learned Image
Compression", NeurIPS 2018, without the autoregressive part, on CompressAI's entropy bottleneck and Gaussian
conditional. Trained in float; coded in exact fixed point (see `fixedpoint`), so that encoder and decoder
always agree on the CDFs.
"""

import math

import torch
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network import rans
from jpegai_bench.network.blocks import conv3x3
from jpegai_bench.network.fixedpoint import FRACTION_BITS, from_fixed, run_fixed

LEVELS = 64
_STEP = 182
_LOWEST = -(13 << (FRACTION_BITS - 2))
"""CDFs are tabulated for scales 2**((-3.25 * 1024 + 182 k) / 1024), k = 0 … 63: 0.105 to 247."""

_TABLE_WIDTH = 6.11
"""A table of the Gaussian ends at this many scales: all but 1e-9 of the mass."""
_LONGEST_TAIL = 256.0
"""Symbols of z beyond it are coded by the range coder's escape, so that no table grows without bound."""

SCALES = tuple(2.0 ** ((_LOWEST + _STEP * k) / 2**FRACTION_BITS) for k in range(LEVELS))


class Hyperprior(nn.Module):
    """Side information z at a quarter of the latent's resolution, and the Gaussian parameters from it."""

    def __init__(self, latent: int, channels: int) -> None:
        super().__init__()
        self.latent = latent
        self.analysis = nn.Sequential(
            conv3x3(latent, channels),
            nn.ReLU(),
            conv3x3(channels, channels, stride=2),
            nn.ReLU(),
            conv3x3(channels, channels, stride=2),
        )
        self.synthesis = nn.Sequential(
            conv3x3(channels, channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * channels, 1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * channels, 1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            conv3x3(channels, channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * latent, 1),
        )
        self.bottleneck = EntropyBottleneck(channels)
        # The median stays at zero, so that z is coded as plain rounded integers; the tails of the tables
        # are found by bisection when the tables are made, which needs no auxiliary loss.
        self.bottleneck.quantiles.requires_grad_(False)
        self.conditional = GaussianConditional(list(SCALES), scale_bound=SCALES[0])

    def side_information(self, y: Tensor) -> Tensor:
        """z `[B, channels, ceil(H/4), ceil(W/4)]`, not rounded, of the latent `[B, latent, H, W]`."""
        height, width = y.shape[-2:]
        return self.analysis(F.pad(y, (0, -width % 4, 0, -height % 4), mode="replicate"))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training: mean, log2 of the scale (both `[B, latent, H, W]`) and the bits of z (`[B]`).

        The parameters see z rounded (straight-through gradient); the bits see it with uniform noise.
        """
        z = self.side_information(y)
        _, likelihood = self.bottleneck(z)
        rounded = z + (torch.round(z) - z).detach()
        mean, log2_scale = self._split(self.synthesis(rounded), y.shape[-2], y.shape[-1])
        return mean, log2_scale, bits(likelihood)

    def gained_bits(self, residual: Tensor, log2_scale: Tensor) -> Tensor:
        """Training: bits `[B]` of the gained residual (gets uniform noise) under the gained scale."""
        scale = torch.exp2(log2_scale.clamp(max=10.0))
        _, likelihood = self.conditional(residual, scale)
        return bits(likelihood)

    def parameters_of(self, z: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Coding: mean (float32) and log2 of the scale (fixed point, int64) from integer z, exactly."""
        mean, log2_scale = self._split(run_fixed(self.synthesis, z << FRACTION_BITS), height, width)
        return from_fixed(mean), log2_scale

    def _split(self, parameters: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        mean, log2_scale = parameters[..., :height, :width].chunk(2, dim=1)
        return mean, log2_scale


def bits(likelihood: Tensor) -> Tensor:
    """Information content per batch entry, `[B]`."""
    return -torch.log2(likelihood.float()).flatten(1).sum(dim=1)


def table_indexes(log2_scale: Tensor, log2_gain: Tensor) -> Tensor:
    """The nearest tabulated scale of `[B, C, H, W]` scales under gains `[C]`, both log2 in fixed point."""
    gained = log2_scale + log2_gain[:, None, None]
    level = torch.div(gained - _LOWEST + _STEP // 2, _STEP, rounding_mode="floor")
    return level.clamp(0, LEVELS - 1)


def channel_indexes(z: Tensor) -> Tensor:
    """The CDF of each symbol of z `[B, C, h, w]`: one a channel."""
    return torch.arange(z.shape[1]).reshape(1, -1, 1, 1).expand_as(z)


@torch.no_grad()
def make_tables(prior: Hyperprior) -> dict[str, rans.Tables]:
    """Quantised CDF tables of a trained prior: `z`, one a channel, and `y`, one a tabulated scale."""
    bottleneck, conditional = prior.bottleneck, prior.conditional
    bottleneck._update_quantiles()
    bottleneck.quantiles.clamp_(-_LONGEST_TAIL, _LONGEST_TAIL)
    bottleneck.quantiles[:, :, 1] = 0.0
    bottleneck.update(force=True)
    conditional.update_scale_table(list(SCALES), force=True)
    return {
        name: rans.Tables(model.quantized_cdf.clone(), model.cdf_length.clone(), model.offset.clone())
        for name, model in (("z", bottleneck), ("y", conditional))
    }


def estimate_bits(symbols: Tensor, scale: Tensor) -> float:
    """Information content of integer symbols under a zero-mean Gaussian of the given scale.

    As the range coder has it, an improbable symbol costs 16 bits (no CDF gives one a smaller share), and one
    beyond its table 24: the escape, and the value in the clear.
    """
    half = math.sqrt(0.5)
    distance = symbols.double().abs()
    upper = torch.erfc(-(0.5 - distance) * half / scale)
    lower = torch.erfc((0.5 + distance) * half / scale)
    within = -torch.log2((0.5 * (upper - lower)).clamp_min(2.0**-16))
    return float(torch.where(distance > torch.ceil(_TABLE_WIDTH * scale), 24.0, within).sum())
