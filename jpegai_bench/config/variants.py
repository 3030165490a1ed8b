"""A variant of the synthesis transform: its four modules, as its YAML names them."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict

from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.imports import locate

if TYPE_CHECKING:
    from jpegai_bench.config.schema import ModelSettings, Settings
    from jpegai_bench.network.codec import Network, NetworkSize
    from jpegai_bench.network.transforms import SynthesisModules

MODULES = ("attention_quarter", "attention_half", "upsampling", "activation")
"""The modules under study: the keys of a variant that name a `_target_`."""

_LONGEST_NAME = 100
"""Bytes: it begins the names of files, which have 255 at most."""

_NEWER = {
    "analysis_attention": True,
    "analysis_residual_blocks": 0,
    "chroma_reduction": None,
    "context": "none",
}
"""Structural numbers that the first weights do not record, and what they are of these."""


@dataclass(frozen=True)
class Variant:
    """A variant as configured: its name, and its four modules as plain data."""

    name: str
    nodes: dict[str, dict[str, Any]]
    """`_target_` and arguments of each of `MODULES`."""
    paper_kmacs_px: float | None = None

    def modules(self, size: "NetworkSize") -> "SynthesisModules":
        """Factories of the modules, tried at the channel counts of a preset.

        Raises:
            BenchError: a `_target_` cannot be imported, or what it names cannot be built, cannot be run, or
                returns another shape than it must; variant and place are named.
        """
        from jpegai_bench.network.check import check_modules
        from jpegai_bench.network.transforms import SynthesisModules

        modules = SynthesisModules(**{key: self._factory(key) for key in MODULES})
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
        return partial(locate(target, f"variant {self.name}: {key}._target_"), **arguments)


def complete(config: DictConfig) -> DictConfig:
    """A composed configuration, its variant with all of `MODULES`: what its YAML leaves out is as in base."""
    if OmegaConf.is_dict(variant := config.get("variant")):
        base = OmegaConf.load(CONF / "variant" / "base.yaml")
        with open_dict(variant):
            variant.update({key: OmegaConf.select(base, key) for key in MODULES if key not in variant})
    return config


def variant_of(settings: "Settings") -> Variant:
    """The variant of a configuration."""
    return _checked(settings.variant)


def packaged_variant(settings: "Settings", name: str) -> Variant:
    """A variant of the package's own, under the model preset of `settings`."""
    written = OmegaConf.load(CONF / "variant" / f"{name}.yaml")
    joined = complete(OmegaConf.create({"model": vars(settings.model), "variant": written}))
    node = OmegaConf.to_container(joined.variant, resolve=True)
    assert isinstance(node, dict)
    return _checked({str(key): value for key, value in node.items()})


def _checked(node: dict[str, Any]) -> Variant:
    if not isinstance(node, dict) or not node:
        raise UsageError(f"no variant is chosen; add +variant=NAME, one of {', '.join(variant_names())}")
    name = node.get("name")
    if not isinstance(name, str) or not name or not name.replace("_", "").replace("-", "").isalnum():
        raise UsageError(f"variant: needs a `name` of letters, digits, - and _ (it is {name!r})")
    if len(name.encode()) > _LONGEST_NAME:
        raise UsageError(f"variant {name}: the name is longer than {_LONGEST_NAME} letters")
    if unknown := sorted(node.keys() - {*MODULES, "name", "paper_kmacs_px"}):
        raise UsageError(f"variant {name}: unknown key {unknown[0]}; there are {', '.join(MODULES)}")
    for key in MODULES:
        if not isinstance(node[key], dict) or "_target_" not in node[key]:
            raise UsageError(f"variant {name}: {key} needs a `_target_`, the module's import path")
    return Variant(name, {key: node[key] for key in MODULES}, node.get("paper_kmacs_px"))


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
    for name, usual in _NEWER.items():
        if size[name] == usual:
            del size[name]
    return {"model": size, "modules": variant.nodes}
