"""Convolutions as every transform uses them, and the residual block."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution, `[B, inputs, H, W]` to `[B, outputs, H/stride, W/stride]`."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


def deconv3x3(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """3x3 transposed convolution of stride 2, `[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)


def full_precision(like: Tensor) -> AbstractContextManager[None]:
    """A context in which a mixed-precision training computes in float32, on the device of `like`."""
    if like.device.type == "meta":  # counting operations; there is no autocast for it
        return nullcontext()
    return torch.autocast(like.device.type, enabled=False)


def channels_first(forward: Forward) -> Forward:
    """For what may take it that channels come first in memory, whatever lies before it."""
    return lambda x: forward(x.contiguous())


class ResidualBlock(nn.Module):
    """conv3x3, ReLU, conv3x3, plus the input; `[B, C, H, W]` in and out.

    The second convolution starts at zero, so that a new block is the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(channels, channels), nn.ReLU(), conv3x3(channels, channels))
        last = self.body[2]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + self.body(x)


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """`count` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))
