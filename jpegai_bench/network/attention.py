"""Attention of the synthesis transform: RNAB, and Restormer blocks by channel split or down-sampling.

RNAB: Zhang et al., "Residual Non-local Attention Networks for Image Restoration", ICLR 2019, without the
non-local block.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.blocks import conv3x3, deconv3x3, residual_blocks
from jpegai_bench.network.restormer import RestormerBlock
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


class CAB(nn.Module):
    """Attention of the finished standard at 1/4: `x + trunk(x) * sigmoid(mask(x))`, H and W even.

    Trunk: two residual blocks. Mask: conv3x3 of stride 2, two residual blocks, transposed conv3x3. As RNAB
    with fewer blocks, and all of the mask's at half the resolution (ISO/IEC 6048-1).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = deconv3x3(channels, channels)
        self.trunk = residual_blocks(channels, 2)
        self.mask = nn.Sequential(conv3x3(channels, channels, stride=2), residual_blocks(channels, 2), last)
        assert last.bias is not None
        nn.init.constant_(last.bias, -2.0)  # a new block lets x pass almost unchanged

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + self.trunk(x) * torch.sigmoid(self.mask(x))


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


class TAM(nn.Module):
    """Attention of the finished standard at 1/2: transformer blocks, with `stride=2` at half the resolution.

    [conv3x3 of stride 2], two blocks, [transposed conv3x3]; no skip connection around the down-sampling, for
    which H and W must be even. A block is Restormer's with an ELU gate, expansion 4, and no bias
    (ISO/IEC 6048-1).
    """

    def __init__(self, channels: int, stride: int = 2, blocks: int = 2, heads: int = 4) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2, not {stride}")
        self.down = conv3x3(channels, channels, stride=2) if stride == 2 else nn.Identity()
        self.blocks = nn.Sequential(
            *(RestormerBlock(channels, heads, 4.0, F.elu, bias=False) for _ in range(blocks))
        )
        self.up = deconv3x3(channels, channels) if stride == 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        x = self.down(x)
        x = run_blocks(self.blocks, x) if in_strips(x) else self.blocks(x)  # type: ignore[arg-type]
        return self.up(x)
