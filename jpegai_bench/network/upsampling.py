"""Doubling of the resolution: transposed convolution, or 1x1 convolution with PixelShuffle."""

from torch import Tensor, nn

from jpegai_bench.network.blocks import deconv3x3


class TransposedConvolution(nn.Module):
    """conv3x3 transposed, stride 2: `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = deconv3x3(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""
        return self.conv(x)


class PixelShuffleUpsampling(nn.Module):
    """conv1x1 to 4 * outputs, then PixelShuffle: `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""
        return self.shuffle(self.conv(x))
