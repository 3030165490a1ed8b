from collections import OrderedDict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from compressai.layers import GDN
from messages import refused
from ptflops import get_model_complexity_info
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import DeformConv2d

from jpegai_bench.analysis.complexity import SIDE, Complexity, by_part, context, count, measure, total, whole
from jpegai_bench.errors import BenchError
from jpegai_bench.network.activation import ResAU, SimplifiedActivation
from jpegai_bench.network.arithmetic import at
from jpegai_bench.network.attention import RNAB, ChannelSplitAttention, DownsampledAttention, RestormerStack
from jpegai_bench.network.blocks import residual_blocks
from jpegai_bench.network.codec import Network, NetworkSize
from jpegai_bench.network.context import ContextSize, PhasePass
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.transforms import Synthesis
from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution

PAPER = NetworkSize(
    luma=128,
    chroma=64,
    latent_luma=128,
    latent_chroma=64,
    hyper_luma=128,
    hyper_chroma=64,
    residual_blocks=2,
    rnab_trunk_blocks=3,
    rnab_mask_blocks=2,
    qualities=6,
)
CONVOLUTION, SHUFFLE = TransposedConvolution, PixelShuffleUpsampling
VARIANTS = {
    "base": NetworkModules(RNAB, RNAB, CONVOLUTION, ResAU),
    "attention_cs": NetworkModules(RestormerStack, ChannelSplitAttention, CONVOLUTION, ResAU),
    "attention_ds": NetworkModules(RestormerStack, DownsampledAttention, CONVOLUTION, ResAU),
    "upsampling": NetworkModules(RNAB, RNAB, SHUFFLE, ResAU),
    "activation": NetworkModules(RNAB, RNAB, CONVOLUTION, SimplifiedActivation),
    "combined": NetworkModules(RestormerStack, ChannelSplitAttention, SHUFFLE, SimplifiedActivation),
    "combined_ds": NetworkModules(RestormerStack, DownsampledAttention, SHUFFLE, SimplifiedActivation),
}
# kMAC per pixel of the luma synthesis: published counting, at input size, all MACs (DESIGN.md, 3).
TABLE = {
    "base": (852.096, 780.384, 780.384),
    "attention_cs": (215.061, 177.909, 184.053),
    "attention_ds": (257.550, 192.750, 198.894),
    "upsampling": (809.088, 773.664, 773.664),
    "activation": (852.096, 780.384, 780.384),
    "combined": (172.053, 171.189, 177.333),
    "combined_ds": (214.542, 186.030, 192.174),
}


@cache
def measured(variant: str) -> Complexity:
    return measure(PAPER, VARIANTS[variant])


def macs(module: nn.Module, channels: int, height: int = 16, width: int = 16) -> tuple[int, int, int]:
    """Of one module: published, input size, all."""
    counts = whole(nn.Sequential(module).to("meta"), (channels, height, width))
    values = (counts.published, counts.input_size, counts.all)
    return tuple(round(value * 1000 * SIDE**2) for value in values)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_paper_size_has_the_published_counts(variant):
    luma = measured(variant).luma_synthesis
    assert (luma.published, luma.input_size, luma.all) == pytest.approx(TABLE[variant], abs=0.001)


def test_the_chroma_branch_of_the_base():
    chroma = measured("base").chroma_synthesis
    assert chroma.input_size == pytest.approx(50.052, abs=0.001)
    assert chroma.published == pytest.approx(54.912, abs=0.001)


def test_attention_and_upsampling_make_nearly_all_of_the_base_as_the_paper_says():
    luma = measured("base").luma
    total = sum(part.published for part in luma.values())
    assert (luma["attention"].published + luma["upsampling"].published) / total > 0.95
    assert total == pytest.approx(852.096, abs=0.001)  # the parts leave nothing out


def test_what_is_the_same_for_all_variants_costs_the_same():
    parts = [measured(variant) for variant in VARIANTS]
    assert len({(part.analysis, part.entropy, part.luma["residual blocks"]) for part in parts}) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_torchs_flop_counter_finds_as_many_macs_when_the_network_really_runs(variant):
    synthesis = Synthesis(128, 128, 1, 2, VARIANTS[variant]).eval()
    # With gradients it runs as written; at inference the attention saves a product and repeats some rows.
    with torch.enable_grad(), FlopCounterMode(display=False) as flops:
        synthesis(torch.randn(1, 128, 2, 4))
    assert flops.get_total_flops() / 2 / (32 * 64) / 1000 == pytest.approx(TABLE[variant][2], abs=0.001)


