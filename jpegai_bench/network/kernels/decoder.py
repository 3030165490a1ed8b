"""Modules of a synthesis by kernels: each computes what its own `forward` does, in another order."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.activation import ResAU, SimplifiedActivation
from jpegai_bench.network.attention import (
    CAB,
    RNAB,
    TAM,
    ChannelSplitAttention,
    DownsampledAttention,
    RestormerStack,
)
from jpegai_bench.network.blocks import ResidualBlock
from jpegai_bench.network.kernels import layers
from jpegai_bench.network.kernels.layers import After
from jpegai_bench.network.restormer import RestormerBlock
from jpegai_bench.network.strips import in_strips
from jpegai_bench.network.transforms import Reduction
from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution

Forward = Callable[[Tensor], Tensor]
_PLANES = 4
"""Channels that a last transposed convolution has at most, to be computed as one product."""


def by_kernels(network: nn.Module) -> nn.Module:
    """Let every module there that kernels exist for run by them where nothing is learned, on a CPU in float32.

    Weights are taken as they are now. Parameters, names and hooks stay as they are.

    Raises:
        Unavailable: there are no kernels.
    """
    if (forward := _forward(network)) is not None:
        network.forward = _where_it_fits(forward, network.forward)  # type: ignore[method-assign]
    else:
        for child in network.children():
            by_kernels(child)
    return network


def _where_it_fits(fast: Forward, plain: Forward) -> Forward:
    return lambda x: fast(x) if in_strips(x) else plain(x)


def _forward(module: nn.Module) -> Forward | None:
    make: Any = _MAKERS.get(type(module))
    return make and make(module)


def _is_square(layer: nn.Conv2d | nn.ConvTranspose2d, size: int, stride: int) -> bool:
    pairs = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups)
    return pairs == ((size, size), (stride, stride), (size // 2, size // 2), (1, 1), 1)


def _conv(layer: nn.Conv2d) -> Forward | None:
    fits = any(_is_square(layer, size, stride) for size, stride in ((1, 1), (3, 1), (3, 2)))
    return layers.convolution(layer) if fits and layer.padding_mode == "zeros" else None


def _deconv(layer: nn.ConvTranspose2d) -> Forward | None:
    if not _is_square(layer, 3, 2) or layer.output_padding != (1, 1):
        return None
    if layer.out_channels > _PLANES:
        return layers.transposed(layer)
    last = layers.planes(layer)
    return lambda x: last(x, After.PLANES)


def _residual_block(module: ResidualBlock) -> Forward:
    return _Residuals([module])


class _Residuals:
    """Residual blocks in a row; two maps serve all of them."""

    def __init__(self, blocks: Any) -> None:
        self.blocks = [tuple(map(layers.convolution, (block.body[0], block.body[2]))) for block in blocks]

    def __call__(self, x: Tensor) -> Tensor:
        x = layers.rows(x)
        inner = out = None
        for first, second in self.blocks:
            inner = first(x, After.RELU, out=inner)
            x = out = second(inner, After.ADD, x, out=out)
        return x


def _sequential(module: nn.Sequential) -> Forward | None:
    return _Residuals(module) if len(module) and all(type(one) is ResidualBlock for one in module) else None


def _gated(trunk: Any, mask: Any, last: layers.Product) -> Forward:
    """`x + trunk(x) * sigmoid(last(mask(x)))`."""
    run_trunk = _Residuals(trunk)
    steps = [_MAKERS[type(step)](step) for step in mask]

    def forward(x: Tensor) -> Tensor:
        x = masked = layers.rows(x)
        trunk = run_trunk(x)
        for step in steps:
            masked = step(masked)
        return last(masked, After.GATE, x, trunk, out=None if trunk is x else trunk)

    return forward


def _rnab(module: RNAB) -> Forward:
    return _gated(module.trunk, list(module.mask)[:-1], layers.convolution(module.mask[-1]))


def _cab(module: CAB) -> Forward:
    return _gated(module.trunk, list(module.mask)[:-1], layers.transposed(module.mask[-1]))


class _Blocks:
    """Restormer blocks in a row; two maps serve all of them, the last writes to `out`."""

    def __init__(self, blocks: Any) -> None:
        self.blocks = [layers.Block(block) for block in blocks]

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        x = layers.rows(x)
        out = layers.empty(*x.shape) if out is None else out
        value, inner = torch.empty(layers.room(x)), [layers.empty(1, *x.shape[1:]) for _ in range(2)]
        for image, result in zip(x.split(1), out.split(1), strict=True):
            for number, block in enumerate(self.blocks, 1 - len(self.blocks)):
                image = block(image, value, inner[number % 2] if number else result)
        return out


def _with_gelu(blocks: Any) -> bool:
    return len(blocks) > 0 and all(
        type(block) is RestormerBlock and block.feed_forward.gate is F.gelu for block in blocks
    )


def _stack(module: RestormerStack) -> Forward | None:
    return _Blocks(module.blocks) if _with_gelu(module.blocks) else None


def _split(module: ChannelSplitAttention) -> Forward | None:
    blocks, half = _stack(module.attention), None
    if not isinstance(blocks, _Blocks):
        return None

    def forward(x: Tensor) -> Tensor:
        x = layers.rows(x)
        half = x.shape[1] // 2
        out = layers.empty(*x.shape)
        out[:, half:] = x[:, half:]
        blocks(x[:, :half], out[:, :half])
        return out

    return forward


def _downsampled(module: DownsampledAttention) -> Forward | None:
    if (blocks := _stack(module.attention)) is None:
        return None
    down, up = layers.convolution(module.down), layers.transposed(module.up)

    def forward(x: Tensor) -> Tensor:
        x = layers.rows(x)
        return up(blocks(down(x)), After.ADD, x)

    return forward


def _on_itself(product: layers.Product, after: After) -> Forward:
    def forward(x: Tensor) -> Tensor:
        x = layers.rows(x)
        return product(x, after, x)

    return forward


def _resau(module: ResAU) -> Forward:
    return _on_itself(layers.convolution(module.conv, leaky=True), After.RESAU)


def _simplified(module: SimplifiedActivation) -> Forward:
    after = After.TIMES if module.form == "product" else After.ADD
    return _on_itself(layers.convolution(module.gate, leaky=True), after)


_MAKERS: dict[type[nn.Module], Callable[[Any], Forward | None]] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _deconv,
    nn.Sequential: _sequential,
    ResidualBlock: _residual_block,
    RNAB: _rnab,
    CAB: _cab,
    RestormerStack: _stack,
    ChannelSplitAttention: _split,
    DownsampledAttention: _downsampled,
    ResAU: _resau,
    SimplifiedActivation: _simplified,
    PixelShuffleUpsampling: lambda module: layers.shuffled(module.conv),
    TransposedConvolution: lambda module: _deconv(module.conv),
}
"""What makes a module run by kernels; None where it cannot, and its children are looked at."""
_ = (TAM, Reduction)
