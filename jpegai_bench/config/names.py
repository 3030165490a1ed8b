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


def check_names(settings: Settings, files: Mapping[str, Any]) -> None:
    """Whether every name can be that of a file, and is no other one's.

    Args:
        settings: the configuration.
        files: the file of each group; empty where that is not known.

    Raises:
        UsageError: which name it is, and why not.
    """
    names: dict[str, Any] = {"model": settings.model.name}
    if settings.variant:
        names["variant"] = settings.variant.get("name")
    if settings.experiment:
        names["experiment"] = settings.experiment.name
        for study in settings.experiment.studies:
            _require_word("experiment.studies", study)
    for group, name in names.items():
        _require_word(group, name)
        if files and files.get(group) != name and name in choices(group):
            raise _name_taken(group, name)
    if names.get("variant") == Path(SHARED_FILE).stem:
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
        packaged = OmegaConf.load(CONF / "anchor" / f"{name}.yaml")
        if any(node.get(key) != OmegaConf.select(packaged, f"{name}.{key}") for key in _KIND_OF_CODEC):
            raise _name_taken("anchor", name)


def _name_taken(group: str, name: str) -> UsageError:
    return UsageError(f"{group} {name}: another one of this name ships; give yours a `name` of its own")