@pytest.mark.parametrize("channels", [8, 12])
def test_residual_blocks_are_two_convolutions_each(channels):
    assert macs(residual_blocks(channels, 3), channels, 6, 10) == (3 * 2 * 9 * channels**2 * 60,) * 3


def test_an_activation_is_one_1x1_convolution():
    assert macs(ResAU(8), 8) == macs(SimplifiedActivation(8), 8) == (8 * 8 * 256,) * 3


def test_a_transposed_convolution_costs_four_times_as_much_in_the_published_counting():
    assert macs(TransposedConvolution(8, 12), 8) == (4 * 9 * 96 * 256, 9 * 96 * 256, 9 * 96 * 256)


def test_pixel_shuffle_costs_its_1x1_convolution():
    assert macs(PixelShuffleUpsampling(8, 12), 8) == (8 * 48 * 256,) * 3


@pytest.mark.parametrize(("trunk", "mask"), [(3, 2), (1, 1), (0, 2)])
def test_rnab_is_its_closed_form(trunk, mask):
    one = 9 * 8 * 8 * 256
    full = 2 * trunk + 2 * 2 * mask + 1  # residual blocks of trunk and mask, and the last convolution
    quarter = 2 * mask + 1  # residual blocks and the strided convolution at half resolution
    input_size = one * full + one * (quarter + 1) // 4
    published = one * (full + 1) + one * quarter // 4
    assert macs(RNAB(8, trunk, mask), 8) == (published, input_size, input_size)


def restormer(channels: int, heads: int, positions: int) -> tuple[int, int]:
    """Convolutions and matrix products of a Restormer block of expansion 2.66."""
    hidden = int(2.66 * channels)
    attention = 3 * channels**2 + 9 * 3 * channels + channels**2
    feed_forward = 2 * hidden * channels + 9 * 2 * hidden + hidden * channels
    return (attention + feed_forward) * positions, 2 * channels**2 // heads * positions


@pytest.mark.parametrize(("channels", "heads"), [(8, 4), (64, 4), (12, 2)])
def test_a_restormer_block_is_its_closed_form(channels, heads):
    convolutions, products = restormer(channels, heads, 256)
    wanted = (2 * convolutions, 2 * convolutions, 2 * (convolutions + products))
    assert macs(RestormerStack(channels, blocks=2, heads=heads), channels) == wanted


def test_channel_split_pays_for_half_of_the_channels():
    convolutions, products = restormer(8, 4, 256)
    assert macs(ChannelSplitAttention(16, blocks=1), 16) == (
        convolutions,
        convolutions,
        convolutions + products,
    )


def test_downsampled_attention_pays_for_a_quarter_of_the_positions():
    convolutions, products = restormer(16, 4, 64)
    around = 9 * 16 * 16 * 64
    wanted = (convolutions + 5 * around, convolutions + 2 * around, convolutions + 2 * around + products)
    assert macs(DownsampledAttention(16, blocks=1), 16) == wanted


SMALL = replace(
    PAPER, luma=8, chroma=8, latent_luma=8, latent_chroma=6, hyper_luma=5, hyper_chroma=4, qualities=3
)
GROUPS = {"luma": (3, 5), "chroma": (6,)}
WIDTH = 7


@cache
def small_base() -> Complexity:
    return measure(SMALL, VARIANTS["base"])


def with_context(kind: str, size: NetworkSize = SMALL, groups=GROUPS, width=WIDTH) -> NetworkSize:
    luma, chroma = (ContextSize(kind, groups[branch], width) for branch in ("luma", "chroma"))
    return replace(size, context_luma=luma, context_chroma=chroma)


def network_of(size: NetworkSize, modules: NetworkModules = VARIANTS["base"]) -> Network:
    with torch.device("meta"):
        return Network(size, modules)


def grouped(groups: tuple[int, ...], features: int, width: int) -> float:
    """MACs for each position of the latent: a pass takes half of the positions."""
    macs, known = 0, 0
    for group in groups:
        for seen in (known, known + group):
            sees = 9 * seen * width + 2 * seen * width  # 3x3, and 1x1 of both magnitudes
            macs += features * width + sees + width * width + width * 2 * group
        known += group
    return macs / 2


