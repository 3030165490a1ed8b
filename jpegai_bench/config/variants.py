"""A variant: the modules that its YAML names, four of the paper's synthesis or any part of the codec."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.imports import locate

if TYPE_CHECKING:
    from jpegai_bench.config.schema import ModelSettings, Settings
    from jpegai_bench.network.codec import Network, NetworkSize
    from jpegai_bench.network.modules import NetworkModules

MODULES = {
    "attention_quarter": "channels",
    "attention_half": "channels",
    "upsampling": "inputs, outputs",
    "activation": "channels",
}
"""The modules that the paper studies: every variant of its synthesis has them. What each is called with."""
WHOLE = {"synthesis.luma": "latent, outputs", "synthesis.chroma": "latent, luma_latent, outputs"}
"""Whole synthesis transforms, and what each is called with."""
ENCODER = {
    "analysis.luma": "inputs, latent",
    "analysis.chroma": "inputs, latent",
    "analysis.attention": "channels",
    "analysis.activation": "channels",
}
"""Of the analysis transforms: whole ones, or what the preset's are made of."""
ENTROPY = {
    "entropy.context": "latent, features, qualities",
    "entropy.hyper_analysis": "latent, channels",
    "entropy.hyper_synthesis": "channels, latent",
}
"""Of the entropy models of both branches."""
PARTS = {
    **MODULES,
    "residual": "channels",
    "last_upsampling": "inputs, outputs",
    **WHOLE,
    **ENCODER,
    **ENTROPY,
}
"""What a variant may name, each by a `_target_` and arguments; `synthesis.luma` is `luma` in `synthesis`."""

_WHOLE_ANALYSIS = {"analysis.luma", "analysis.chroma"}
_NO_CHANNELS = {bool, float, str, "bool", "float", "str"}
"""Of a parameter, by its annotation or its default, what no number of channels is."""
_CHANNELS_OF_TORCH = (
    "num_parameters",
    "num_features",
    "in_channels",
    "out_channels",
    "in_features",
    "d_model",
)


@dataclass(frozen=True)
class Variant:
    """A variant as configured: its name, and its modules as plain data."""

    name: str
    nodes: dict[str, dict[str, Any]]
    """`_target_` and arguments of each of `PARTS` that it has."""
    paper_kmacs_px: float | None = None

    def modules(self, size: "NetworkSize") -> "NetworkModules":
        """Factories of the modules, tried at the channel counts of a preset.

        Raises:
            BenchError: a `_target_` cannot be imported, or what it names cannot be built, cannot be run, or
                returns another shape than it must; variant and place are named.
        """
        from jpegai_bench.network.check import check_modules
        from jpegai_bench.network.modules import NetworkModules

        factories = {key.replace(".", "_"): self._factory(key) for key in self.nodes}
        modules = NetworkModules(**factories)
        try:
            check_modules(modules, size)
        except BenchError as error:
            raise BenchError(f"variant {self.name}: {error}") from None
        return modules

    def network(self, model: "ModelSettings") -> "Network":
        """The network of a preset with these modules, untrained; raises as `modules`."""
        from jpegai_bench.network.codec import Network

        size = model.network_size()
        return Network(size, self.modules(size))

    def _factory(self, key: str) -> Callable[..., Any]:
        arguments = dict(self.nodes[key])
        target = arguments.pop("_target_")
        where = f"variant {self.name}: {key}._target_"
        made_by = locate(target, where)
        if not _may_make_modules(made_by):
            raise BenchError(f"{where}: {target} is no torch.nn.Module, nor a function that makes one")
        _require_channels(where, target, made_by, PARTS[key])
        return partial(made_by, **arguments)


def _require_channels(where: str, target: str, made_by: Callable[..., Any], channels: str) -> None:
    """What a module is called with is what it takes it for: channels, no slope, no switch, no size.

    Raises:
        UsageError: it is not, and what to write instead.
    """
    try:
        first = list(signature(made_by).parameters.values())[: len(channels.split())]
    except (TypeError, ValueError):  # of no Python function: building it will tell
        return
    of_torch = str(getattr(made_by, "__module__", "")).startswith("torch.")
    for parameter in first:
        kinds = {parameter.annotation, type(parameter.default)}
        if parameter.kind is Parameter.VAR_POSITIONAL:
            return
        if not kinds.isdisjoint(_NO_CHANNELS) or (of_torch and parameter.name not in _CHANNELS_OF_TORCH):
            raise UsageError(
                f"{where}: {target} would take the number of channels as its {parameter.name}; name a "
                f"function of yours, as def plain({channels}, **arguments): return {target}(**arguments)"
            )


