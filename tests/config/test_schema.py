import pytest
import torch
from command import TINY, settings
from messages import refused

from jpegai_bench.codecs.rates import Rates
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.variants import MODULES, packaged_variant, structure_of, variant_names, variant_of
from jpegai_bench.errors import BenchError, UsageError

YAML = sorted(path.relative_to(CONF).with_suffix("") for path in CONF.rglob("*.yaml"))
CHOICES = [path for path in YAML if path.parent.name]


@pytest.mark.parametrize("path", CHOICES, ids=str)
def test_every_configuration_composes(path):
    group, name = path.parent.as_posix(), path.name
    composed = settings(f"{'+' if group == 'variant' else ''}{group}={name}")
    if group == "variant":
        assert variant_of(composed).name == name


def test_every_variant_ships_base_first():
    assert variant_names()[0] == "base"
    assert set(variant_names()) == {path.name for path in CHOICES if path.parts[0] == "variant"}
    assert len(variant_names()) == 10


@pytest.mark.parametrize("model", ["small", "paper"])
def test_every_variant_fits_the_network_at_both_presets(model):
    from jpegai_bench.network.modules import NetworkModules

    composed = settings(f"model={model}")
    structures = []
    for name in variant_names():
        variant = packaged_variant(composed, name)
        assert isinstance(variant.modules(composed.model.network_size()), NetworkModules)
        structures.append(structure_of(composed, variant))
    assert len({repr(structure) for structure in structures}) == len(structures)
    assert all(structure["model"] == structures[0]["model"] for structure in structures)


@pytest.mark.parametrize("name", variant_names())
def test_every_variant_builds_a_whole_network(name):
    from jpegai_bench.network.codec import Network

    composed = settings(f"+variant={name}", *TINY)
    size = composed.model.network_size()
    network = Network(size, variant_of(composed).modules(size))
    assert {"luma", "chroma"} == set(network.synthesis.keys())


@pytest.mark.parametrize(
    ("word", "item"),
    [
        ("qualities=[0,[1]]", "[1]"),
        ("targets=[{a:b}]", "{'a': 'b'}"),
        ("training.data=[p,{a:b}]", "{'a': 'b'}"),
        ("model.context_luma_groups=[{a:b}]", "{'a': 'b'}"),
    ],
)
def test_a_list_holds_no_lists_and_no_mappings(word, item):
    with pytest.raises(UsageError) as error:
        settings(word)
    assert word.partition("=")[0] in str(error.value)
    assert item in str(error.value)


def test_a_variant_states_only_what_differs_from_the_base():
    composed = settings()
    base = packaged_variant(composed, "base")
    upsampling = packaged_variant(composed, "upsampling")
    different = {key for key in MODULES if upsampling.nodes[key] != base.nodes[key]}
    assert different == {"upsampling"}


def test_structural_numbers_reach_the_modules():
    composed = settings("+variant=combined", "model.restormer_blocks=3")
    assert variant_of(composed).nodes["attention_half"]["blocks"] == 3


def test_rates_are_each_whole_quality_unless_given():
    assert settings().chosen_rates == Rates("quality", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0))
    assert settings("qualities=[3,0.5,3]").chosen_rates.values == (0.5, 3.0)
    assert settings("model.qualities=60").chosen_rates.values[-1] == 59.0


def test_target_rates_are_those_of_jpeg_ai_unless_given():
    assert settings("rates=target").chosen_rates == Rates("target", (0.06, 0.12, 0.25, 0.5, 0.75))
    assert settings("rates=target", "targets=[1,0.1,1]").chosen_rates == Rates("target", (0.1, 1.0))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["rates=bpp"], ("rates=bpp", "quality, target")),
        (["targets=[0.5]"], ("targets=…", "rates=target")),
        (["rates=target", "qualities=[1,2]"], ("qualities=…",)),
        (["rates=target", "targets=[]"], ("targets", "at least one")),
        (["rates=target", "targets=[0.5,0]"], ("targets: 0 ",)),
        (["rates=target", "targets=[-0.1]"], ("targets: -0.1 ",)),
        (["rates=target", "targets=[inf]"], ("targets: inf ",)),
        (["rates=target", "targets=[nan]"], ("targets: nan ",)),
    ],
)
def test_rates_that_make_no_sense_are_refused(overrides, said):
    with refused(*said):
        settings(*overrides).chosen_rates  # noqa: B018


