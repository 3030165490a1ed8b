"""Restormer blocks at inference on a CPU: in strips of rows, so that what lies between layers stays in cache.

The arithmetic is that of `restormer`, in another order. Channels come last, so that a normalisation reads
what lies side by side. One pass over the strips sums up the products of q and k and keeps v; the output
projection is then folded into the small attention matrix of each picture. A second pass does all the rest.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.restormer import RestormerBlock

_ROWS = 16
"""Of a strip. Beside it lie rows that depthwise convolutions look at."""


class _Strip(NamedTuple):
    seen: slice
    """Rows that its output depends on: one more on either side, where there is one."""
    own: slice
    inner: slice
    """`own`, counted from the first row that is seen."""


def in_strips(x: Tensor) -> bool:
    """Whether `x` is to be worked on so: where nothing is learned, on a CPU, in plain float32."""
    plain = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and plain and not torch.is_grad_enabled()


def run_blocks(blocks: Iterable[RestormerBlock], x: Tensor) -> Tensor:
    """The blocks one after the other; `[B, C, H, W]` to the same shape."""
    done = []
    for image in x.permute(0, 2, 3, 1):
        rows = image.contiguous()
        for block in blocks:
            rows = _run_block(block, rows)
        done.append(rows)
    return torch.stack(done).permute(0, 3, 1, 2).contiguous()


def _run_block(block: RestormerBlock, x: Tensor) -> Tensor:
    """`[H, W, C]` to the same shape."""
    feed_forward = block.feed_forward
    value, mixing = _attend(block, x)
    output = torch.empty_like(x)
    for strip in _strips(len(x)):
        y = _pointwise(value[strip.seen], mixing).add_(x[strip.seen])
        gates = _pointwise(block.norm2.last(y), feed_forward.expand.weight)
        gate, passed = _depthwise(gates, feed_forward.depthwise)[strip.inner].chunk(2, dim=-1)
        change = _pointwise(feed_forward.gate(gate.contiguous()).mul_(passed), feed_forward.project.weight)
        torch.add(y[strip.inner], change, out=output[strip.own])
    return output


def _attend(block: RestormerBlock, x: Tensor) -> tuple[Tensor, Tensor]:
    """v `[H, W, C]`, and the 1x1 convolution `[C, C, 1, 1]` that mixes and projects it."""
    attention, channels = block.attention, x.shape[-1]
    heads, each = attention.heads, channels // attention.heads
    products, squares = x.new_zeros(heads, each, each), x.new_zeros(2 * channels)
    value = torch.empty_like(x)
    for strip in _strips(len(x)):
        maps = _depthwise(
            _pointwise(block.norm1.last(x[strip.seen]), attention.qkv.weight), attention.depthwise
        )
        q_and_k, value[strip.own] = maps[strip.inner].split((2 * channels, channels), dim=-1)
        flat = q_and_k.reshape(-1, 2 * channels)
        squares += flat.square().sum(dim=0)
        q, k = flat.view(-1, 2, heads, each).permute(1, 2, 3, 0)
        products.baddbmm_(q, k.transpose(1, 2))
    q_lengths, k_lengths = squares.sqrt().clamp_min(1e-6).view(2, heads, each)
    scores = products / (q_lengths[:, :, None] * k_lengths[:, None, :])
    mixed = torch.softmax(scores * attention.temperature, dim=-1)
    projected = attention.project.weight.view(channels, heads, each).transpose(0, 1) @ mixed
    return value, projected.transpose(0, 1).reshape(channels, channels, 1, 1)


def _strips(height: int) -> Iterator[_Strip]:
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        first = max(0, top - 1)
        yield _Strip(
            slice(first, min(bottom + 1, height)), slice(top, bottom), slice(top - first, bottom - first)
        )


def _pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """1x1 convolution of `[rows, W, inputs]` to `[rows, W, outputs]`.

    Each row is passed as an image of its own: of 16 images and more torch lets oneDNN do a convolution in one
    thread, and of one alone MKL, which on some processors makes use of half of the vector units.
    """
    images = x.unsqueeze(1).permute(0, 3, 1, 2)
    return F.conv2d(images, weight).permute(0, 2, 3, 1).squeeze(1).contiguous()


def _depthwise(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """3x3 convolution of each channel of `[rows, W, C]`, zeros around it."""
    image = x.unsqueeze(0).permute(0, 3, 1, 2)
    return F.conv2d(image, layer.weight, padding=1, groups=layer.groups).permute(0, 2, 3, 1).squeeze(0)
