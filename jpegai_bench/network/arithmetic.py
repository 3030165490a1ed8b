"""The two arithmetics in which an entropy model computes: floats that learn, and integers that are exact.

A decoder that finds another CDF, or another mean, than its encoder did decodes garbage, so what decides them
must not depend on the order of a float sum (threads, batch size, instruction set, device). `Exact` holds
integers in float64: weights in steps of 2**-14, everything else in steps of 2**-10, both clamped, so that
every partial sum stays below 2**53 and is exact in any order. Powers of two come from a table of integers.
A model is written once, against `Arithmetic`; training and coding run the same lines.

The idea of an integer entropy network: Balle, Johnston, Minnen, "Integer Networks for Data Compression with
Latent-Variable Models", ICLR 2019.
"""

from collections.abc import Iterable
from functools import cache
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRACTION_BITS = 10
"""Activations, and everything that comes out, are integers in units of 2**-10."""
QUALITY_STEP = 1000
"""A bitstream holds the quality in thousandths."""
Phase = tuple[int, int]
"""Of every 2x2 positions the one at this row and column."""

_WEIGHT_BITS = 14
_WEIGHT_LIMIT = 2.0**4
_ACTIVATION_LIMIT = 2.0**9
_MAX_TERMS = 2 ** (52 - (4 + _WEIGHT_BITS) - (9 + FRACTION_BITS))
_UNIT = 1 << FRACTION_BITS
_POWER_BITS = 16
_MOST_OCTAVES = 30
_MANTISSA_BITS, _EXPONENT_BIAS = 52, 1023
"""Of a float64, whose exponent is written directly."""
POWERS = tuple(round(2.0 ** (_POWER_BITS + step / _UNIT)) for step in range(_UNIT))
"""2**(step / 1024) in units of 2**-16; none is within 1e-5 of a half, so that all are the same everywhere."""


class Arithmetic(Protocol):
    """What an entropy model computes with, at one quality."""

    @property
    def unit(self) -> int:
        """What 1 is held as."""

    def convolve(self, layer: nn.Conv2d, x: Tensor, phase: Phase | None = None) -> Tensor:
        """A convolution of stride 1 that keeps the size; with `phase`, its values there alone."""

    def sum_around(self, x: Tensor) -> Tensor:
        """Of each place the sum of the 3x3 around it, zero beyond the map."""

    def scale(self, x: Tensor, log2: Tensor) -> Tensor:
        """`x * 2**log2`; no gradient reaches `log2`."""

    def interpolate(self, table: Tensor) -> Tensor:
        """The row `[B, C, 1, 1]` of a table `[qualities, C]` at the quality, linear between two."""

    def limit(self, x: Tensor, most: float) -> Tensor:
        """Clamped to `-most` to `most`."""

    def constant(self, x: Tensor) -> Tensor:
        """Parameters as they are held."""


