"""Attention of the synthesis transform: RNAB, and Restormer blocks by channel split or down-sampling.

RNAB: Zhang et al., "Residual Non-local Attention Networks for Image Restoration", ICLR 2019, without the
non-local block. Restormer block: Zamir et al., "Restormer", CVPR 2022, section 3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.blocks import conv3x3, deconv3x3, residual_blocks
from jpegai_bench.network.strips import in_strips, run_blocks


class RNAB(nn.Module):
    """Residual attention block: `x + trunk(x) * sigmoid(mask(x))`, `[B, C, H, W]` in and out, H and W even.

    Trunk: `trunk_blocks` residual blocks. Mask: `mask_blocks` residual blocks at full, half and full
    resolution, joined by a strided and a transposed convolution, then a 3x3 convolution.
    """

    def __init__(self, channels: int, trunk_blocks: int = 3, mask_blocks: int = 2) -> None:
        super().__init__()
        self.trunk = residual_blocks(channels, trunk_blocks)
        last = conv3x3(channels, channels)
        self.mask = nn.Sequential(
            residual_blocks(channels, mask_blocks),
            conv3x3(channels, channels, stride=2),
            residual_blocks(channels, mask_blocks),
            deconv3x3(channels, channels),
            residual_blocks(channels, mask_blocks),
            last,
        )
        assert last.bias is not None
        nn.init.constant_(last.bias, -2.0)  # a new block lets x pass almost unchanged

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + self.trunk(x) * torch.sigmoid(self.mask(x))


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each position, with scale and bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

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
    """Gated-Dconv feed-forward (GDFN): 1x1 to twice `int(expansion*C)`, depthwise 3x3, GELU gate, 1x1."""

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.expand = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        gate, value = self.depthwise(self.expand(x)).chunk(2, dim=1)
        # A copy, since the rows of a slice are too short for vector instructions: a tenth of the time.
        return self.project(F.gelu(gate.clone()) * value)


class RestormerBlock(nn.Module):
    """Channel attention, then gated feed-forward, each after a normalisation and with a skip connection.

    Both output projections start at zero, so that a new block is the identity.
    """

    def __init__(self, channels: int, heads: int, expansion: float) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attention = ChannelAttention(channels, heads)
        self.norm2 = ChannelNorm(channels)
        self.feed_forward = GatedFeedForward(channels, expansion)
        nn.init.zeros_(self.attention.project.weight)
        nn.init.zeros_(self.feed_forward.project.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class RestormerStack(nn.Module):
    """`blocks` Restormer blocks on all channels; `[B, C, H, W]` in and out."""

    def __init__(self, channels: int, blocks: int = 6, heads: int = 4, expansion: float = 2.66) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(RestormerBlock(channels, heads, expansion) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        if in_strips(x):
            return run_blocks(self.blocks, x)  # type: ignore[arg-type]
        return self.blocks(x)


class ChannelSplitAttention(nn.Module):
    """Attention-CS: Restormer blocks on the first half of the channels, the other half passes by."""

    def __init__(self, channels: int, blocks: int = 6, heads: int = 4, expansion: float = 2.66) -> None:
        super().__init__()
        self.attention = RestormerStack(channels // 2, blocks, heads, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape, C even."""
        attended, passed = x.chunk(2, dim=1)
        return torch.cat([self.attention(attended), passed], dim=1)


class DownsampledAttention(nn.Module):
    """Attention-DS: conv3x3 of stride 2, Restormer blocks, transposed conv3x3, plus the input.

    H and W must be even. The last convolution starts at zero, so that a new module is the identity.
    """

    def __init__(self, channels: int, blocks: int = 6, heads: int = 4, expansion: float = 2.66) -> None:
        super().__init__()
        self.down = conv3x3(channels, channels, stride=2)
        self.attention = RestormerStack(channels, blocks, heads, expansion)
        self.up = deconv3x3(channels, channels)
        nn.init.zeros_(self.up.weight)
        assert self.up.bias is not None
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + self.up(self.attention(self.down(x)))
