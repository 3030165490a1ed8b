"""A variant by part: every part is seen, and what is computed is the same to the last bit."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from command import TINY, picture, settings
from torch import nn

from jpegai_bench.analysis.complexity import measure
from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.protocol import PartedCodec
from jpegai_bench.codecs.stopwatch import Stopwatch
from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.network import coding, entropy, range_coder, weights
from jpegai_bench.network.cdf_tables import Tables
from jpegai_bench.network.codec import Network

ENCODE = [
    "colour conversion",
    "luma analysis",
    "chroma analysis",
    "hyper-analysis",
    "range coding",
    "rate estimate",
    "hyper-synthesis",
    "context model",
    "quantisation",
]
STAGES = (
    "residual blocks",
    "up1",
    "act1",
    "up2",
    "attention 1/4",
    "act2",
    "up3",
    "attention 1/2",
    "act3",
    "up4",
)
LUMA = [f"luma {stage}" for stage in STAGES]
LATENT = ["range decoding", "hyper-synthesis", "context model", "quantisation"]
DECODE = [*LATENT, *LUMA, "chroma synthesis", "colour conversion"]


def codec(folder, variant="combined", context="grouped", **changes):
    chosen = settings(f"+variant={variant}", *TINY, f"model.context={context}")
    named = variant_of(chosen)
    made = LearnedCodec(variant, partial(named.network, chosen.model), structure_of(chosen, named), folder)
    return replace(made, **changes)


@pytest.fixture
def image():
    return np.asarray(picture(80, 72, seed=1))


@pytest.fixture(scope="module")
def weights_of(tiny_weights, tmp_path_factory):
    """A folder with weights of base for each kind of context."""
    made = {"grouped": tiny_weights}
    for context in ("multistage", "none"):
        made[context] = tmp_path_factory.mktemp(context)
        torch.manual_seed(0)
        one = codec(made[context], "base", context)
        weights.save(one.make_network(), made[context], "base", one.structure, {})
    return made


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_every_part_is_timed_in_the_order_of_the_work(tiny_weights, image, variant):
    one = codec(tiny_weights, variant)
    assert isinstance(one, PartedCodec)
    watch = Stopwatch()
    with one.watched(watch):
        coded = one.encode(image, 3)
        encode = watch.take()
        one.decode(coded.data)
        decode = watch.take()
    assert list(encode) == ENCODE
    assert list(decode) == DECODE
    assert min([*encode.values(), *decode.values()]) > 0


@pytest.mark.parametrize("context", ["multistage", "none"])
def test_a_context_model_is_a_part_of_both_where_there_is_one(weights_of, image, context):
    one, watch = codec(weights_of[context], "base", context), Stopwatch()
    with one.watched(watch):
        coded = one.encode(image, 3)
        encode = watch.take()
        one.decode(coded.data)
        decode = watch.take()
    exact = {"hyper-synthesis"} if context == "none" else {"hyper-synthesis", "context model"}
    assert set(encode) == {*ENCODE} - ({"context model"} - exact)
    assert set(decode) == {*DECODE} - ({"context model"} - exact)
    assert min([*encode.values(), *decode.values()]) > 0
    work = one.work()
    assert {part for part, of in work.items() if of.precision == "float64"} == exact
    size = one.make_network().size
    named = variant_of(settings("+variant=base", *TINY, f"model.context={context}"))
    whole = measure(size, named.modules(size))
    assert sum(work[part].kmacs_px for part in decode if part in work) == pytest.approx(whole.decoder.all)


def functions():
    """What is timed and is no module."""
    return (
        *(
            getattr(coding, name)
            for name in ("to_planes", "to_image", "quantize", "indexes_of", "dequantize")
        ),
        *(range_coder.Writer.add, range_coder.Writer.finish, range_coder.Reader.read, Tables.bits),
        *(entropy.predict, entropy.remember),
    )


def test_bytes_and_pixels_are_the_same_and_nothing_is_left_behind(tiny_weights, image):
    plain, other = codec(tiny_weights), codec(tiny_weights)
    before = functions()
    watch = Stopwatch()
    with other.watched(watch):
        for quality in (0, 2.5, 5):
            coded, watched = plain.encode(image, quality), other.encode(image, quality)
            assert watched == coded
            np.testing.assert_array_equal(other.decode(watched.data), plain.decode(coded.data))
    assert functions() == before
    watch.take()
    other.decode(other.encode(image.copy(), 3).data)
    assert watch.take() == {}
    assert not any(module._forward_hooks for module in other.coder.network.modules())


def test_multiplications_by_part_come_to_those_of_the_whole_codec(tiny_weights):
    chosen = settings("+variant=combined", *TINY)
    size = chosen.model.network_size()
    work, whole = codec(tiny_weights).work(), measure(size, variant_of(chosen).modules(size))
    assert set(work) <= {*ENCODE, *DECODE}
    assert sum(work[part].kmacs_px for part in LUMA) == pytest.approx(whole.luma_synthesis.all)
    assert sum(work[part].kmacs_px for part in DECODE if part in work) == pytest.approx(whole.decoder.all)
    encoder = ("luma analysis", "chroma analysis", "hyper-analysis")
    assert sum(work[part].kmacs_px for part in encoder) == pytest.approx(whole.analysis.all)
    assert {part for part, of in work.items() if of.precision == "float64"} == {
        "hyper-synthesis",
        "context model",
    }


class Shifted(nn.Module):
    """A module of someone's own, with hooks of its own."""

    def __init__(self, channels):
        super().__init__()
        self.shift = nn.Parameter(torch.full((channels, 1, 1), 0.1))
        self.register_forward_hook(lambda module, inputs, output: output * 0.5)

    def forward(self, x):
        return x + self.shift


