"""Gain vectors: one model, all rates.

One gain per channel and quality index, interpolated in the log domain, so that quality is a real number.
The encoder quantises the residual times the gain, the decoder divides by it, and the scale of the entropy
model is multiplied by it. Source: Cui et al., "Asymmetric Gained Deep Image Compression with Continuous
Rate Adaptation", CVPR 2021; JPEG AI uses one gain for both directions.
"""

import torch
from torch import Tensor, nn

from jpegai_bench.network.arithmetic import Arithmetic


class Gain(nn.Module):
    """`qualities` gain vectors of `channels` entries, as log2; they start from 1 (lowest) to 16 (highest)."""

    def __init__(self, channels: int, qualities: int) -> None:
        super().__init__()
        start = torch.linspace(0.0, 4.0, qualities)[:, None]
        self.log2 = nn.Parameter(start.repeat(1, channels))

    def forward(self, arithmetic: Arithmetic) -> Tensor:
        """log2 of the gain, `[B, C, 1, 1]`, at the quality of the arithmetic."""
        return arithmetic.interpolate(self.log2)

    def middle(self, arithmetic: Arithmetic) -> Tensor:
        """log2 of the gain of the middle quality, `[C, 1, 1]`."""
        return arithmetic.constant(self.log2[len(self.log2) // 2])[:, None, None]