def multistage(latent: int, features: int) -> float:
    """MACs for each position: four passes of a quarter each; up to 63 channels are one group."""
    macs = 0
    for before in range(4):
        sees = before * latent * latent + 9 * latent * latent if before else 0
        joined = 2 * latent if before else latent
        macs += features * latent + sees + joined * latent + 2 * latent * latent
    return macs / 4


def test_a_context_of_groups_is_its_closed_form():
    luma = grouped(GROUPS["luma"], 5, WIDTH) / 256
    chroma = grouped(GROUPS["chroma"], 4 + 8, WIDTH) / 1024  # the latent of luma beside the features
    counts = context(network_of(with_context("grouped")))
    assert counts.all == counts.published == counts.input_size == pytest.approx((luma + chroma) / 1000)
    assert counts.elementwise > 0


def test_a_multistage_context_is_its_closed_form():
    luma, chroma = multistage(8, 5) / 256, multistage(6, 4 + 8) / 1024
    counts = context(network_of(with_context("multistage")))
    assert counts.all == counts.published == counts.input_size == pytest.approx((luma + chroma) / 1000)
    assert counts.elementwise > 0


def test_groups_of_a_convolution_save_their_share():
    """192 channels take six groups in the 3x3 convolutions of a multistage context."""
    size = with_context("multistage", replace(SMALL, latent_luma=192))
    ungrouped = multistage(192, 5) / 256 + multistage(6, 4 + 192) / 1024
    saved = 3 * 9 * 192 * (192 - 32) / 4 / 256
    assert context(network_of(size)).all == pytest.approx((ungrouped - saved) / 1000)


class Floats(PhasePass):
    """Beside `arithmetic`: a layer, and a product of what is known."""

    def change(self, arithmetic, seen, features, phase):
        change = super().change(arithmetic, seen, features, phase)
        mixed = self.features(features)
        return change._replace(mean=change.mean + at(mixed @ mixed.mT @ mixed, phase))


def passes_of(kind: type[PhasePass]) -> NetworkModules:
    def passes(latent, features, qualities):
        return nn.ModuleList(kind(latent, number, features) for number in range(4))

    return replace(VARIANTS["base"], entropy_context=passes)


def test_what_an_entropy_model_does_beside_its_arithmetic_is_counted():
    plain, floats = (context(network_of(SMALL, passes_of(kind))) for kind in (PhasePass, Floats))
    sizes = ((8, 5, 16), (6, 4 + 8, 8))  # latent, features, side
    layer = sum(4 * latent * features * side**2 for latent, features, side in sizes) / 1000 / SIDE**2
    product = sum(4 * 2 * latent * side**3 for latent, _, side in sizes) / 1000 / SIDE**2
    assert floats.published - plain.published == pytest.approx(layer)
    assert floats.all - plain.all == pytest.approx(layer + product)


def test_no_context_costs_nothing():
    counts = context(network_of(SMALL))
    assert (counts.all, counts.elementwise, counts.params) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["none", "multistage", "grouped"])
def test_the_entropy_part_is_hyper_synthesis_and_context(kind):
    size = with_context(kind)
    network, measured_there = network_of(size), measure(size, VARIANTS["base"])
    assert measured_there.entropy.all == pytest.approx(small_base().entropy.all + context(network).all)
    parts = by_part(network)
    entropy = total(parts[part] for part in ("hyper-synthesis", "context model"))
    assert entropy.all == pytest.approx(measured_there.entropy.all)
    assert entropy.params == measured_there.entropy.params
    networks = [network.entropy(branch) for branch in ("luma", "chroma")]
    assert entropy.params == sum(
        parameter.numel()
        for one in networks
        for half in (one.synthesis, one.passes)
        for parameter in half.parameters()
    )


@pytest.mark.parametrize("kind", ["multistage", "grouped"])
def test_a_context_changes_no_count_of_the_transforms(kind):
    """What the paper publishes stays."""
    groups = {"luma": (16, 16, 32, 64), "chroma": (24, 40)}
    found = measure(with_context(kind, PAPER, groups, 64), VARIANTS["base"])
    assert found.entropy.all > measured("base").entropy.all
    assert replace(found, entropy=measured("base").entropy) == measured("base")


