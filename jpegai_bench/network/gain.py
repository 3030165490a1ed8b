"""Gain vectors: one model, all rates.

One gain per channel and quality index, interpolated in the log domain, so that quality is a real number.
The encoder quantises the residual times the gain, the decoder divides by it, and the scale of the entropy
model is multiplied by it. Source: Cui et al., "Asymmetric Gained Deep Image Compression with Continuous
Rate Adaptation", CVPR 2021; JPEG AI uses one gain for both directions.
"""

import torch
from torch import Tensor, nn

from jpegai_bench.network.fixedpoint import to_fixed

QUALITY_STEP = 1000
"""A bitstream holds the quality in thousandths."""


class Gain(nn.Module):
    """`qualities` gain vectors of `channels` entries, as log2; they start from 1 (lowest) to 16 (highest)."""

    def __init__(self, channels: int, qualities: int) -> None:
        super().__init__()
        start = torch.linspace(0.0, 4.0, qualities)[:, None]
        self.log2 = nn.Parameter(start.repeat(1, channels))

    def forward(self, quality: Tensor) -> Tensor:
        """log2 of the gain, `[B, C, 1, 1]`, for real qualities `[B]` in [0, qualities - 1]."""
        last = self.log2.shape[0] - 1
        low = quality.floor().clamp(0, last - 1).long()
        share = (quality - low)[:, None]
        log2 = self.log2[low] * (1 - share) + self.log2[low + 1] * share
        return log2[:, :, None, None]

    @torch.no_grad()
    def fixed(self, quality: int) -> Tensor:
        """log2 of the gain in fixed point, int64 `[C]`, for a quality in thousandths; exact on every machine.

        Within 1.5 * 2**-10 of `forward`.
        """
        low = min(quality // QUALITY_STEP, self.log2.shape[0] - 2)
        share = quality - low * QUALITY_STEP
        table = to_fixed(self.log2)
        mixed = table[low] * (QUALITY_STEP - share) + table[low + 1] * share
        return torch.div(mixed, QUALITY_STEP, rounding_mode="floor")
