"""The residual activation unit of JPEG AI and its simplification."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResAU(nn.Module):
    """Residual activation unit: `x + x * tanh(conv1x1(LeakyReLU(x)))`, `[B, C, H, W]` in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x + x * torch.tanh(self.conv(F.leaky_relu(x)))


class SimplifiedActivation(nn.Module):
    """ResAU without tanh and without the element-wise operation after it.

    The paper's text allows two readings: `form="product"` is `x * conv1x1(LeakyReLU(x))`, with the bias
    starting at one so that the unit starts near the identity; `form="sum"` is `x + conv1x1(LeakyReLU(x))`.
    """

    def __init__(self, channels: int, form: Literal["product", "sum"] = "product") -> None:
        super().__init__()
        if form not in ("product", "sum"):
            raise ValueError(f"form must be product or sum, not {form!r}")
        self.form = form
        self.gate = nn.Conv2d(channels, channels, 1)
        assert self.gate.bias is not None
        with torch.no_grad():
            self.gate.weight.mul_(0.1)
            self.gate.bias.fill_(1.0 if form == "product" else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        gain = self.gate(F.leaky_relu(x))
        return x * gain if self.form == "product" else x + gain


class GroupedResAU(nn.Module):
    """ResAU of the finished standard (ISO/IEC 6048-1): `x * (1 + conv1x1(conv3x3(relu6(x))))`.

    conv3x3 is grouped; both are without bias. `groups` is their number; without, a group has 16 channels.
    """

    def __init__(self, channels: int, groups: int | None = None) -> None:
        super().__init__()
        number = groups or channels // 16
        if channels % (number if groups else 16):
            raise ValueError(f"{channels} channels are no multiple of {groups or 16}: give other `groups`")
        self.grouped = nn.Conv2d(channels, channels, 3, padding=1, groups=number, bias=False)
        self.gate = nn.Conv2d(channels, channels, 1, bias=False)
        with torch.no_grad():
            self.gate.weight.mul_(0.1)  # a new unit is near the identity

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return x * (1 + self.gate(self.grouped(F.relu6(x))))
