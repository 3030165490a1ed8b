"""Exact fixed-point evaluation of a small convolutional network.

A decoder that picks another CDF than its encoder did decodes garbage, so what selects the CDFs must not
depend on the order of a float sum (threads, batch size, device). Here every value is an integer held in a
float64: weights in steps of 2**-14, activations in steps of 2**-10, both clamped, so that every partial sum
stays below 2**53 and is exact in any order.

The idea of an integer entropy network: Balle, Johnston, Minnen, "Integer Networks for Data Compression with
Latent-Variable Models", ICLR 2019.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FRACTION_BITS = 10
"""Activations, and everything that comes out, are integers in units of 2**-10."""
_WEIGHT_BITS = 14
_WEIGHT_LIMIT = 2.0**4
_ACTIVATION_LIMIT = 2.0**9
_MAX_TERMS = 2 ** (52 - (4 + _WEIGHT_BITS) - (9 + FRACTION_BITS))


def to_fixed(x: Tensor) -> Tensor:
    """Round a float tensor to fixed point; the result is int64 in units of 2**-10."""
    return torch.floor(x.double() * 2.0**FRACTION_BITS + 0.5).long()


def from_fixed(x: Tensor) -> Tensor:
    """Fixed point (int64, units of 2**-10) to float32; exact below 2**14 in magnitude."""
    return (x.double() * 2.0**-FRACTION_BITS).float()


@torch.no_grad()
def run_fixed(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Evaluate convolutions of stride 1, ReLU and PixelShuffle exactly.

    Args:
        layers: the trained float network.
        x: int64 `[B, C, H, W]` in units of 2**-10.

    Returns:
        int64, in units of 2**-10; the same on every machine, with any number of threads and any batch size.
    """
    values = x.double()
    limit = _ACTIVATION_LIMIT * 2.0**FRACTION_BITS
    values = values.clamp(-limit, limit)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            values = _convolve(layer, values).clamp_(-limit, limit)
        elif isinstance(layer, nn.ReLU):
            values = values.clamp_min(0.0)
        elif isinstance(layer, nn.PixelShuffle):
            values = layer(values)
        else:
            raise TypeError(f"{type(layer).__name__} has no fixed-point form")
    return values.long()


def _convolve(layer: nn.Conv2d, x: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    weight = layer.weight.double().clamp(-_WEIGHT_LIMIT, _WEIGHT_LIMIT)
    weight = torch.floor(weight.flatten(1) * 2.0**_WEIGHT_BITS + 0.5)
    plain = (layer.stride, layer.dilation, layer.groups, layer.padding_mode) == ((1, 1), (1, 1), 1, "zeros")
    if not plain or weight.shape[1] >= _MAX_TERMS or layer.bias is None or isinstance(layer.padding, str):
        raise TypeError(f"{layer} has no exact fixed-point form")
    scale = 2.0 ** (_WEIGHT_BITS + FRACTION_BITS)
    bias = torch.floor(layer.bias.double().clamp(-_ACTIVATION_LIMIT, _ACTIVATION_LIMIT) * scale + 0.5)
    # A matrix product of integers is exact; a convolution routine might pick Winograd or an FFT.
    if layer.kernel_size == (1, 1) and layer.padding == (0, 0):
        columns = x.flatten(2)
    else:
        columns = F.unfold(x, layer.kernel_size, padding=layer.padding)
    sums = torch.matmul(weight, columns).add_(bias[:, None])
    return sums.mul_(2.0**-_WEIGHT_BITS).add_(0.5).floor_().reshape(batch, -1, height, width)