@pytest.mark.parametrize("qualities", [1, 61])
def test_the_number_of_gain_vectors_has_limits(qualities):
    with pytest.raises(BenchError, match=f"model.qualities={qualities}: must be at"):
        settings(f"model.qualities={qualities}")


def test_the_context_of_the_preset_reaches_the_network():
    size = settings("model=small").model.network_size()
    assert size.context_luma.kind == size.context_chroma.kind == "grouped"
    assert sum(size.context_luma.groups) == size.latent_luma
    assert sum(size.context_chroma.groups) == size.latent_chroma
    assert (size.context_luma.groups, size.context_chroma.groups) == ((16, 32, 48, 96), (24, 40))
    assert settings("model=paper").model.network_size().context_luma.kind == "none"


def test_another_number_of_latents_is_shared_out_to_the_groups():
    size = settings("model.latent_luma=10", "model.latent_chroma=1").model.network_size()
    assert (size.context_luma.groups, size.context_chroma.groups) == ((1, 1, 3, 5), (1,))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.context=both"], "model.context=both"),
        (["model.context_luma_groups=[8,16]"], "model.context_luma_groups=[8, 16]"),
        (["model.context_luma_groups=[]"], "model.latent_luma=192"),
        (["model.context_chroma_groups=[32,31]"], "model.latent_chroma=64"),
        (["model.context_chroma_groups=[0,64]"], "model.context_chroma_groups=[0, 64]"),
        (["model.context_chroma_groups=[-8,72]"], "model.context_chroma_groups=[-8, 72]"),
        (["model.context_chroma_width=0"], "model.context_chroma_width=0"),
    ],
)
def test_a_context_that_makes_no_sense_is_refused(overrides, said):
    grouped = ("model=small", "model.latent_luma=192", "model.context_luma_groups=[64,128]")
    settings(*grouped)
    with pytest.raises(BenchError) as caught:
        settings(*grouped, *overrides)
    assert said in str(caught.value)


@pytest.mark.parametrize("context", ["none", "multistage"])
def test_groups_count_only_where_the_context_is_grouped(context):
    """So that the preset's groups need no change beside another number of latents, or in a structure."""
    plain, other = (
        settings(*TINY, f"model.context={context}", f"model.context_luma_groups={groups}", "+variant=base")
        for groups in ("[8]", "[1,2,3]")
    )
    structures = [structure_of(one, variant_of(one))["model"] for one in (plain, other)]
    assert structures[0] == structures[1]
    assert structures[0].get("context", "none") == context


def test_another_context_is_another_structure():
    groups = ("model.context_luma_groups=[3,5]", "model.context_chroma_groups=[8]")
    found = []
    for context in ("none", "multistage", "grouped"):
        chosen = settings(*TINY, "+variant=base", f"model.context={context}", *groups)
        found.append(structure_of(chosen, variant_of(chosen))["model"])
    assert all(one != other for i, one in enumerate(found) for other in found[:i])
    assert found[2]["context_luma_groups"] == [3, 5]


@pytest.mark.parametrize("latent", [48, 100, 129, 192])
def test_a_multistage_context_takes_any_number_of_latents(latent):
    from jpegai_bench.network.codec import Network

    chosen = settings(
        "model=small", "+variant=base", "model.context=multistage", f"model.latent_luma={latent}"
    )
    size = chosen.model.network_size()
    with torch.device("meta"):
        Network(size, variant_of(chosen).modules(size))
