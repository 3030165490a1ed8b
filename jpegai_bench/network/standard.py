"""The three synthesis transforms of the finished standard: simple, base and high (ISO/IEC 6048-1).

Structure as in public descriptions of JPEG AI and of its reference software; widths are arguments. The
standard's names: SOP, BOP and HOP, for simple, base and high operation point. Weights are trained here:
nothing decodes the standard's bitstreams.
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.activation import GroupedResAU
from jpegai_bench.network.attention import CAB, TAM
from jpegai_bench.network.blocks import ResidualBlock, conv3x3, deconv3x3
from jpegai_bench.network.transforms import Reduction, Widths, by_depth
from jpegai_bench.network.upsampling import PixelShuffleUpsampling

Upsampling = Literal["transposed", "shuffle"]
_REDUCED = 48
"""Channels that both latents become in the chroma synthesis, beside the chroma latent."""


class RectifiedResidual(nn.Module):
    """`x + relu(conv3x3(x))`, `[B, C, H, W]` in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + F.relu(self.conv(x))


class ShuffledConvolution(nn.Module):
    """conv2x2 to 4 * outputs, PixelShuffle: `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`.

    A row and a column of zeros at the bottom and on the right keep the size.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""
        return F.pixel_shuffle(self.conv(F.pad(x, (0, 1, 0, 1))), 2)


class LastShuffle(nn.Module):
    """conv1x1, PixelShuffle by `factor`: `[B, inputs, H, W]` to `[B, outputs, factor*H, factor*W]`."""

    def __init__(self, inputs: int, outputs: int, factor: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs * factor * factor, 1)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, factor*H, factor*W]`."""
        return F.pixel_shuffle(self.conv(x), self.factor)


def _doubling(kind: Upsampling) -> Callable[[int, int], nn.Module]:
    if kind == "shuffle":
        return ShuffledConvolution
    if kind == "transposed":
        return lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
    raise ValueError(f"upsampling must be transposed or shuffle, not {kind!r}")


class LightLuma(nn.Module):
    """Luma synthesis without attention: of SOP with `shuffle`, of BOP with `transposed`."""

    def __init__(
        self, latent: int, outputs: int, widths: tuple[int, int, int], upsampling: Upsampling
    ) -> None:
        """`widths`: channels at 1/8, at 1/4, and before the last convolution."""
        super().__init__()
        eighth, quarter, last = widths
        doubling = _doubling(upsampling)
        self.residual = RectifiedResidual(latent)
        self.up1 = doubling(latent, eighth)
        self.act1 = GroupedResAU(eighth)
        self.up2 = doubling(eighth, quarter)
        self.act2 = GroupedResAU(quarter)
        self.conv = conv3x3(quarter, last)
        self.act3 = GroupedResAU(last)
        self.up3 = LastShuffle(last, outputs, 4)

    def forward(self, y: Tensor) -> Tensor:
        """`[B, latent, H/16, W/16]` to `[B, outputs, H, W]`."""
        x = self.act1(self.up1(self.residual(y)))
        x = self.act2(self.up2(x))
        return self.up3(self.act3(self.conv(x)))


class LightChroma(nn.Module):
    """Chroma synthesis without attention: of SOP with `shuffle`, of BOP with `transposed`."""

    def __init__(
        self, latent: int, luma: int, outputs: int, widths: tuple[int, int], upsampling: Upsampling
    ) -> None:
        """`widths`: channels at 1/8, and before the last convolution."""
        super().__init__()
        eighth, last = widths
        self.reduction = Reduction(latent, latent + luma, _REDUCED)
        self.up1 = _doubling(upsampling)(latent + _REDUCED, eighth)
        self.act1 = GroupedResAU(eighth)
        self.conv = conv3x3(eighth, last)
        self.act2 = GroupedResAU(last)
        self.up2 = LastShuffle(last, outputs, 8)

    def forward(self, y: Tensor) -> Tensor:
        """Both latents `[B, latent + luma, H/16, W/16]`, chroma first, to `[B, outputs, H, W]`."""
        x = self.act1(self.up1(self.reduction(y)))
        return self.up2(self.act2(self.conv(x)))


class HighLuma(nn.Module):
    """Luma synthesis of HOP: CAB at 1/4, TAM at 1/2, PixelShuffle as the third of four upsamplings."""

    attention_parts = ("attention_quarter", "attention_half")

    def __init__(self, latent: int, outputs: int, widths: Widths) -> None:
        """`widths`: channels at 1/2, 1/4 and 1/8, or one number."""
        super().__init__()
        half, quarter, eighth = by_depth(widths)
        self.residual = ResidualBlock(latent)
        self.up1 = deconv3x3(latent, eighth)
        self.act1 = GroupedResAU(eighth, groups=4)
        self.up2 = deconv3x3(eighth, quarter)
        self.attention_quarter = CAB(quarter)
        self.act2 = GroupedResAU(quarter, groups=4)
        self.up3 = PixelShuffleUpsampling(quarter, half)
        self.attention_half = TAM(half, stride=2)
        self.act3 = GroupedResAU(half, groups=4)
        self.up4 = deconv3x3(half, outputs)

    def forward(self, y: Tensor) -> Tensor:
        """`[B, latent, H/16, W/16]` to `[B, outputs, H, W]`."""
        x = self.act1(self.up1(self.residual(y)))
        x = self.act2(self.attention_quarter(self.up2(x)))
        x = self.act3(self.attention_half(self.up3(x)))
        return self.up4(x)


class HighChroma(nn.Module):
    """Chroma synthesis of HOP: CAB at 1/8 and TAM at 1/4 of the resolution of chroma."""

    attention_parts = ("attention_eighth", "attention_quarter")

    def __init__(self, latent: int, luma: int, outputs: int, widths: Widths) -> None:
        """`widths`: as of luma; of three numbers the last two are used."""
        super().__init__()
        _, quarter, eighth = by_depth(widths)
        self.reduction = Reduction(latent, latent + luma, _REDUCED)
        self.up1 = deconv3x3(latent + _REDUCED, eighth)
        self.attention_eighth = CAB(eighth)
        self.act1 = GroupedResAU(eighth, groups=4)
        self.up2 = PixelShuffleUpsampling(eighth, quarter)
        self.attention_quarter = TAM(quarter, stride=1)
        self.act2 = GroupedResAU(quarter, groups=4)
        self.up3 = deconv3x3(quarter, 4 * outputs)
        self.up4 = nn.PixelShuffle(2)

    def forward(self, y: Tensor) -> Tensor:
        """Both latents `[B, latent + luma, H/16, W/16]`, chroma first, to `[B, outputs, H, W]`."""
        x = self.act1(self.attention_eighth(self.up1(self.reduction(y))))
        x = self.act2(self.attention_quarter(self.up2(x)))
        return self.up4(self.up3(x))
