"""Torch's layers with their weights as the kernels read them. Maps are `[B, C, H, W]`, channels last."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.kernels.library import Convolution, Planes, Restormer, library
from jpegai_bench.network.restormer import ChannelNorm, RestormerBlock

_LARGE = 1 << 22
"""Bytes from which on a map gets large pages."""
_BEYOND = 32
"""Pixels that a product may read beyond a map."""


class Before(IntEnum):
    """What a convolution does to its input."""

    AS_IT_IS = 0
    LEAKY = 1
    RELU6 = 2


class After(IntEnum):
    """What follows a convolution `v`; `a` and `b` are maps of the output's shape."""

    NONE = 0
    RELU = 1
    ADD = 2
    """`a + v`"""
    GATE = 3
    """`a + b * sigmoid(v)`"""
    RESAU = 4
    """`a + a * tanh(v)`"""
    TIMES = 5
    """`a * v`"""


def empty(batch: int, channels: int, height: int, width: int) -> Tensor:
    """A map `[B, C, H, W]`, channels last, not initialised."""
    made = torch.empty(batch, height, width, channels)
    if made.nbytes >= _LARGE:
        library().use_large_pages(made.data_ptr(), made.nbytes)
    return made.permute(0, 3, 1, 2)


def rows(x: Tensor) -> Tensor:
    """`[B, C, H, W]` with channels last, as it is where they are, a slice of channels too."""
    batch, channels, height, width = x.shape
    pixel = x.stride(3)
    if x.stride() == (height * width * pixel, 1, width * pixel, pixel) and pixel >= channels:
        return x
    return empty(batch, channels, height, width).copy_(x)


Tap = tuple[int, int, Tensor]
"""Row and column relative to the output's, in the input; `[outputs, inputs]`."""


@dataclass(frozen=True)
class Part:
    """One of the pixels of the output that come of a pixel of the input."""

    row: int
    column: int
    taps: list[Tap]
    bias: Tensor | None


