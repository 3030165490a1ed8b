"""The kernels: each module by them is what it is without, and nothing but a synthesis is computed by them."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from command import settings
from torch import nn

from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.config.variants import packaged_variant, structure_of, variant_names
from jpegai_bench.images.datasets import load
from jpegai_bench.network import weights
from jpegai_bench.network.activation import GroupedResAU, ResAU, SimplifiedActivation
from jpegai_bench.network.attention import (
    CAB,
    RNAB,
    TAM,
    ChannelSplitAttention,
    DownsampledAttention,
    RestormerStack,
)
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.blocks import conv3x3, deconv3x3, residual_blocks
from jpegai_bench.network.codec import Network
from jpegai_bench.network.kernels import library
from jpegai_bench.network.kernels.decoder import use_kernels
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.standard import LastShuffle, RectifiedResidual, ShuffledConvolution
from jpegai_bench.network.transforms import Synthesis
from jpegai_bench.network.upsampling import PixelShuffleUpsampling, TransposedConvolution
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS

MODULES = {
    "conv3x3": lambda c: conv3x3(c, 36),
    "conv3x3 of stride 2": lambda c: conv3x3(c, 24, stride=2),
    "conv1x1": lambda c: nn.Conv2d(c, 64, 1),
    "transposed": lambda c: TransposedConvolution(c, 19),
    "last, one plane": lambda c: deconv3x3(c, 1),
    "last, three planes": lambda c: deconv3x3(c, 3),
    "shuffle": lambda c: PixelShuffleUpsampling(c, 33),
    "residual blocks": lambda c: residual_blocks(c, 2),
    "RNAB": lambda c: RNAB(c, 2, 1),
    "RNAB without blocks": lambda c: RNAB(c, 0, 0),
    "ResAU": ResAU,
    "product": SimplifiedActivation,
    "sum": lambda c: SimplifiedActivation(c, "sum"),
    "Restormer": lambda c: RestormerStack(c, blocks=1),
    "three of Restormer": lambda c: RestormerStack(c, blocks=3),
    "split": lambda c: ChannelSplitAttention(c, blocks=2),
    "down-sampled": lambda c: DownsampledAttention(c, blocks=2),
    "4x4 transposed": lambda c: nn.ConvTranspose2d(c, 19, 4, stride=2, padding=1),
    "4x4 transposed, one plane": lambda c: nn.ConvTranspose2d(c, 1, 4, stride=2, padding=1),
    "rectified": RectifiedResidual,
    "2x2 shuffle": lambda c: ShuffledConvolution(c, 19),
    "last shuffle": lambda c: LastShuffle(c, 3, 4),
    "grouped ResAU": lambda c: GroupedResAU(c, groups=2),
    "CAB": CAB,
    "TAM": TAM,
    "TAM without stride": lambda c: TAM(c, stride=1),
}
EVEN = {"RNAB", "RNAB without blocks", "down-sampled", "conv3x3 of stride 2", "CAB", "TAM"}
"""Those that halve the resolution."""


@pytest.fixture
def kernels():
    """The kernels of this machine; without a compiler there is nothing to test."""
    try:
        return library.library()
    except library.Unavailable as error:
        pytest.skip(f"no kernels: {error}")


@pytest.fixture
def processor(monkeypatch):
    """Lets kernels be those of a processor that has less."""

    def have(level):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
        library.library.cache_clear()

    yield have
    library.library.cache_clear()


def awake(module, seed=0):
    """Random weights in place of those that start at zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return module.eval()


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def by_kernels(module):
    within = nn.ModuleDict({"it": module})
    use_kernels(within)
    return within["it"]


def same(found, wanted):
    """To the last digits of the largest."""
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=5e-6 * float(wanted.abs().max()))


