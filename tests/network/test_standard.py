"""The finished standard's decoders: multiplications added up from their published structure, sizes."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from jpegai_bench.analysis.complexity import SIDE, measure, whole
from jpegai_bench.network.activation import GroupedResAU
from jpegai_bench.network.attention import CAB, TAM
from jpegai_bench.network.codec import NetworkSize
from jpegai_bench.network.context import ContextSize
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.standard import HighChroma, HighLuma, LightChroma, LightLuma

LATENT, CHROMA = 160, 96
LUMA = {
    "sop": partial(LightLuma, widths=(64, 32, 32), upsampling="shuffle"),
    "bop": partial(LightLuma, widths=(64, 64, 96), upsampling="transposed"),
    "hop": partial(HighLuma, widths=128),
}
COLOUR = {
    "sop": partial(LightChroma, widths=(32, 32), upsampling="shuffle"),
    "bop": partial(LightChroma, widths=(64, 128), upsampling="transposed"),
    "hop": partial(HighChroma, widths=64),
}


def unit(channels, group=16):
    """ResAU: grouped 3x3, then 1x1, a position."""
    return 9 * channels * group + channels**2


# kMACs a pixel, at the input's size of transposed convolutions: positions a pixel x MACs a position.
SOP = (
    (9 * 160**2 + 4 * 160 * 4 * 64) / 256
    + (unit(64) + 4 * 64 * 4 * 32) / 64
    + (unit(32) + 9 * 32 * 32 + unit(32) + 32 * 16) / 16
)
BOP = (
    (9 * 160**2 + 16 * 160 * 64) / 256
    + (unit(64) + 16 * 64 * 64) / 64
    + (unit(64) + 9 * 64 * 96 + unit(96) + 96 * 16) / 16
)
RESIDUAL = 18 * 128**2
# Of CAB and TAM a position at their own resolution; what is inside at half of it counts a quarter.
CAB_MACS = 2 * RESIDUAL + (9 * 128**2 + 2 * RESIDUAL + 9 * 128**2) / 4
BLOCK = 3 * 128**2 + 9 * 3 * 128 + 128**2 + 8 * 128**2 + 9 * 8 * 128 + 4 * 128**2
TAM_MACS = (9 * 128**2 + 2 * BLOCK + 9 * 128**2) / 4
HOP = (
    (18 * 160**2 + 9 * 160 * 128) / 256
    + (unit(128, 32) + 9 * 128**2) / 64
    + (CAB_MACS + unit(128, 32) + 4 * 128**2) / 16
    + (TAM_MACS + unit(128, 32) + 9 * 128) / 4
)


@pytest.mark.parametrize(("name", "macs"), [("sop", SOP), ("bop", BOP), ("hop", HOP)])
def test_multiplications_are_those_of_the_published_structure(name, macs):
    with torch.device("meta"):
        luma = LUMA[name](LATENT, 1)
    assert whole(luma, (LATENT, SIDE // 16, SIDE // 16)).input_size == pytest.approx(macs / 1000, rel=1e-12)


@pytest.mark.parametrize("name", LUMA)
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (4, 6)])
def test_a_latent_sample_is_16_by_16_samples_of_any_decoder(name, size):
    with torch.device("meta"):
        luma, chroma = LUMA[name](LATENT, 1), COLOUR[name](CHROMA, LATENT, 2)
    wanted = tuple(16 * side for side in size)
    assert luma(torch.empty(2, LATENT, *size, device="meta")).shape == (2, 1, *wanted)
    assert chroma(torch.empty(2, CHROMA + LATENT, *size, device="meta")).shape == (2, 2, *wanted)


def test_the_activation_is_its_formula_and_has_no_bias():
    unit, x = GroupedResAU(32), 8 * torch.randn(1, 32, 5, 7)
    grouped = torch.cat([F.conv2d(F.relu6(part), unit.grouped.weight[at : at + 16], padding=1)
                         for at, part in ((0, x[:, :16]), (16, x[:, 16:]))], dim=1)  # fmt: skip
    gated = torch.einsum("oi,bihw->bohw", unit.gate.weight[:, :, 0, 0], grouped)
    torch.testing.assert_close(unit(x), x + x * gated)
    assert {name for name, _ in unit.named_parameters()} == {"grouped.weight", "gate.weight"}
    assert GroupedResAU(24, groups=4).grouped.groups == 4
    with pytest.raises(ValueError, match="24 channels"):
        GroupedResAU(24)


@torch.inference_mode()
def test_a_new_cab_lets_almost_everything_pass():
    x = torch.randn(1, 8, 6, 8)
    assert float((CAB(8)(x) / x - 1).median()) == pytest.approx(
        torch.sigmoid(torch.tensor(-2.0)).item(), abs=0.05
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_transformer_attention_is_the_same_in_strips(stride):
    torch.manual_seed(0)
    attention, x = TAM(8, stride=stride), torch.randn(2, 8, 70, 12)
    for name, parameter in attention.named_parameters():
        assert "bias" not in name or "blocks" not in name, name
        nn.init.normal_(parameter, std=0.3)
    learned = attention(x)
    with torch.no_grad():
        torch.testing.assert_close(attention(x), learned, rtol=1e-4, atol=1e-4)
    assert learned.shape == x.shape


def test_what_is_no_kind_of_upsampling_or_stride_is_refused():
    with pytest.raises(ValueError, match="'other'"):
        LightLuma(32, 1, (16, 16, 16), "other")
    with pytest.raises(ValueError, match="3"):
        TAM(8, stride=3)


WHOLE = {"sop": 6.10, "bop": 17.06, "hop": 181.09}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_decoders_cost_what_the_docs_say(name):
    size = NetworkSize(
        luma=128,
        chroma=64,
        latent_luma=LATENT,
        latent_chroma=CHROMA,
        hyper_luma=LATENT,
        hyper_chroma=CHROMA,
        residual_blocks=2,
        rnab_trunk_blocks=3,
        rnab_mask_blocks=2,
        qualities=6,
        context_luma=ContextSize("multistage"),
        context_chroma=ContextSize("multistage"),
    )
    counted = measure(size, NetworkModules(synthesis_luma=LUMA[name], synthesis_chroma=COLOUR[name]))
    assert counted.decoder.published == pytest.approx(WHOLE[name], abs=0.005)
    page = (Path(__file__).parents[2] / "docs/reconstruction.md").read_text()
    assert f"{WHOLE[name]:.2f}" in page
    assert f"{counted.luma_synthesis.published:.3f}" in page
