"""Analysis and synthesis transform; the luma and the chroma branch are the same code at two sizes."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.attention import RNAB
from jpegai_bench.network.blocks import conv3x3, deconv3x3, full_precision, residual_blocks


@dataclass(frozen=True)
class SynthesisModules:
    """The modules under study: what a variant is made of. Each is a factory, called with channel counts."""

    attention_quarter: Callable[[int], nn.Module]
    """`(channels)`: attention at a quarter of the branch's resolution, shape kept."""
    attention_half: Callable[[int], nn.Module]
    """`(channels)`: attention at half of the branch's resolution, shape kept."""
    upsampling: Callable[[int, int], nn.Module]
    """`(inputs, outputs)`: doubles height and width; the first three of four."""
    activation: Callable[[int], nn.Module]
    """`(channels)`: activation, shape kept."""


class Analysis(nn.Module):
    """Image planes to latent: four conv3x3 of stride 2, ResAU between them, one RNAB at a quarter.

    The same for every variant: an ablation changes the decoder and nothing else.
    """

    def __init__(
        self, inputs: int, channels: int, latent: int, rnab_trunk_blocks: int, rnab_mask_blocks: int
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv3x3(inputs, channels, stride=2),
            ResAU(channels),
            conv3x3(channels, channels, stride=2),
            RNAB(channels, rnab_trunk_blocks, rnab_mask_blocks),
            ResAU(channels),
            conv3x3(channels, channels, stride=2),
            ResAU(channels),
            conv3x3(channels, latent, stride=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]`, H and W multiples of 16, to `[B, latent, H/16, W/16]`, float32."""
        x = self.body[:-1](x)
        # The gains multiply the latent by 16 and more: the rounding of bfloat16 would show at high rates.
        with full_precision(x):
            return self.body[-1](x.float())


class Synthesis(nn.Module):
    """Latent to image planes: the network under study.

    Residual blocks at 1/16, up, act, up, attention at 1/4, act, up, attention at 1/2, act, up.
    """

    def __init__(
        self, latent: int, channels: int, outputs: int, residual_count: int, modules: SynthesisModules
    ) -> None:
        super().__init__()
        self.residual = residual_blocks(latent, residual_count)
        self.up1 = modules.upsampling(latent, channels)
        self.act1 = modules.activation(channels)
        self.up2 = modules.upsampling(channels, channels)
        self.attention_quarter = modules.attention_quarter(channels)
        self.act2 = modules.activation(channels)
        self.up3 = modules.upsampling(channels, channels)
        self.attention_half = modules.attention_half(channels)
        self.act3 = modules.activation(channels)
        self.up4 = deconv3x3(channels, outputs)

    def forward(self, y: Tensor) -> Tensor:
        """`[B, latent, H/16, W/16]` to `[B, outputs, H, W]`."""
        x = self.act1(self.up1(self.residual(y)))
        x = self.act2(self.attention_quarter(self.up2(x)))
        x = self.act3(self.attention_half(self.up3(x)))
        return self.up4(x)