def run(arithmetic: Arithmetic, layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Convolutions of stride 1, ReLU and PixelShuffle one after the other."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            x = arithmetic.convolve(layer, x)
        elif isinstance(layer, nn.ReLU | nn.PixelShuffle):
            x = layer(x)
        else:
            raise TypeError(f"{type(layer).__name__} has no exact form")
    return x


def at(x: Tensor, phase: Phase | None) -> Tensor:
    """The values `[B, C, ceil((H - i) / 2), ceil((W - j) / 2)]` of a map at a phase `(i, j)`, or all."""
    return x if phase is None else x[..., phase[0] :: 2, phase[1] :: 2]


class Float:
    """Floats, with gradients."""

    unit = 1

    def __init__(self, quality: Tensor) -> None:
        """`quality`: `[B]`, real, in [0, qualities - 1]."""
        self.quality = quality

    def convolve(self, layer: nn.Conv2d, x: Tensor, phase: Phase | None = None) -> Tensor:
        """As `Arithmetic` has it."""
        if phase is None:
            return layer(x)
        height, width = layer.kernel_size
        if (height, width) == (1, 1):
            return layer(at(x, phase))
        x = F.pad(x, (width // 2, width // 2, height // 2, height // 2))[..., phase[0] :, phase[1] :]
        return F.conv2d(x, layer.weight, layer.bias, stride=2, groups=layer.groups)

    def sum_around(self, x: Tensor) -> Tensor:
        """As `Arithmetic` has it."""
        return F.avg_pool2d(x, 3, stride=1, padding=1, divisor_override=1)

    def scale(self, x: Tensor, log2: Tensor) -> Tensor:
        """As `Arithmetic` has it."""
        return x * torch.exp2(log2.detach())

    def interpolate(self, table: Tensor) -> Tensor:
        """As `Arithmetic` has it."""
        last = table.shape[0] - 1
        low = self.quality.floor().clamp(0, last - 1).long()
        share = (self.quality - low)[:, None]
        return (table[low] * (1 - share) + table[low + 1] * share)[:, :, None, None]

    def limit(self, x: Tensor, most: float) -> Tensor:
        """As `Arithmetic` has it."""
        return x.clamp(-most, most)

    def constant(self, x: Tensor) -> Tensor:
        """As `Arithmetic` has it."""
        return x


RoundedWeights = WeakKeyDictionary[nn.Conv2d, tuple[Tensor, Tensor]]
"""Of layers as long as they live."""


class Exact:
    """Integers in units of 2**-10, held in float64: the same on every machine, with any number of threads."""

    unit = _UNIT

    def __init__(self, quality: int, weights: RoundedWeights | None = None) -> None:
        """`quality`: in thousandths; `weights`: rounded weights of layers that were met, which are shared."""
        self.quality = quality
        self._weights = RoundedWeights() if weights is None else weights

    @torch.no_grad()
    def convolve(self, layer: nn.Conv2d, x: Tensor, phase: Phase | None = None) -> Tensor:
        """As `Arithmetic` has it. A matrix product of integers is exact; Winograd or an FFT would not be.

        Raises:
            TypeError: the convolution has no exact form.
        """
        weight, bias = self._rounded(layer)
        terms = _taps(self.limit(x, _ACTIVATION_LIMIT), layer.kernel_size[0] // 2, phase)
        batch, _, _, height, width = terms.shape
        columns = terms.reshape(batch, layer.groups, -1, height * width)
        sums = torch.matmul(weight, columns).flatten(1, 2).add_(bias[:, None])
        values = sums.mul_(2.0**-_WEIGHT_BITS).floor_().reshape(batch, -1, height, width)
        return values.clamp_(-_ACTIVATION_LIMIT * _UNIT, _ACTIVATION_LIMIT * _UNIT)

    def sum_around(self, x: Tensor) -> Tensor:
        """As `Arithmetic` has it; in two directions, one after the other."""
        return _sum_of_three(_sum_of_three(x, 2), 3)

    def scale(self, x: Tensor, log2: Tensor) -> Tensor:
        """As `Arithmetic` has it; exact for `x` below 2**35, the exponent clamped to 30 octaves."""
        exponent = log2.clamp(-_MOST_OCTAVES * _UNIT, _MOST_OCTAVES * _UNIT).long()
        octave = (exponent >> FRACTION_BITS) + (_EXPONENT_BIAS - _POWER_BITS) << _MANTISSA_BITS
        factor = _powers(x.device)[exponent & (_UNIT - 1)] * octave.view(torch.float64)
        return (x * factor).add_(0.5).floor_()

    @torch.no_grad()
    def interpolate(self, table: Tensor) -> Tensor:
        """As `Arithmetic` has it, within 1.5 units."""
        low = min(self.quality // QUALITY_STEP, table.shape[0] - 2)
        share = self.quality - low * QUALITY_STEP
        rounded = to_exact(table[low : low + 2]).long()
        mixed = rounded[0] * (QUALITY_STEP - share) + rounded[1] * share
        return torch.div(mixed, QUALITY_STEP, rounding_mode="floor").double()[None, :, None, None]

    def limit(self, x: Tensor, most: float) -> Tensor:
        """As `Arithmetic` has it."""
        return x.clamp(-most * _UNIT, most * _UNIT)

    @torch.no_grad()
    def constant(self, x: Tensor) -> Tensor:
        """As `Arithmetic` has it."""
        return to_exact(x)

    def _rounded(self, layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
        if layer not in self._weights:
            self._weights[layer] = _rounded(layer)
        return self._weights[layer]


def _sum_of_three(x: Tensor, dim: int) -> Tensor:
    """Of each place and its two neighbours along a dimension."""
    length, sums = x.shape[dim] - 1, x.clone()
    sums.narrow(dim, 0, length).add_(x.narrow(dim, 1, length))
    sums.narrow(dim, 1, length).add_(x.narrow(dim, 0, length))
    return sums


def _taps(x: Tensor, reach: int, phase: Phase | None) -> Tensor:
    """Of a map `[B, C, H, W]` what a square kernel sees at a phase, zero outside: `[B, C, taps, h, w]`."""
    if not reach:
        return at(x, phase)[:, :, None]
    top, left = phase or (0, 0)
    step = 1 if phase is None else 2
    rows, columns = -(-(x.shape[2] - top) // step), -(-(x.shape[3] - left) // step)
    padded = F.pad(x, (reach,) * 4)
    split = [[padded[..., i::step, j::step].contiguous() for j in range(step)] for i in range(step)]
    taps = []
    for i in range(top, top + 2 * reach + 1):
        for j in range(left, left + 2 * reach + 1):
            part = split[i % step][j % step]
            taps.append(part[..., i // step : i // step + rows, j // step : j // step + columns])
    return torch.stack(taps, dim=2)


@cache
def _powers(device: torch.device) -> Tensor:
    """`POWERS`; no function of a machine's own makes a power of two."""
    return torch.tensor(POWERS, dtype=torch.float64, device=device)


@torch.no_grad()
def _rounded(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weight `[groups, outputs / groups, terms]` in units of 2**-14; bias `[outputs]` of 2**-24.

    A half unit of what comes out is added to the bias: the floor of the sum rounds to the nearest.
    """
    same = {(1, 1): (0, 0), (3, 3): (1, 1)}.get((layer.kernel_size[0], layer.kernel_size[1]))
    plain = (layer.stride, layer.dilation, layer.padding_mode) == ((1, 1), (1, 1), "zeros")
    weight = layer.weight.double().clamp(-_WEIGHT_LIMIT, _WEIGHT_LIMIT).flatten(1)
    if not plain or layer.padding != same or weight.shape[1] >= _MAX_TERMS:
        raise TypeError(f"{layer} has no exact form")
    weight = torch.floor(weight * 2.0**_WEIGHT_BITS + 0.5)
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.double()
    scale = 2.0 ** (_WEIGHT_BITS + FRACTION_BITS)
    bias = torch.floor(bias.clamp(-_ACTIVATION_LIMIT, _ACTIVATION_LIMIT) * scale + 0.5)
    return weight.unflatten(0, (layer.groups, -1)), bias + 2.0 ** (_WEIGHT_BITS - 1)


def to_exact(x: Tensor) -> Tensor:
    """Round floats to units of 2**-10, held in float64."""
    return torch.floor(x.double() * _UNIT + 0.5)


def from_exact(x: Tensor) -> Tensor:
    """Units of 2**-10 to float32; exact below 2**14 in magnitude."""
    return (x.double() / _UNIT).float()
