"""The Restormer block: Zamir et al., "Restormer", CVPR 2022, section 3."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Gate = Callable[[Tensor], Tensor]


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each position, with scale and, where wanted, bias."""

    def __init__(self, channels: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return self.last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # no copy where x is channels-last

    def last(self, x: Tensor) -> Tensor:
        """The same of `[..., C]`."""
        # As its weights, float32 in a mixed-precision training: bfloat16 takes a CPU five times as long.
        x = x.to(self.weight.dtype)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias)


class ChannelAttention(nn.Module):
    """Multi-head transposed attention (MDTA): attention between channels, linear in the resolution.

    q, k, v come from a 1x1 and a depthwise 3x3 convolution without bias; q and k are normalised to unit
    length over the positions; the `C/heads x C/heads` product of a head is scaled by a learned temperature.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split over {heads} heads")
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        batch, channels, height, width = x.shape
        q, k, v = (
            part.reshape(batch, self.heads, channels // self.heads, height * width)
            for part in self.depthwise(self.qkv(x)).chunk(3, dim=1)
        )
        # The product of unit vectors, with the lengths divided out of the small product instead of the maps.
        lengths = _lengths(q).unsqueeze(-1) * _lengths(k).unsqueeze(-2)
        scores = q @ k.transpose(-2, -1) / lengths
        mixed = torch.softmax(scores * self.temperature, dim=-1) @ v
        return self.project(mixed.reshape(batch, channels, height, width))


def _lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=-1).clamp_min(1e-6)


class GatedFeedForward(nn.Module):
    """Gated-Dconv feed-forward (GDFN): 1x1 to twice `int(expansion*C)`, depthwise 3x3, gate, 1x1."""

    def __init__(self, channels: int, expansion: float, gate: Gate = F.gelu) -> None:
        super().__init__()
        self.gate = gate
        hidden = int(channels * expansion)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        gate, value = self.depthwise(self.expand(x)).chunk(2, dim=1)
        # A copy, since the rows of a slice are too short for vector instructions: a tenth of the time.
        return self.project(self.gate(gate.clone()) * value)


class RestormerBlock(nn.Module):
    """Channel attention, then gated feed-forward, each after a normalisation and with a skip connection.

    Both output projections start at zero, so that a new block is the identity.
    """

    def __init__(
        self, channels: int, heads: int, expansion: float, gate: Gate = F.gelu, bias: bool = True
    ) -> None:
        """`bias`: of the normalisations; the convolutions have none."""
        super().__init__()
        self.norm1 = ChannelNorm(channels, bias)
        self.attention = ChannelAttention(channels, heads)
        self.norm2 = ChannelNorm(channels, bias)
        self.feed_forward = GatedFeedForward(channels, expansion, gate)
        nn.init.zeros_(self.attention.project.weight)
        nn.init.zeros_(self.feed_forward.project.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))
