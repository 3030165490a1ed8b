from dataclasses import replace
from functools import cache

import pytest
import torch
from command import TINY, settings
from skimage import data

from jpegai_bench.codecs.rates import REACHED_WITHIN, TARGETS
from jpegai_bench.config.variants import variant_of
from jpegai_bench.runner.inputs import learned_codec

HEIGHT, WIDTH = 160, 192


@cache
def shipped(variant="base"):
    chosen = settings(f"+variant={variant}")
    return learned_codec(chosen, variant_of(chosen), chosen.rdo)


@cache
def photograph():
    return data.astronaut()[:HEIGHT, :WIDTH].copy()


def bpp_at(codec, quality):
    return 8 * len(codec.encode(photograph(), quality).data) / (HEIGHT * WIDTH)


@pytest.mark.parametrize("quality", [0, 2.37, 5])
def test_the_estimate_is_of_the_whole_file_of_the_smallest_picture_too(quality):
    """The range coder writes whole words of 32 bits, and at most one more than it needs."""
    encoded = shipped().encode(photograph()[:3, :17], quality)
    assert encoded.estimated_bits == pytest.approx(8 * len(encoded.data), rel=0.01, abs=64)


def test_targets_in_reach_are_met_by_the_whole_file():
    codec = shipped()
    lowest, highest = bpp_at(codec, 0), bpp_at(codec, 5)
    reached = [target for target in TARGETS if lowest <= target <= highest]
    assert len(reached) >= 3
    qualities = codec.qualities_for(photograph(), TARGETS)
    assert qualities == sorted(qualities)
    for target, quality in zip(TARGETS, qualities, strict=True):
        assert quality == round(quality, 3)
        if target in reached:
            assert bpp_at(codec, quality) == pytest.approx(target, rel=REACHED_WITHIN)


def test_a_target_out_of_reach_takes_the_nearest_end():
    assert shipped().qualities_for(photograph(), [1e-6, 0.25, 50.0])[::2] == [0.0, 5.0]


def test_what_is_found_does_not_depend_on_the_other_targets_or_the_variant():
    together = shipped().qualities_for(photograph(), TARGETS)
    assert [shipped().qualities_for(photograph(), [target])[0] for target in TARGETS] == together
    assert shipped("combined").qualities_for(photograph(), TARGETS) == together


def test_a_search_analyses_once_and_never_synthesises():
    codec, calls = (
        learned_codec(settings("+variant=base"), variant_of(settings("+variant=base")), rdo=True),
        [],
    )
    network = codec.coder.network
    for name, module in (*network.shared.items(), *network.synthesis.items()):
        module.register_forward_hook(lambda *_, name=name: calls.append(name))
    for name in ("luma", "chroma"):
        prior = network.shared[f"prior_{name}"]
        prior.analysis.register_forward_hook(lambda *_, name=name: calls.append(f"hyper-analysis {name}"))
    qualities = codec.qualities_for(photograph(), TARGETS)
    coded = [codec.encode(photograph(), quality).data for quality in qualities]
    branches = ["analysis_luma", "analysis_chroma", "hyper-analysis luma", "hyper-analysis chroma"]
    # The gains are asked for at each rate; they are tables, and no transform.
    assert sorted(call for call in calls if not call.startswith("gain_")) == sorted(branches)
    calls.clear()
    codec.decode(coded[0])
    assert [call for call in calls if not call.startswith("gain_")] == ["luma", "chroma"]


def test_an_encoder_that_optimises_is_another_codec_of_the_same_bitstream():
    """rdo=true: fewer bits, and a decoder that does not need to know."""
    optimised, nearest = replace(shipped(), rdo=True), shipped()
    data, more = (codec.encode(photograph(), 2).data for codec in (optimised, nearest))
    assert len(data) < len(more)
    assert bool((optimised.decode(more) == nearest.decode(more)).all())
    assert bool((optimised.decode(data) == nearest.decode(data)).all())
    assert optimised.fingerprint() == {**nearest.fingerprint(), "rdo": "yes"}
    assert "rate-distortion optimised" in optimised.describe()
    assert "rate-distortion" not in nearest.describe()


@pytest.fixture
def rounded_by_default():
    """As torch comes; a test may ask for more of TF32, and other libraries have asked for less."""
    cudnn = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.deterministic
    cudnn.deterministic = False
    yield
    torch.set_float32_matmul_precision(before[0])
    cudnn.deterministic = before[1]


def test_nothing_is_rounded_though_the_file_of_a_module_asks_for_it(tiny_weights, rounded_by_default):
    chosen = settings("+variant=base", *TINY, f"weights={tiny_weights}")
    whole = learned_codec(chosen, variant_of(chosen), rdo=False)
    seen = set()

    def precision():
        cudnn = torch.backends.cudnn
        return torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.deterministic

    def make_network():
        torch.set_float32_matmul_precision("medium")  # as when a module's file is imported
        network = whole.make_network()
        for module in (*network.shared.values(), *network.synthesis.values()):
            module.register_forward_hook(lambda *_: seen.add(precision()))
        return network

    codec = replace(whole, make_network=make_network)
    encoded = codec.encode(photograph(), 2.0)
    codec.decode(encoded.data)
    [quality] = codec.qualities_for(photograph(), [0.2])
    assert 0 <= quality <= 5
    assert seen == {("highest", False, True)}
    assert precision() == ("medium", True, False)  # a training that follows has what it had
