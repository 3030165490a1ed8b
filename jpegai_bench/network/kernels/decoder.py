"""Modules of a synthesis by kernels: each computes what its own `forward` does, in another order."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.activation import GroupedResAU, ResAU, SimplifiedActivation
from jpegai_bench.network.attention import (
    CAB,
    RNAB,
    TAM,
    ChannelSplitAttention,
    DownsampledAttention,
    RestormerStack,
)
from jpegai_bench.network.blocks import Forward, ResidualBlock, channels_first
from jpegai_bench.network.kernels import layers
from jpegai_bench.network.kernels.layers import After, Before
from jpegai_bench.network.kernels.library import Failed, Unavailable, library
from jpegai_bench.network.restormer import RestormerBlock
from jpegai_bench.network.standard import (
    HighChroma,
    HighLuma,
    LastShuffle,
    LightChroma,
    LightLuma,
    RectifiedResidual,
    ShuffledConvolution,
)
from jpegai_bench.network.strips import in_strips
from jpegai_bench.network.transforms import Reduction, Synthesis
from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution
from jpegai_bench.system.console import detail, say

_PLANES = 4
"""Channels that a last transposed convolution has at most, to be summed over lanes of input channels."""
_MADE_OF_OTHERS = (Synthesis, Reduction, LightLuma, LightChroma, HighLuma, HighChroma)
"""Modules whose own children run by kernels."""


def use_kernels(synthesis: nn.ModuleDict) -> None:
    """Let the modules of each synthesis run by kernels, where there are some.

    Weights are taken as they are now. Parameters, names and hooks stay as they are, and so does what runs
    where a gradient is wanted, on a GPU, or in another precision than float32.
    """
    try:
        library()
    except Failed as error:
        say(f"no kernels, decoding is slower: {error}")
    except Unavailable as error:
        detail(f"no kernels, decoding is slower: {error}")
    else:
        _use_in(synthesis)


def _use_in(network: nn.Module) -> None:
    for child in network.children():
        if (forward := _forward(child)) is not None:
            child.forward = _where_it_fits(forward, child.forward)
        elif type(child) in _MADE_OF_OTHERS:
            _use_in(child)
        else:
            child.forward = channels_first(child.forward)


def _where_it_fits(fast: Forward, plain: Forward) -> Forward:
    return lambda x: fast(x) if in_strips(x) else plain(x)


def _forward(module: nn.Module) -> Forward | None:
    make: Any = _MAKERS.get(type(module))
    return make and make(module)


def _is_square(layer: nn.Conv2d | nn.ConvTranspose2d, size: int, stride: int, padding: int) -> bool:
    pairs = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups)
    return pairs == ((size, size), (stride, stride), (padding, padding), (1, 1), 1)


def _conv(layer: nn.Conv2d) -> Forward | None:
    fits = any(_is_square(layer, size, stride, size // 2) for size, stride in ((1, 1), (3, 1), (3, 2)))
    return layers.convolution(layer) if fits and layer.padding_mode == "zeros" else None


def _deconv(layer: nn.ConvTranspose2d) -> Forward | None:
    if _is_square(layer, 3, 2, 1) and layer.output_padding == (1, 1):
        return layers.transposed(layer) if layer.out_channels > _PLANES else layers.LastProduct(layer)
    fits = _is_square(layer, 4, 2, 1) and layer.output_padding == (0, 0)
    return layers.transposed(layer) if fits else None


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
    return _Residuals(module) if all(type(one) is ResidualBlock for one in module) else None


def _rectified(module: RectifiedResidual) -> Forward:
    product = layers.convolution(module.conv)
    return lambda x: product(x, After.RELU).add_(x)


def _masked(module: RNAB | CAB) -> Forward:
    *steps, last = map(_forward, module.mask)
    run_trunk = _Residuals(module.trunk)
    assert isinstance(last, layers.Product)

    def forward(x: Tensor) -> Tensor:
        x = masked = layers.rows(x)
        trunk = run_trunk(x)
        for step in steps:
            assert step is not None
            masked = step(masked)
        return last(masked, After.GATE, x, trunk, out=None if trunk is x else trunk)

    return forward


class _Blocks:
    """Restormer blocks in a row; two maps serve all of them, the last writes to `out`."""

    def __init__(self, blocks: Any) -> None:
        self.blocks = [layers.Block(block) for block in blocks]

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        x = layers.rows(x)
        out = layers.empty(*x.shape) if out is None else out
        value, inner = layers.room(x), [layers.empty(1, *x.shape[1:]) for _ in range(2)]
        for image, result in zip(x.split(1), out.split(1), strict=True):
            for number, block in enumerate(self.blocks, 1 - len(self.blocks)):
                image = block(image, value, inner[number % 2] if number else result)
        return out


def _stack(module: RestormerStack | TAM) -> _Blocks | None:
    fit = (
        type(block) is RestormerBlock and block.feed_forward.gate in (F.gelu, F.elu)
        for block in module.blocks
    )
    return _Blocks(module.blocks) if len(module.blocks) and all(fit) else None


def _split(module: ChannelSplitAttention) -> Forward | None:
    blocks = _stack(module.attention)
    if blocks is None:
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


def _tam(module: TAM) -> Forward | None:
    blocks = _stack(module)
    if blocks is None or isinstance(module.down, nn.Identity) or isinstance(module.up, nn.Identity):
        return blocks
    down, up = layers.convolution(module.down), layers.transposed(module.up)
    return lambda x: up(blocks(down(x)))


def _on_itself(product: layers.Product, after: After) -> Forward:
    def forward(x: Tensor) -> Tensor:
        x = layers.rows(x)
        return product(x, after, x)

    return forward


def _resau(module: ResAU) -> Forward:
    return _on_itself(layers.convolution(module.conv, Before.LEAKY), After.RESAU)


def _simplified(module: SimplifiedActivation) -> Forward:
    after = After.TIMES if module.form == "product" else After.ADD
    return _on_itself(layers.convolution(module.gate, Before.LEAKY), after)


def _grouped(module: GroupedResAU) -> Forward:
    grouped, gain = layers.Grouped(module.grouped, Before.RELU6), layers.gain(module.gate)

    def forward(x: Tensor) -> Tensor:
        x = layers.rows(x)
        return gain(grouped(x), After.TIMES, x)

    return forward


def _last_shuffle(module: LastShuffle) -> Forward:
    product = layers.convolution(module.conv)
    return lambda x: F.pixel_shuffle(product(x), module.factor)


_MAKERS: dict[type[nn.Module], Callable[[Any], Forward | None]] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _deconv,
    nn.Sequential: _sequential,
    ResidualBlock: _residual_block,
    RectifiedResidual: _rectified,
    RNAB: _masked,
    CAB: _masked,
    RestormerStack: _stack,
    TAM: _tam,
    ChannelSplitAttention: _split,
    DownsampledAttention: _downsampled,
    ResAU: _resau,
    SimplifiedActivation: _simplified,
    GroupedResAU: _grouped,
    PixelShuffleUpsampling: lambda module: layers.shuffled(module.conv),
    ShuffledConvolution: lambda module: layers.shuffled(module.conv),
    LastShuffle: _last_shuffle,
    TransposedConvolution: lambda module: _deconv(module.conv),
}
"""What makes a module run by kernels; None where it cannot."""
