"""Decoding in bfloat16: what stands in a stream is the same to the bit, the picture a few levels apart."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from command import settings
from torch import nn

from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.config.variants import packaged_variant, variant_names
from jpegai_bench.images.datasets import load
from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.bfloat16 import use_bfloat16
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.kernels import library
from jpegai_bench.network.standard import HighChroma, HighLuma, LightChroma, LightLuma
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS
from jpegai_bench.runner.inputs import learned_codec
from jpegai_bench.system.devices import BF16

STANDARD = {
    "light": (LightLuma(16, 1, (16, 32, 32), "shuffle"), LightChroma(8, 16, 2, (32, 32), "shuffle")),
    "high": (HighLuma(16, 1, 64), HighChroma(8, 16, 2, 64)),
}


@cache
def picture():
    """A piece of a photograph, of a size that has to be padded."""
    return next(image for image in load("sample").images if image.name == "chelsea").read()[60:125, 100:201]


@cache
def chosen_of(model: str) -> RunSettings:
    return settings(f"model={model}")


def both(model: str, variant: str) -> tuple[LearnedCodec, LearnedCodec]:
    """In float32 and in bfloat16."""
    chosen = chosen_of(model)
    plain = learned_codec(chosen, packaged_variant(chosen, variant), rdo=False)
    return plain, replace(plain, precision=BF16)


def own_forwards(network: nn.Module) -> set[str]:
    return {name for name, module in network.named_modules() if "forward" in vars(module)}


@pytest.mark.parametrize("model", sorted(path.name for path in SHIPPED_WEIGHTS.iterdir()))
@pytest.mark.parametrize("variant", variant_names())
def test_streams_and_latents_are_equal_and_pictures_nearly(model, variant):
    plain, half = both(model, variant)
    for quality in (1, 5):
        data = plain.encode(picture(), quality).data
        assert half.encode(picture(), quality).data == data
        stream = Bitstream.from_bytes(data)
        assert all(map(torch.equal, plain.coder.decode_latents(stream), half.coder.decode_latents(stream)))
        apart = np.abs(plain.decode(data).astype(int) - half.decode(data))
        assert 0 < apart.max() <= 8
        assert 0.01 < apart.mean() < 0.5


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_kernels_run_in_float32_alone(variant):
    plain, half = both("small", variant)
    assert own_forwards(half.coder.network) == {"synthesis.luma", "synthesis.chroma"}
    kernels = own_forwards(plain.coder.network)
    assert bool(kernels) == (library.version() != "none")
    assert not kernels & {"synthesis.luma", "synthesis.chroma"}


def test_points_have_keys_of_their_own_and_those_of_float32_stay():
    plain, half = both("small", "base")
    mine, usual = half.fingerprint(), plain.fingerprint()
    assert "precision" not in usual
    assert mine.pop("precision") == BF16
    assert mine.pop("source") != usual.pop("source")
    assert mine == usual
    assert "use_bfloat16" in half.sources()
    assert "use_bfloat16" not in plain.sources()
    assert "bf16" in half.describe()
    assert "bf16" not in plain.describe()


def test_the_analysis_multiplies_in_float32():
    work = both("small", "combined")[1].work()
    kinds = {precision: {part for part in work if work[part].precision == precision} for precision in
             {part.precision for part in work.values()}}  # fmt: skip
    assert kinds["float32"] == {"luma analysis", "chroma analysis", "hyper-analysis"}
    assert kinds["bfloat16"] >= {"luma up1", "luma attention 1/2", "luma up4", "chroma synthesis"}


class Flat(nn.Module):
    """Of a user: takes it that channels come first in memory."""

    def forward(self, x):
        assert x.is_contiguous()
        return x.view(x.shape[0], x.shape[1], -1).view(x.shape)


def test_a_module_of_a_user_has_channels_first():
    synthesis = nn.ModuleDict({"luma": nn.Sequential(nn.Conv2d(8, 8, 1), Flat(), ResAU(8)), "chroma": Flat()})
    x = torch.randn(1, 8, 5, 7)
    with torch.inference_mode():
        plain = [branch(x) for branch in synthesis.values()]
        use_bfloat16(synthesis)
        half = [branch(x) for branch in synthesis.values()]
    assert half[0].dtype == torch.bfloat16
    assert torch.equal(half[1], plain[1])
    torch.testing.assert_close(half[0].float(), plain[0], rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", STANDARD)
def test_decoders_of_the_standard_run_so(name):
    luma, chroma = STANDARD[name]
    synthesis = nn.ModuleDict({"luma": luma, "chroma": chroma}).eval()
    with torch.inference_mode():
        for branch, channels in (("luma", 16), ("chroma", 24)):
            y = torch.randn(1, channels, 4, 6)
            synthesis[branch](y)
        use_bfloat16(synthesis)
        assert synthesis["luma"](torch.randn(1, 16, 4, 6)).dtype == torch.bfloat16
        assert synthesis["chroma"](torch.randn(1, 24, 4, 6)).dtype == torch.bfloat16
