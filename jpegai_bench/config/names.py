"""Names that a configuration gives: they become files and folders, and tell results apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from jpegai_bench.config.folders import CONF
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.setting_names import choices
from jpegai_bench.errors import UsageError
from jpegai_bench.network.weight_files import SHARED_FILE

_KIND_OF_CODEC = ("_target_", "format")
"""What stays of a codec whatever its settings are."""
_LONGEST = 100
"""Bytes of a name: it begins the names of files, which have 255 at most."""


def check_names(settings: Settings, chosen: Mapping[str, Any]) -> None:
    """Whether every name can be that of a file, and is no other one's.

    Args:
        settings: the configuration.
        chosen: the file of each group; empty where that is not known.

    Raises:
        UsageError: which name it is, and why not.
    """
    named: dict[str, Any] = {"model": settings.model.name}
    if settings.variant:
        named["variant"] = settings.variant.get("name")
    if settings.experiment:
        named["experiment"] = settings.experiment.name
        for study in settings.experiment.studies:
            _require_word("experiment.studies", study)
    for group, name in named.items():
        _require_word(group, name)
        if chosen and chosen.get(group) != name and name in choices(group):
            raise _ships(group, name)
    if named.get("variant") == Path(SHARED_FILE).stem:
        raise UsageError(f"variant shared: {SHARED_FILE} is the encoder's; give the variant another `name`")
    for label, node in settings.anchor.items():
        _check_codec(label, node if isinstance(node, dict) else {})


def _require_word(where: str, name: Any) -> None:
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
        raise UsageError(f"{where}: needs a `name` of letters, digits, - and _ (it is {name!r})")
    _require_short(where, name)


def _require_short(where: str, name: str) -> None:
    if len(name.encode()) > _LONGEST:
        raise UsageError(f"{where} {name}: the name is longer than {_LONGEST} letters")


def _check_codec(label: str, node: Mapping[str, Any]) -> None:
    name = label if node.get("name") is None else node["name"]
    if not isinstance(name, str) or not name.strip(" .") or not name.isprintable() or "/" in name:
        raise UsageError(f"anchor {label}: needs a `name` that a folder can have (it is {name!r})")
    _require_short("anchor", name)
    if node and name in choices("anchor"):
        own = OmegaConf.load(CONF / "anchor" / f"{name}.yaml")
        if any(node.get(key) != OmegaConf.select(own, f"{name}.{key}") for key in _KIND_OF_CODEC):
            raise _ships("anchor", name)


def _ships(group: str, name: str) -> UsageError:
    return UsageError(f"{group} {name}: another one of this name ships; give yours a `name` of its own")