def test_element_wise_operations_of_the_analysis_are_counted_too():
    analysis = measured("base").analysis
    # At least the three ResAU of luma, four operations on each value.
    assert analysis.elementwise > 4 * 128 * (1 / 4 + 1 / 16 + 1 / 64) / 1000


def test_parameters_are_those_of_the_modules():
    luma = measured("base").luma_synthesis
    modules = Synthesis(128, 128, 1, 2, VARIANTS["base"])
    assert luma.params == sum(parameter.numel() for parameter in modules.parameters())


def test_the_simplified_activation_saves_half_of_the_element_wise_operations_and_no_mac():
    base, simplified = (measured(name).luma["activation"] for name in ("base", "activation"))
    assert simplified.all == base.all
    # LeakyReLU, tanh, product, sum against LeakyReLU, product; on 128 channels at 1/8, 1/4 and 1/2.
    values = 128 * (1 / 64 + 1 / 16 + 1 / 4) / 1000
    assert base.elementwise == pytest.approx(4 * values)
    assert simplified.elementwise == pytest.approx(2 * values)


class MyConvolution(nn.Conv2d):
    """A researcher's subclass: ptflops alone counts nothing for it."""


def test_a_subclass_of_a_convolution_is_counted():
    assert macs(MyConvolution(8, 8, 3, padding=1), 8) == (9 * 64 * 256,) * 3


class Tokens(nn.Module):
    """Window-free self-attention over positions, with linear layers, as transformers write it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens)[:, None].chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(q, k, v)[:, 0]
        return self.out(mixed).transpose(1, 2).reshape(x.shape)


class Subpixel(nn.Conv2d):
    """Four times the channels, then twice the sides."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 4 * channels, 1)

    def forward(self, x):
        return F.pixel_shuffle(super().forward(x), 2)


class Twice(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) + super().forward(x.flip(-1)).flip(-1)


