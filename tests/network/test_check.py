from functools import partial

import pytest
import torch
from command import settings
from compressai.layers import GDN
from tiny import SIZE
from torch import nn
from torch.nn import functional as F

from jpegai_bench.config.variants import variant_names, variant_of
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


class Halved(nn.Module):
    """Keeps the size of even inputs alone."""

    def __init__(self, channels):
        super().__init__()
        self.down, self.up = (
            nn.Conv2d(channels, channels, 2, stride=2),
            nn.ConvTranspose2d(channels, channels, 2, 2),
        )

    def forward(self, x):
        return self.up(self.down(x))


class EvenUpsampling(nn.Conv2d):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 1)

    def forward(self, x):
        height, width = (length // 2 * 2 for length in x.shape[-2:])
        return F.interpolate(super().forward(x[..., :height, :width]), scale_factor=2)


class Shallow(nn.Module):
    """A whole synthesis; `border` of reflected samples does not fit a latent of one."""

    def __init__(self, *channels, border=0, attention_parts=()):
        super().__init__()
        self.mix = nn.Conv2d(sum(channels[:-1]), 256 * channels[-1], 1)
        self.up = nn.PixelShuffle(16)
        self.border, self.attention_parts = border, attention_parts

    def forward(self, y):
        if self.border:
            y = F.pad(y, (self.border,) * 4, mode="reflect")[..., self.border : -self.border, :][..., 1:-1]
        return self.up(self.mix(y))


def modules(attention_half=nothing, upsampling=TransposedConvolution, **more):
    return NetworkModules(nothing, attention_half, upsampling, ResAU, **more)


@pytest.mark.parametrize(
    ("made_of", "named"),
    [
        (modules(residual=Halved), r"^residual makes \(1, \d+, 4, 2\) of \(1, \d+, 5, 3\)"),
        (modules(upsampling=EvenUpsampling), r"^upsampling makes .* of \(1, \d+, 5, 3\)"),
        (modules(synthesis_luma=partial(Shallow, border=1)), r"^synthesis\.luma .* \(1, \d+, 1, 1\)"),
        (
            modules(analysis_luma=lambda inputs, latent: nn.Conv2d(inputs, latent, 32, 16)),
            r"^analysis\.luma makes",
        ),
    ],
)
def test_what_fails_on_odd_or_single_latents_is_told_by_its_place(made_of, named):
    with pytest.raises(BenchError, match=named):
        check_modules(made_of, SIZE)


class Stateful(nn.Module):
    """A module that is no function of its weights: of random numbers, or of what it has seen."""

    def __init__(self, channels, kind="none", persistent=False):
        super().__init__()
        self.conv, self.kind = nn.Conv2d(channels, channels, 1), kind
        shape = (channels, 1, 1)
        filled = torch.randn(shape) if kind == "random" else torch.zeros(shape)
        self.register_buffer("mean", filled, persistent=persistent)
        self.seen = 0.0

    def forward(self, x):
        if self.kind == "statistics" and self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 2, 3))[:, None, None]
        if self.kind == "attribute":
            self.seen = self.seen + 1
        if self.kind == "dropout":
            x = F.dropout(x, 0.5, training=True)
        return x + self.conv(x - self.mean) + self.seen


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("kind", ["random", "statistics"])
def test_a_buffer_that_weights_cannot_hold_is_told_by_its_name(kind, persistent):
    stateful = partial(Stateful, kind=kind, persistent=persistent)
    with pytest.raises(BenchError, match=r"^attention_half keeps mean beside its parameters"):
        check_modules(modules(stateful), SIZE)


@pytest.mark.parametrize("kind", ["dropout", "attribute"])
def test_a_module_that_makes_other_values_again_is_refused(kind):
    with pytest.raises(BenchError, match=r"^attention_half makes other values of the same input"):
        check_modules(modules(partial(Stateful, kind=kind)), SIZE)


class Cached(nn.Module):
    """A buffer that follows from the size of its input alone, and dropout in a training alone."""

    def __init__(self, channels):
        super().__init__()
        self.register_buffer("window", torch.zeros(0), persistent=False)
        self.dropout = nn.Dropout()

    def forward(self, x):
        self.window = torch.hann_window(x.shape[-1], device=x.device)
        return self.dropout(x * self.window)


def test_a_module_that_is_a_function_of_its_weights_may_have_buffers_and_the_seed_stays():
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    check_modules(modules(Cached), SIZE)
    check_modules(modules(GDN), SIZE)
    assert torch.rand(1) == drawn


def test_the_default_dtype_is_not_a_modules_to_set():
    def doubled(channels):
        torch.set_default_dtype(torch.float64)
        return nn.Conv2d(channels, channels, 1)

    with pytest.raises(BenchError, match=r"^attention_half sets torch's default dtype to torch\.float64"):
        check_modules(modules(doubled), SIZE)
    assert torch.get_default_dtype() == torch.float32


def test_a_module_that_would_end_the_program_is_told_by_its_place():
    def ends(channels):
        raise SystemExit(0)

    with pytest.raises(BenchError, match=r"^attention_half cannot be built for 8 channels: SystemExit"):
        check_modules(modules(ends), SIZE)


@pytest.mark.parametrize(
    ("parts", "named"),
    [(("nope",), "'nope'"), ("mix", "'mix'"), (("mix",), r"mix of its attention_parts makes \(1, 256")],
)
def test_attention_parts_are_children_that_keep_the_shape(parts, named):
    whole = partial(Shallow, attention_parts=parts)
    with pytest.raises(BenchError, match=rf"^synthesis\.luma: .*{named}"):
        check_modules(modules(synthesis_luma=whole), SIZE)


@pytest.mark.parametrize("name", variant_names())
def test_the_packages_own_modules_hold_what_is_asked_of_others(name):
    chosen = settings(f"+variant={name}", "model=small")
    size = chosen.model.network_size()
    assert check_modules(variant_of(chosen).modules(size), size, thorough=True) == torch.device("meta")