class Product:
    """A convolution: for each part of the output the taps that it sums up."""

    def __init__(self, parts: Sequence[Part], stride: int = 1, before: Before = Before.AS_IT_IS) -> None:
        """`stride`: of the input."""
        self.outputs, self.inputs = parts[0].taps[0][2].shape
        self.stride, self.spread = stride, 1 if len(parts) == 1 else 2
        self.weights = [packed([weight for _, _, weight in part.taps]) for part in parts]
        no_bias = torch.zeros(self.outputs)
        self.biases = [_padded(no_bias if part.bias is None else part.bias.detach(), 0) for part in parts]
        self.call = Convolution(
            inputs=self.inputs, outputs=self.outputs, stride=stride, spread=self.spread, phases=len(parts),
            before=before,
        )  # fmt: skip
        for phase, part, weight, bias in zip(self.call.phase, parts, self.weights, self.biases, strict=False):
            phase.taps, phase.row, phase.column = len(part.taps), part.row, part.column
            phase.weight, phase.bias = weight.data_ptr(), bias.data_ptr()
            for number, (dy, dx, _) in enumerate(part.taps):
                phase.dy[number], phase.dx[number] = dy, dx

    def __call__(
        self,
        x: Tensor,
        after: After = After.NONE,
        a: Tensor | None = None,
        b: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, H * spread / stride, …]`.

        `a` and `b` are of the output's shape, and may be `out`.
        """
        x = rows(x)
        batch, _, height, width = x.shape
        call = Convolution.from_buffer_copy(self.call)
        call.height, call.width, call.x_stride = height, width, x.stride(3)
        call.rows, call.columns = -(-height // self.stride), -(-width // self.stride)
        if out is None:
            out = empty(batch, self.outputs, call.rows * self.spread, call.columns * self.spread)
        a, b = (y if y is None or y.stride() == out.stride() else empty(*y.shape).copy_(y) for y in (a, b))
        call.out_stride, call.after, call.threads = out.stride(3), after, torch.get_num_threads()
        for image in range(batch):
            call.x, call.out = x[image].data_ptr(), out[image].data_ptr()
            call.first, call.second = (None if y is None else y[image].data_ptr() for y in (a, b))
            library().convolve(ctypes.byref(call))
        return out


def _padded(x: Tensor, dim: int) -> Tensor:
    """Zeros up to whole vectors."""
    more = -x.shape[dim] % library().lanes()
    return F.pad(x, (0, 0) * (x.dim() - 1 - dim) + (0, more)).float().contiguous()


def packed(taps: Sequence[Tensor]) -> Tensor:
    """Matrices `[outputs, inputs]` of each tap to `[panels, taps, inputs, outputs of a panel]`."""
    weight = _padded(torch.stack([tap.detach() for tap in taps], 1), 0)
    wide = library().panel_width(weight.shape[0])
    return weight.unflatten(0, (-1, wide)).permute(0, 2, 3, 1).contiguous()


def convolution(layer: nn.Conv2d, before: Before = Before.AS_IT_IS) -> Product:
    """A square convolution of odd size that keeps, or halves, the resolution."""
    return Product([Part(0, 0, _taps(layer.weight), layer.bias)], layer.stride[0], before)


def _taps(weight: Tensor) -> list[Tap]:
    """Of `[outputs, inputs, size, size]`; of an even size the first stands at the pixel itself."""
    size = weight.shape[2]
    reach = (size - 1) // 2
    return [(y - reach, x - reach, weight[:, :, y, x]) for y in range(size) for x in range(size)]


def gain(layer: nn.Conv2d) -> Product:
    """One more than a convolution without bias."""
    return Product([Part(0, 0, _taps(layer.weight), torch.ones(len(layer.weight)))])


class Grouped:
    """A convolution of odd size in groups, without bias: a product for as many groups as fill a vector."""

    def __init__(self, layer: nn.Conv2d, before: Before = Before.AS_IT_IS) -> None:
        together = max(1, library().lanes() // (layer.in_channels // layer.groups))
        together = together if layer.groups % together == 0 else 1
        self.groups = [
            Product([Part(0, 0, _joined(weights, together), None)], before=before)
            for weights in layer.weight.chunk(layer.groups // together)
        ]

    def __call__(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        x = rows(x)
        out = empty(*x.shape)
        number = len(self.groups)
        for group, given, made in zip(self.groups, x.chunk(number, 1), out.chunk(number, 1), strict=True):
            group(given, out=made)
        return out


def _joined(weights: Tensor, groups: int) -> list[Tap]:
    """Taps of several groups as of one: no output sees another group's inputs."""
    by_group = zip(*(_taps(weight) for weight in weights.chunk(groups)), strict=True)
    return [(*taps[0][:2], torch.block_diag(*(weight for _, _, weight in taps))) for taps in by_group]


_PIXELS = [(row, column) for row in (0, 1) for column in (0, 1)]
_FROM = {3: ({0: 1}, {0: 2, 1: 0}), 4: ({-1: 3, 0: 1}, {0: 2, 1: 0})}
"""By size, of an even and of an odd row: which row of the weights a row of the input around meets."""


def shuffled(layer: nn.Conv2d) -> Product:
    """A convolution with PixelShuffle by 2, 1x1 or, from a pixel to the right and down, 2x2."""
    return Product(
        [
            Part(
                row,
                column,
                _taps(layer.weight[place::4]),
                None if layer.bias is None else layer.bias[place::4],
            )
            for place, (row, column) in enumerate(_PIXELS)
        ]
    )


def transposed(layer: nn.ConvTranspose2d) -> Product:
    """3x3 or 4x4 of stride 2: each of the four pixels that come of one has taps of its own."""
    return Product([Part(*pixel, _doubled(layer, *pixel), layer.bias) for pixel in _PIXELS])


def _doubled(layer: nn.ConvTranspose2d, row: int, column: int) -> list[Tap]:
    by_row, by_column = (_FROM[layer.kernel_size[0]][place] for place in (row, column))
    pairs = product(by_row.items(), by_column.items())
    return [(dy, dx, layer.weight[:, :, y, x].T) for (dy, y), (dx, x) in pairs]


class LastProduct:
    """3x3 transposed, of stride 2, to few planes `[B, outputs, 2H, 2W]` that lie one after the other."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        taps = [weight for pixel in _PIXELS for _, _, weight in _doubled(layer, *pixel)]
        weight = _padded(torch.stack([tap.detach() for tap in taps], 1), 2)
        self.weight = weight.unflatten(2, (-1, library().lanes())).transpose(1, 2).contiguous()
        none = torch.zeros(layer.out_channels)
        self.bias = none if layer.bias is None else layer.bias.detach()
        self.outputs = layer.out_channels

    def __call__(self, x: Tensor) -> Tensor:
        """`[B, inputs, H, W]` to `[B, outputs, 2H, 2W]`."""
        x = rows(x)
        batch, channels, height, width = x.shape
        out = torch.empty(batch, self.outputs, 2 * height, 2 * width)
        for image in range(batch):
            call = Planes(
                x[image].data_ptr(), height, width, channels, x.stride(3), out[image].data_ptr(),
                self.outputs, self.weight.data_ptr(), self.bias.data_ptr(), torch.get_num_threads(),
            )  # fmt: skip
            library().planes(ctypes.byref(call))
        return out


class Block:
    """A Restormer block whose gate is GELU or ELU."""

    def __init__(self, block: RestormerBlock) -> None:
        attention, feed_forward = block.attention, block.feed_forward
        self.attention = attention
        channels, self.hidden = attention.project.weight.shape[0], feed_forward.project.weight.shape[1]
        qkv, qkv_bias = _normalised(attention.qkv, block.norm1, 3)
        expand, expand_bias = _normalised(feed_forward.expand, block.norm2, 2)
        self.tensors = {
            "qkv": qkv,
            "qkv_bias": qkv_bias,
            "depthwise": _by_channel(attention.depthwise, 3),
            "expand": expand,
            "expand_bias": expand_bias,
            "gate_depthwise": _by_channel(feed_forward.depthwise, 2),
            "project": packed([feed_forward.project.weight[:, :, 0, 0]]),
            "zeros": _padded(torch.zeros(channels), 0),
        }
        self.wide = len(self.tensors["zeros"])
        self.call = Restormer(
            channels=channels, heads=attention.heads, hidden=self.hidden, elu=feed_forward.gate is F.elu,
            **{name: tensor.data_ptr() for name, tensor in self.tensors.items()},
        )  # fmt: skip

    def __call__(self, x: Tensor, value: Tensor, out: Tensor) -> Tensor:
        """One picture `[1, C, H, W]`, channels last; `value`: from `room`."""
        _, channels, height, width = x.shape
        call = Restormer.from_buffer_copy(self.call)
        call.threads = max(1, min(torch.get_num_threads(), height))
        call.height, call.width, call.x_stride, call.out_stride = height, width, x.stride(3), out.stride(3)
        products, squares = (
            torch.zeros(call.threads, self.wide, self.wide),
            torch.zeros(call.threads, 2, self.wide),
        )
        call.x, call.out, call.value = x.data_ptr(), out.data_ptr(), value.data_ptr()
        call.products, call.squares = products.data_ptr(), squares.data_ptr()
        library().attend(ctypes.byref(call))
        mixing = self._mixing(products.sum(0)[:channels, :channels], squares.sum(0)[:, :channels])
        call.mixing = mixing.data_ptr()
        library().feed(ctypes.byref(call))
        return out

    def _mixing(self, products: Tensor, squares: Tensor) -> Tensor:
        """The 1x1 convolution that mixes and projects v, packed; of q by k and the squares of both."""
        attention, channels = self.attention, len(products)
        heads, each = attention.heads, channels // attention.heads
        by_head = torch.stack([products[i : i + each, i : i + each] for i in range(0, channels, each)])
        q_lengths, k_lengths = squares.sqrt().clamp_min(1e-6).view(2, heads, each)
        scores = by_head / (q_lengths[:, :, None] * k_lengths[:, None, :])
        mixed = torch.softmax(scores * attention.temperature, dim=-1)
        projected = attention.project.weight.view(channels, heads, each).transpose(0, 1) @ mixed
        return packed([projected.transpose(0, 1).reshape(channels, channels)])


def room(x: Tensor) -> Tensor:
    """For the values of a picture `[B, C, H, W]`, and for what a product may read beyond."""
    _, channels, height, width = x.shape
    lanes = library().lanes()
    return torch.empty((height * width * -(-channels // lanes) + _BEYOND) * lanes)


def _normalised(layer: nn.Conv2d, norm: ChannelNorm, parts: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a 1x1 convolution with scale and bias of the normalisation before it, packed.

    Each of the parts of the outputs takes whole vectors.
    """
    weight = layer.weight[:, :, 0, 0].detach()
    bias = torch.zeros(len(weight)) if norm.bias is None else weight @ norm.bias.detach()
    blocks = _padded((weight * norm.weight.detach()).unflatten(0, (parts, -1)), 1).flatten(0, 1)
    return packed([blocks]), _padded(bias.unflatten(0, (parts, -1)), 1).flatten()


def _by_channel(layer: nn.Conv2d, parts: int) -> Tensor:
    """A depthwise 3x3 as `[blocks, 9, lanes]`."""
    taps = _padded(layer.weight.detach().flatten(1).unflatten(0, (parts, -1)), 1)
    return taps.flatten(0, 1).unflatten(0, (-1, library().lanes())).transpose(1, 2).contiguous()