def both(name, channels, shape):
    """Plainly, and by kernels."""
    x = noise(2, channels, *shape)
    if name in EVEN:
        x = x[..., : shape[0] // 2 * 2, : shape[1] // 2 * 2].contiguous()
    module = awake(MODULES[name](channels))
    with torch.inference_mode():
        plain, fast = module(x), by_kernels(module)
        assert "forward" in vars(fast)
        return plain, fast(x), fast(x.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("channels", [8, 16, 40, 64])
@pytest.mark.parametrize("shape", [(2, 2), (7, 13), (12, 75)], ids=str)
def test_every_module_is_what_it_is_without(kernels, name, channels, shape):
    plain, first, last = both(name, channels, shape)
    assert first.shape == plain.shape
    same(first, plain)
    assert torch.equal(first, last)


@pytest.mark.parametrize("name", MODULES)
def test_a_processor_that_has_less_computes_the_same(kernels, processor, name):
    processor("AVX2")
    plain, first, last = both(name, 40, (7, 13))
    same(first, plain)
    assert torch.equal(first, last)


@pytest.mark.parametrize(
    "name", ["RNAB", "ResAU", "split", "last, one plane", "residual blocks", "grouped ResAU", "TAM"]
)
def test_a_slice_of_the_channels_is_taken_as_it_lies(kernels, name):
    module, x = awake(MODULES[name](16)), noise(2, 40, 8, 10).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        plain, fast = module(x[:, 8:24]), by_kernels(module)(x[:, 8:24])
    same(fast, plain)


def test_stripes_of_a_wide_picture_meet_without_a_seam(kernels):
    for name in ("three of Restormer", "RNAB"):
        plain, first, _ = both(name, 128, (4, 400))
        same(first, plain)


@pytest.mark.parametrize("name", ["RNAB", "three of Restormer", "transposed"])
def test_threads_share_the_rows(kernels, name):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        plain, first, last = both(name, 16, (20, 10))
    finally:
        torch.set_num_threads(before)
    same(first, plain)
    assert torch.equal(first, last)


def test_where_something_is_learned_or_rounded_otherwise_modules_run_as_they_are(kernels):
    plain, x = awake(RNAB(8, 1, 1)), noise(1, 8, 6, 10)
    fast = by_kernels(deepcopy(plain))
    assert fast.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(fast(x), plain(x))
    fast(x).square().mean().backward()
    assert all(bool(parameter.grad.abs().sum() > 0) for parameter in fast.parameters())
    with torch.inference_mode():
        assert torch.equal(fast.double()(x.double()), plain.double()(x.double()))


class Viewing(nn.Module):
    """A module of a user's own that takes it that channels come first in memory."""

    def forward(self, x):
        return torch.relu(x.view(x.shape[0], -1)).view(x.shape)


def test_modules_of_a_users_own_stand_among_ours(kernels):
    modules = NetworkModules(lambda c: Viewing(), lambda c: RNAB(c, 1, 1), PixelShuffleUpsampling, ResAU)
    synthesis, x = awake(Synthesis(12, 8, 1, 1, modules)), noise(1, 12, 3, 5)
    with torch.inference_mode():
        plain, fast = synthesis(x), by_kernels(synthesis)(x)
    same(fast, plain)


@cache
def picture():
    """A piece of a photograph, of a size that has to be padded."""
    return next(image for image in load("sample").images if image.name == "chelsea").read()[60:125, 100:201]


@cache
def chosen_of(model):
    return settings(f"model={model}")


@pytest.mark.parametrize("folder", sorted(path.name for path in SHIPPED_WEIGHTS.iterdir()))
@pytest.mark.parametrize("name", variant_names())
def test_pictures_are_apart_by_one_level_at_most_and_latents_by_nothing(kernels, folder, name):
    chosen = chosen_of(folder)
    variant, size = packaged_variant(chosen, name), chosen.model.network_size()
    structure = structure_of(chosen, variant)
    codec = LearnedCodec(
        name, lambda: Network(size, variant.modules(size)), structure, SHIPPED_WEIGHTS / folder, rdo=False
    )
    plain = weights.load(codec.make_network(), codec.folder, name, structure)
    analyzed = plain.analyze(picture())
    for quality in (1, 5):
        data = codec.encode(picture(), quality).data
        stream = Bitstream.from_bytes(data)
        assert data == plain.encode(analyzed, quality).stream.to_bytes()
        assert all(map(torch.equal, plain.decode_latents(stream), codec.coder.decode_latents(stream)))
        apart = np.abs(codec.decode(data).astype(int) - plain.decode(stream))
        assert apart.max() <= 1
        assert apart.mean() < 1e-3


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A cache of its own, and nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(library.SWITCH, raising=False)
    library.library.cache_clear()
    yield tmp_path
    library.library.cache_clear()


def test_without_a_compiler_all_runs_as_it_is(fresh, monkeypatch, capsys):
    monkeypatch.setenv("CXX", str(fresh / "nowhere"))
    module = RNAB(8, 1, 1)
    by_kernels(module)
    assert "forward" not in vars(module)
    assert not capsys.readouterr().err
    with pytest.raises(library.Unavailable, match="nowhere"):
        library.library()
    assert library.version() == "none"


def test_a_compiler_that_fails_is_told_in_a_line_and_asked_once(fresh, monkeypatch, capsys):
    compiler = fresh / "compiler"
    compiler.write_text(
        f"#!/bin/sh\necho x >> {fresh}/calls\necho 'kernels.cpp:1: error: no such flag' >&2\nexit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    for _ in range(2):
        module = RNAB(8, 1, 1)
        by_kernels(module)
        assert "forward" not in vars(module)
        [line] = capsys.readouterr().err.splitlines()
        assert "no such flag" in line
    assert (fresh / "calls").read_text() == "x\n"


def test_a_processor_without_vectors_of_eight_has_none(fresh, processor):
    processor("DEFAULT")
    with pytest.raises(library.Unavailable, match="AVX2"):
        library.library()


def test_they_can_be_switched_off(fresh, monkeypatch):
    monkeypatch.setenv(library.SWITCH, "no")
    with pytest.raises(library.Unavailable, match=library.SWITCH):
        library.library()