def test_modules_of_ones_own_are_timed_alike(tiny_weights, image, tmp_path):
    base, chosen = codec(tiny_weights, "base"), settings("+variant=base", *TINY)
    size = chosen.model.network_size()
    modules = variant_of(chosen).modules(size)
    modules = replace(modules, activation=Shifted, attention_half=lambda channels: nn.Identity())
    make = partial(Network, size, modules)
    structure = {**base.structure, "modules": {"activation": "Shifted"}}
    weights.save(make(), tmp_path, "mine", structure, {}, shared_from=tiny_weights)
    one = LearnedCodec("mine", make, structure, tmp_path)
    watch = Stopwatch()
    data = base.encode(image, 3).data
    expected = one.decode(data)
    with one.watched(watch):
        np.testing.assert_array_equal(one.decode(data), expected)
    assert list(watch.take()) == DECODE
    assert "luma act1" not in one.work()  # it multiplies nothing


def test_a_device_that_is_not_there_is_told(tiny_weights):
    with pytest.raises(BenchError, match="device=cuda:99: cannot be used"):
        codec(tiny_weights, device="cuda:99").coder  # noqa: B018
    with pytest.raises(BenchError, match="device=nonsense: choose cpu, or cuda"):
        codec(tiny_weights, device="nonsense").coder  # noqa: B018


def test_times_of_a_gpu_are_not_taken_for_those_of_the_cpu(tiny_weights):
    on_cpu, on_gpu = (codec(tiny_weights, device=device).fingerprint() for device in ("cpu", "cuda"))
    assert "device" not in on_cpu
    assert on_gpu == {**on_cpu, "device": "cuda"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_decodes_what_the_cpu_wrote_and_the_reverse(tiny_weights, image):
    on_cpu, on_gpu = codec(tiny_weights), codec(tiny_weights, device="cuda")
    for writer, reader in ((on_cpu, on_gpu), (on_gpu, on_cpu)):
        data = writer.encode(image, 3).data
        apart = writer.decode(data).astype(int) - reader.decode(data)
        assert np.abs(apart).max() <= 1