class OneByOne(nn.Module):
    """The pictures of a batch, without its dimension."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, channels, 2, 2)

    def forward(self, x):
        return torch.stack([self.conv(picture) for picture in x])


class Scripted(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = torch.jit.script(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x):
        return self.conv(x)


@pytest.mark.parametrize(
    ("module", "published", "needed"),
    [
        (lambda: Subpixel(8), 4 * 64 * 256, 4 * 64 * 256),
        (lambda: Twice(8, 8, 3, padding=1), 2 * 9 * 64 * 256, 2 * 9 * 64 * 256),
        (lambda: OneByOne(8), 4 * 64 * 1024, 4 * 64 * 256),
        (lambda: Scripted(8), 9 * 64 * 256, 9 * 64 * 256),
    ],
    ids=["and then shuffled", "twice", "without a batch", "scripted"],
)
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_convolution_costs_what_it_computes_however_its_layer_is_called(module, published, needed):
    assert macs(module(), 8) == (published, needed, needed)


def test_ptflops_counts_as_many_macs_of_convolutions_at_input_size():
    module = nn.Sequential(
        nn.Conv2d(8, 12, 5, stride=2, padding=2, groups=2, bias=False),
        nn.ConvTranspose2d(12, 6, 3, stride=2, padding=1, output_padding=1, bias=False),
    )
    counted, _ = get_model_complexity_info(
        module, (8, 16, 16), as_strings=False, print_per_layer_stat=False, backend="pytorch"
    )
    assert macs(module, 8)[1] == counted == 25 * 48 * 64 + 9 * 72 * 64


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: F.conv1d(x.mT, x[0, :8, :, None], self.bias).mT,
        lambda self, x: F.linear(x, x[0, :8], self.bias),
    ],
    ids=["convolution", "linear"],
)
def test_a_bias_makes_no_product_one_with_weights(forward):
    assert macs(Written(forward, bias=(8,)), 8) == (0, 0, 64 * 256)


def test_linear_layers_are_counted_once_and_attention_products_with_them():
    linear, products = 4 * 8 * 8 * 256, 2 * 256 * 256 * 8
    assert macs(Tokens(8), 8) == (linear, linear, linear + products)


class Written(nn.Module):
    """What `forward` makes of tokens `[B, H W, C]`, with whatever weights."""

    def __init__(self, forward, layer=None, **weights) -> None:
        super().__init__()
        self.layer = layer
        self.made = forward
        for name, shape in weights.items():
            setattr(self, name, nn.Parameter(torch.empty(shape)))

    def forward(self, x):
        return self.made(self, x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])


def test_multihead_attention_costs_what_its_twin_of_linear_layers_does():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    found = macs(Written(lambda self, x: self.layer(x, x, x)[0], attention), 8)
    linear, products = 4 * 8 * 8 * 256, 2 * 256 * 256 * 8
    assert found == (linear, linear, linear + products) == macs(Tokens(8), 8)


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers_are_counted_in_all_three(kind, gates):
    layer = kind(8, 8, batch_first=True)
    assert macs(Written(lambda self, x: self.layer(x)[0], layer), 8) == (gates * 2 * 64 * 256,) * 3


PRODUCTS = {
    "F.linear": (lambda self, x: F.linear(x, self.weight), 64),
    "einsum": (lambda self, x: torch.einsum("bnc,cd->bnd", x, self.weight), 64),
    "@": (lambda self, x: x @ self.weight, 64),
    "weights that follow from weights": (lambda self, x: x @ (self.weight.T.exp() + 1).contiguous(), 64),
    "a vector": (lambda self, x: x + (x @ self.weight[0])[..., None], 8),
    "F.bilinear": (lambda self, x: F.bilinear(x, x, self.weight.expand(8, 8, 8)), 512),
}


@pytest.mark.parametrize(("forward", "each"), PRODUCTS.values(), ids=PRODUCTS)
def test_products_with_weights_are_counted_whatever_makes_them(forward, each):
    assert macs(Written(forward, weight=(8, 8)), 8) == (each * 256,) * 3


def test_products_without_weights_are_in_all_macs_alone():
    found = macs(Written(lambda self, x: torch.einsum("bnc,bmc,bmd->bnd", x, x, x)), 8)
    assert found[:2] == (0, 0)
    assert found[2] in (2 * 256 * 256 * 8, 2 * 256 * 8 * 8)  # by the order that torch chooses


class Deformable(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = DeformConv2d(channels, channels, 3, padding=1, groups=2)
        self.offset = nn.Conv2d(channels, 18, 1)

    def forward(self, x):
        return self.conv(x, self.offset(x))


def test_a_deformable_convolution_costs_what_a_rigid_one_does():
    assert macs(Deformable(8), 8) == ((9 * 64 // 2 + 18 * 8) * 256,) * 3


@torch.library.custom_op("jpegai_bench_tests::kernel", mutates_args=())
def kernel(x: torch.Tensor) -> torch.Tensor:
    return x @ x.mT


@kernel.register_fake
def _(x):
    return x @ x.mT


@pytest.mark.parametrize(
    ("named", "forward"),
    [
        ("jpegai_bench_tests::kernel", lambda self, x: kernel(x) @ x),
        ("aten::linalg_inv_ex", lambda self, x: x @ torch.linalg.inv(self.weight)),
        ("aten::_euclidean_dist", lambda self, x: torch.cdist(x, self.weight)),
        ("aten::_fft_r2c", lambda self, x: torch.fft.irfft(torch.fft.rfft(x), x.shape[-1])),
        ("aten::_linalg_solve_ex", lambda self, x: torch.linalg.solve(self.weight, x.mT).mT),
        ("aten::_linalg_svd", lambda self, x: x * torch.linalg.svd(self.weight)[1]),
        ("aten::conv_tbc", lambda self, x: torch.conv_tbc(x, self.weight[None], self.weight[0])),
        ("sparse", lambda self, x: torch.sparse.mm(self.weight.to_sparse(), x[0].mT).mT[None]),
        ("numpy", lambda self, x: torch.from_numpy(x.numpy() @ self.weight.numpy())),
        ("__array__", lambda self, x: torch.from_numpy(np.einsum("bnc,cd->bnd", x, self.weight.detach()))),
    ],
)
def test_what_has_no_formula_is_refused_by_name(named, forward):
    device = "meta" if named.startswith(("aten", "jpegai")) else "cpu"
    module = nn.Sequential(OrderedDict(inner=Written(forward, weight=(8, 8)))).to(device)
    with refused(named, "a place, inner", "Written"):
        whole(module, (8, 16, 16), "a place")


class Functional(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, channels, 1, 1))

    def forward(self, x):
        return F.conv2d(x, self.weight)


def with_attention(factory) -> NetworkModules:
    return NetworkModules(factory, RNAB, CONVOLUTION, ResAU)


def with_activation(factory) -> NetworkModules:
    return NetworkModules(RNAB, RNAB, CONVOLUTION, factory)


def test_a_functional_convolution_is_counted_and_said_to_be_unseen_by_ptflops():
    layer, function = (
        measure(PAPER, with_attention(of)).luma for of in (lambda c: nn.Conv2d(c, c, 1), Functional)
    )
    assert function["attention"].published == layer["attention"].published > 0
    assert function["attention"].all == layer["attention"].all
    assert (layer["attention"].unseen, function["attention"].unseen) == (0.0, 128**2 / 16 / 1000)
    assert total(function.values()).unseen == function["attention"].unseen


def test_gdn_of_compressai_costs_a_1x1_convolution_and_is_counted_with_its_buffers():
    counted = measure(SMALL, with_activation(GDN)).luma["activation"]
    widths = ((SMALL.luma, 2), (SMALL.luma, 4), (SMALL.luma, 8))
    assert counted.published == pytest.approx(
        sum(width**2 / side**2 for width, side in widths) / 1000, rel=1e-12
    )


class OnTheCpuAlone(nn.Module):
    """Looks at a value, which the meta device has none of."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return self.conv(x) if x.mean().item() < 1e9 else x