def _may_make_modules(factory: Any) -> bool:
    """Whether something is a class of modules or, found out by calling it alone, a function that makes one.

    None of Python's own does: `os.system` is not called to find out.
    """
    from torch import nn

    while isinstance(factory, partial):
        factory = factory.func
    if isinstance(factory, type):
        return issubclass(factory, nn.Module)
    home = str(getattr(factory, "__module__", None)).partition(".")[0]
    return callable(factory) and home not in sys.stdlib_module_names


def complete(config: DictConfig) -> DictConfig:
    """A composed configuration, its variant with all of `MODULES`: what its YAML leaves out is as in base.

    A variant with both whole syntheses has no place for them.
    """
    variant = config.get("variant")
    if OmegaConf.is_dict(variant) and not _has_whole_syntheses(variant):
        base = OmegaConf.load(CONF / "variant" / "base.yaml")
        with open_dict(variant):
            variant.update({key: OmegaConf.select(base, key) for key in MODULES if key not in variant})
    return config


def _has_whole_syntheses(variant: DictConfig) -> bool:
    branches = variant.get("synthesis")
    return OmegaConf.is_dict(branches) and all(branches.get(name) is not None for name in ("luma", "chroma"))


def variant_of(settings: "Settings") -> Variant:
    """The variant of a configuration.

    One that ships, with other modules than it ships with, has no figure of the paper.
    """
    variant, shipped = _checked(settings.variant), variant_names()
    if variant.paper_kmacs_px is None:
        return variant
    names = [variant.name] if variant.name in shipped else shipped
    packaged = (packaged_variant(settings, name) for name in names)
    of_paper = [made for made in packaged if made.paper_kmacs_px == variant.paper_kmacs_px]
    if of_paper and all(made.nodes != variant.nodes for made in of_paper):
        return replace(variant, paper_kmacs_px=None)
    return variant


def packaged_variant(settings: "Settings", name: str, folder: Path = CONF) -> Variant:
    """A variant of the package's own, or of `folder`, under the model preset of `settings`.

    Raises:
        UsageError: what the file says is no variant.
    """
    content = OmegaConf.load(folder / "variant" / f"{name}.yaml")
    joined = complete(OmegaConf.create({"model": vars(settings.model), "variant": content}))
    node = OmegaConf.to_container(joined.variant, resolve=True)
    assert isinstance(node, dict)
    return _checked({str(key): value for key, value in node.items()})


def _checked(node: dict[str, Any]) -> Variant:
    if not isinstance(node, dict) or not node:
        raise UsageError(f"no variant is chosen; add +variant=NAME, one of {', '.join(variant_names())}")
    name = str(node["name"])
    about = {"name", "paper_kmacs_px"}
    nodes = dict(_flat({key: value for key, value in node.items() if key not in about}))
    if unknown := sorted(nodes.keys() - PARTS.keys()):
        wanted = [part for part in PARTS if part.startswith(f"{unknown[0]}.")] or list(PARTS)
        raise UsageError(f"variant {name}: unknown key {unknown[0]}; there are {', '.join(wanted)}")
    for key, part in nodes.items():
        if not isinstance(part, dict) or not isinstance(part.get("_target_"), str):
            raise UsageError(f"variant {name}: {key} needs a `_target_`, the module's import path")
    of_synthesis = nodes.keys() - ENCODER.keys() - ENTROPY.keys()
    for whole, parts in ((WHOLE.keys(), of_synthesis), (_WHOLE_ANALYSIS, nodes.keys() & ENCODER.keys())):
        if whole <= nodes.keys() and (unused := sorted(parts - whole)):
            kind = "syntheses" if whole == WHOLE.keys() else "analyses"
            raise UsageError(
                f"variant {name}: {unused[0]} has no place beside whole {kind} of luma and chroma"
            )
    return Variant(name, {key: nodes[key] for key in PARTS if key in nodes}, node.get("paper_kmacs_px"))


def _flat(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key in ("synthesis", "analysis", "entropy") and isinstance(value, dict):
            yield from ((f"{key}.{name}", part) for name, part in value.items())
        else:
            yield key, value


def variant_names() -> list[str]:
    """The package's own variants, base first."""
    names = sorted(path.stem for path in (CONF / "variant").glob("*.yaml"))
    return sorted(names, key=lambda name: (name != "base", name.startswith("combined"), name))


def structure_of(settings: "Settings", variant: Variant) -> dict[str, Any]:
    """What weights must match: the structural numbers and the modules, as plain data."""
    size = {item.name: getattr(settings.model, item.name) for item in fields(settings.model)}
    for name in ("name", "restormer_blocks", "restormer_heads", "restormer_expansion"):
        del size[name]  # these reach the network through the modules' arguments, if at all
    if size["context"] != "grouped":
        size = {name: value for name, value in size.items() if not name.startswith("context_")}
    return {"model": size, "modules": variant.nodes}
