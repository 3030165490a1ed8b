"""A variant's YAML states what differs from base; what is composed, and shown, is whole."""

from dataclasses import fields
from inspect import signature

import pytest
from command import settings, several
from omegaconf import OmegaConf
from torch import nn

from jpegai_bench.config.composition import composed
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.variants import MODULES, PARTS, variant_names, variant_of
from jpegai_bench.errors import UsageError
from jpegai_bench.network.modules import NetworkModules

RNAB = {"_target_": "jpegai_bench.network.attention.RNAB", "trunk_blocks": 3, "mask_blocks": 3}
MINE = {"upsampling": {"_target_": "mine.Upsampling", "factor": "${model.restormer_heads}"}}


@pytest.fixture
def own(tmp_path):
    """`--config-dir` with two variants: one states a module, the other takes what differs from that one."""
    (tmp_path / "variant").mkdir()
    OmegaConf.save({"name": "mine", **MINE}, tmp_path / "variant/mine.yaml")
    OmegaConf.save(
        {"defaults": ["mine", "_self_"], "name": "other", "activation": {"_target_": "mine.Activation"}},
        tmp_path / "variant/other.yaml",
    )
    return "--config-dir", str(tmp_path)


@pytest.mark.parametrize("name", variant_names())
def test_a_variant_is_whole_and_as_its_yaml_says(name):
    variant = variant_of(settings(f"+variant={name}"))
    of_the_standard = name in ("sop", "bop", "hop")
    parts = ("synthesis.luma", "synthesis.chroma") if of_the_standard else MODULES
    assert (variant.name, set(variant.nodes)) == (name, set(parts))
    assert (variant.paper_kmacs_px is None) == (name not in ("base", "combined"))


def test_what_is_replaced_keeps_no_argument_of_base(own):
    words = ["+variant=base", "model.rnab_trunk_blocks=3", "model.rnab_mask_blocks=3", *own]
    base = composed(words, variant_of, Settings).nodes
    assert base["attention_half"] == RNAB
    mine = composed(["+variant=mine", *words[1:]], variant_of, Settings).nodes
    assert mine == {**base, "upsampling": {"_target_": "mine.Upsampling", "factor": 4}}
    other = composed(["+variant=other", *words[1:]], variant_of, Settings).nodes
    assert other == {**mine, "activation": {"_target_": "mine.Activation"}}


def test_modules_are_replaced_on_the_command_line():
    plain, identity = "attention_quarter", {"_target_": "torch.nn.Identity"}
    combined = variant_of(settings("+variant=combined")).nodes
    changed = variant_of(settings("+variant=combined", f"variant.{plain}._target_=torch.nn.Identity")).nodes
    assert changed == {**combined, plain: {**combined[plain], **identity}}
    added = variant_of(settings("+variant=upsampling", f"+variant.{plain}._target_=torch.nn.Identity")).nodes
    assert added == {**variant_of(settings("+variant=upsampling")).nodes, plain: identity}
    fresh = variant_of(settings("+variant.name=fresh", f"+variant.{plain}._target_=torch.nn.Identity"))
    assert fresh.nodes == {**variant_of(settings("+variant=base")).nodes, plain: identity}


def test_cfg_shows_all_modules_with_their_arguments(own, tmp_path):
    lines = [
        ["run", "+variant=upsampling", "--cfg", "job"],
        ["run", "-m", "+variant=mine,base", *own, "--cfg", "job", "-p", "variant"],
        ["sweep", "+variant=other", *own, "--cfg", "all"],
        ["tables", "--cfg", "job"],
    ]
    shown = [OmegaConf.create(done.out) for done in several(*lines, cwd=tmp_path)]
    variants = shown[0].variant, shown[1], shown[2].variant
    assert all(set(MODULES) <= set(variant) for variant in variants)
    written = OmegaConf.to_container(shown[1], resolve=False)
    assert written["upsampling"] == MINE["upsampling"]
    assert written["attention_half"]["trunk_blocks"] == "${model.rnab_trunk_blocks}"
    assert "variant" not in shown[3]


NO_CHANNELS = """
Threshold ReLU RReLU Hardtanh ReLU6 Hardsigmoid SiLU Mish Hardswish ELU CELU SELU GELU Hardshrink LeakyReLU
Softplus Softshrink Softmin Softmax LogSoftmax GLU Dropout2d LocalResponseNorm ChannelShuffle
"""


@pytest.mark.parametrize("name", NO_CHANNELS.split())
def test_a_module_that_takes_the_channels_for_something_else_is_refused(name):
    chosen = settings("+variant=base", "variant.name=mine", f"variant.activation._target_=torch.nn.{name}")
    said = rf"activation\._target_: torch\.nn\.{name} .*def plain\(channels"
    with pytest.raises(UsageError, match=said) as error:
        variant_of(chosen).modules(chosen.model.network_size())
    parameter = next(iter(signature(getattr(nn, name)).parameters))
    assert f"as its {parameter};" in str(error.value)


@pytest.mark.parametrize("target", ["5", "[a]", "null"])
def test_a_target_that_is_no_text_is_refused(target):
    with pytest.raises(UsageError, match="activation needs a `_target_`"):
        variant_of(settings("+variant=base", f"variant.activation._target_={target}"))


@pytest.mark.parametrize("name", ["PReLU", "Identity"])
def test_modules_of_torch_that_take_channels_or_anything_pass(name):
    chosen = settings("+variant=base", f"variant.activation._target_=torch.nn.{name}")
    variant_of(chosen).modules(chosen.model.network_size())


def test_an_upsampling_that_takes_no_channels_is_refused_and_what_to_write_passes(tmp_path, monkeypatch):
    (tmp_path / "plain_ones.py").write_text(
        "import torch\n\ndef leaky(channels, **arguments):\n    return torch.nn.LeakyReLU(**arguments)\n\n"
        "def slope_first(slope: float):\n    return torch.nn.LeakyReLU(slope)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for module, target in (("upsampling", "torch.nn.Upsample"), ("activation", "plain_ones.slope_first")):
        chosen = settings("+variant=base", f"variant.{module}._target_={target}")
        with pytest.raises(UsageError, match=rf"{module}\._target_: {target}"):
            variant_of(chosen).modules(chosen.model.network_size())
    words = ("variant.activation._target_=plain_ones.leaky", "+variant.activation.negative_slope=0.2")
    chosen = settings("+variant=base", *words)
    made = variant_of(chosen).modules(chosen.model.network_size()).activation(48)
    assert made.negative_slope == 0.2


def test_every_place_of_the_network_can_be_named_in_a_variant():
    assert {name.replace(".", "_") for name in PARTS} == {field.name for field in fields(NetworkModules)}