@pytest.fixture
def unwritten_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("unwritten_memory_is_nan")
def test_what_cannot_run_on_the_meta_device_is_counted_on_the_cpu():
    plain, own = (
        measure(SMALL, with_activation(of)).luma for of in (lambda c: nn.Conv2d(c, c, 1), OnTheCpuAlone)
    )
    assert own["activation"].published == plain["activation"].published
    assert own["upsampling"] == plain["upsampling"]


class Beside(nn.Module):
    """A product of its own, and one of its child's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1)
        self.weight = nn.Parameter(torch.ones(8, 8, 1, 1))

    def forward(self, x):
        return F.conv2d(self.conv(x), self.weight)


def test_what_a_module_does_beside_its_children_is_counted_as_the_rest():
    counted = count(Beside().to("meta"), (8, 16, 16))
    assert counted["conv"].published == counted["rest"].published > 0
    assert (counted["conv"].params, counted["rest"].params) == (72, 64)
    assert whole(nn.Conv2d(8, 8, 1, device="meta"), (8, 16, 16)) == counted["conv"]


class Gate(nn.Module):
    """A convolution of the mean over all positions: the same work for a picture of any size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.conv(F.adaptive_avg_pool2d(x, 1)).sigmoid()


def test_counts_that_are_not_linear_in_the_pixels_are_named():
    assert measure(SMALL, with_activation(ResAU)).not_linear == ()
    assert measure(SMALL, with_attention(Gate)).not_linear == ("luma synthesis", "chroma synthesis")
    assert measure(SMALL, with_attention(Tokens)).not_linear == ("luma synthesis", "chroma synthesis")


class Raises(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        raise RuntimeError("window 7 does not divide 64")


def test_a_module_that_raises_is_an_error_with_its_reason():
    with pytest.raises(BenchError, match="window 7 does not divide 64"):
        measure(PAPER, with_attention(Raises))
    with pytest.raises(BenchError, match="window 7 does not divide 64"):
        count(nn.Sequential(Raises(8)).to("meta"), (8, 16, 16))


def test_a_module_for_other_channels_is_an_error():
    with pytest.raises(BenchError, match="cannot be run"):
        measure(PAPER, with_attention(lambda channels: RNAB(channels // 2)))


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        (with_attention(lambda channels: nn.AvgPool2d(2)), "attention_quarter makes"),
        (NetworkModules(RNAB, RNAB, lambda i, o: nn.Conv2d(i, o, 1), ResAU), "upsampling makes"),
    ],
)
def test_a_module_that_returns_another_shape_is_named(modules, named):
    with pytest.raises(BenchError, match=named):
        measure(PAPER, modules)
