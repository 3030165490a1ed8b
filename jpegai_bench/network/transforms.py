"""Analysis and synthesis transform; the luma and the chroma branch are the same code at two sizes."""

import torch
from torch import Tensor, nn

from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.attention import RNAB
from jpegai_bench.network.blocks import conv3x3, deconv3x3, full_precision, residual_blocks
from jpegai_bench.network.modules import NetworkModules

Widths = int | tuple[int, int, int]
"""Channels of a transform at 1/2, 1/4 and 1/8 of its input's resolution; one number is all three."""


def by_depth(widths: Widths) -> tuple[int, int, int]:
    """The channels at 1/2, 1/4 and 1/8."""
    return (widths, widths, widths) if isinstance(widths, int) else widths


class Analysis(nn.Module):
    """Image planes to latent: four conv3x3 of stride 2, activations between them, attention at a quarter.

    Without modules of a variant's own the same for all: an ablation changes the decoder and nothing else.
    """

    def __init__(
        self,
        inputs: int,
        widths: Widths,
        latent: int,
        rnab: tuple[int, int] | None,
        residual_count: int = 0,
        modules: NetworkModules | None = None,
    ) -> None:
        """`rnab`: residual blocks of trunk and mask of the attention; `residual_count`: at 1/4 and at 1/8."""
        super().__init__()
        half, quarter, eighth = by_depth(widths)
        activation = (modules and modules.analysis_activation) or ResAU
        attention = modules and modules.analysis_attention
        self.down1 = conv3x3(inputs, half, stride=2)
        self.act1 = activation(half)
        self.down2 = conv3x3(half, quarter, stride=2)
        self.residual_quarter = residual_blocks(quarter, residual_count)
        if attention:
            self.attention_quarter = attention(quarter)
        else:
            self.attention_quarter = RNAB(quarter, *rnab) if rnab else nn.Identity()
        self.act2 = activation(quarter)
        self.down3 = conv3x3(quarter, eighth, stride=2)
        self.residual_eighth = residual_blocks(eighth, residual_count)
        self.act3 = activation(eighth)
        self.down4 = conv3x3(eighth, latent, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]`, H and W multiples of 16, to `[B, latent, H/16, W/16]`, float32."""
        x = self.act1(self.down1(x))
        x = self.act2(self.attention_quarter(self.residual_quarter(self.down2(x))))
        x = self.act3(self.residual_eighth(self.down3(x)))
        # The gains multiply the latent by 16 and more: the rounding of bfloat16 would show at high rates.
        with full_precision(x):
            return self.down4(x.float())


class Reduction(nn.Module):
    """Both latents in few channels: conv3x3 on the two, and beside it the chroma latent as it is.

    As the chroma synthesis of the finished standard begins (ISO/IEC 6048-1).
    """

    def __init__(self, chroma: int, joined: int, reduced: int) -> None:
        super().__init__()
        self.chroma = chroma
        self.conv = conv3x3(joined, reduced)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, joined, H, W]`, chroma first, to `[B, reduced + chroma, H, W]`."""
        return torch.cat([self.conv(x), x[:, : self.chroma]], dim=1)


class Synthesis(nn.Module):
    """Latent to image planes: the network under study.

    Residual blocks at 1/16, up, act, up, attention at 1/4, act, up, attention at 1/2, act, up.
    """

    attention_parts = ("attention_quarter", "attention_half")
    """Children that a training may bypass at first, and that have a learning rate of their own."""

    def __init__(
        self,
        latent: int,
        widths: Widths,
        outputs: int,
        residual_count: int,
        modules: NetworkModules,
        reduction: tuple[int, int] | None = None,
    ) -> None:
        """`reduction`: how many channels come first and are kept, and to how many all are reduced beside."""
        super().__init__()
        half, quarter, eighth = by_depth(widths)
        self.reduction: nn.Module | None = None
        if reduction:
            self.reduction = Reduction(reduction[0], latent, reduction[1])
            latent = sum(reduction)
        residual, last = modules.residual, modules.last_upsampling or deconv3x3
        self.residual = residual(latent) if residual else residual_blocks(latent, residual_count)
        self.up1 = modules.upsampling(latent, eighth)
        self.act1 = modules.activation(eighth)
        self.up2 = modules.upsampling(eighth, quarter)
        self.attention_quarter = modules.attention_quarter(quarter)
        self.act2 = modules.activation(quarter)
        self.up3 = modules.upsampling(quarter, half)
        self.attention_half = modules.attention_half(half)
        self.act3 = modules.activation(half)
        self.up4 = last(half, outputs)

    def forward(self, y: Tensor) -> Tensor:
        """`[B, latent, H/16, W/16]` to `[B, outputs, H, W]`."""
        if self.reduction is not None:
            y = self.reduction(y)
        x = self.act1(self.up1(self.residual(y)))
        x = self.act2(self.attention_quarter(self.up2(x)))
        x = self.act3(self.attention_half(self.up3(x)))
        return self.up4(x)
