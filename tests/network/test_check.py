import pytest
import torch
from tiny import SIZE
from torch import nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.check import check_modules, check_network
from jpegai_bench.network.codec import Network
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.upsampling import TransposedConvolution


def nothing(channels):
    return nn.Identity()


def network(activation=ResAU, attention_half=nothing):
    return Network(SIZE, NetworkModules(nothing, attention_half, TransposedConvolution, activation))


class Log(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return torch.log(x)


class ByEight(nn.Module):
    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        b, c, h, w = x.shape
        return x.reshape(b, c, h // 16, 16, w).reshape(x.shape)


def test_a_network_that_works_passes_and_keeps_no_hook():
    made = network()
    check_network(made, 64)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in made.modules())


def test_what_makes_no_finite_number_is_told_by_its_place():
    with pytest.raises(BenchError, match=r"^activation makes NaN or infinity of noise of \(2, "):
        check_network(network(activation=Log), 64)
    with pytest.raises(BenchError, match=r"^attention_half makes NaN"):
        check_network(network(attention_half=Log), 64)


def test_what_cannot_be_run_at_the_size_of_a_crop_is_told_by_its_place():
    check_network(network(attention_half=ByEight), 64)
    with pytest.raises(
        BenchError, match=r"^activation cannot be run on what a crop of 64 gives: RuntimeError"
    ):
        check_network(network(activation=ByEight), 64)


def test_lazy_layers_are_refused():
    modules = NetworkModules(nothing, nothing, TransposedConvolution, lambda c: nn.LazyConv2d(c, 1))
    with pytest.raises(BenchError, match=r"^activation has lazy layers"):
        check_modules(modules, SIZE)
