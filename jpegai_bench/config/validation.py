"""A composed configuration checked against the schema, and its names, which become files and folders."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from jpegai_bench.config.folders import CONF
from jpegai_bench.config.hydra_context import chosen_files, config_folders, shared_cores, typed_words
from jpegai_bench.config.hydra_errors import no_setting
from jpegai_bench.config.schema import DERIVED, Settings
from jpegai_bench.config.setting_names import choices, of_all_commands, require_paths
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.network.weight_files import SHARED_FILE
from jpegai_bench.system.imports import search_current_folder_last

Kind = TypeVar("Kind", bound=Settings)

_KIND_OF_CODEC = ("_target_", "format")
"""What stays of a codec whatever its settings are."""
_LONGEST = 100
"""Bytes of a name: it begins the names of files, which have 255 at most."""


def validated(config: DictConfig, kind: type[Kind]) -> Kind:
    """Check a composed configuration against the schema, and find out once where it came from.

    Args:
        config: holds the settings of all commands.
        kind: what the command takes; the settings of others are passed over.

    Raises:
        UsageError: an unknown key or a value of the wrong kind, in one line.
    """
    try:
        require_paths(config)
        plain = OmegaConf.to_container(config, resolve=True)
        assert isinstance(plain, dict)
        plain.pop("hydra", None)
        variant, anchor = (plain.pop(name, None) or {} for name in ("variant", "anchor"))
        if internal := sorted(plain.keys() & set(DERIVED)):
            raise UsageError(no_setting(internal[0], config_folders()))
        for name in ("model", "dataset", "training"):
            if name not in plain:
                raise UsageError(f"no {name} is chosen")
        for key in {*of_all_commands(), "training"} - {item.name for item in fields(kind)}:
            plain.pop(key, None)
        schema = OmegaConf.structured(kind)
        merged = OmegaConf.merge(schema, plain)
        _require_flat_lists(merged)
        settings = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        where = error.full_key or "configuration"
        if isinstance(error, ConfigKeyError):
            raise UsageError(no_setting(where, config_folders())) from None
        message = str(error.msg or error).splitlines()[0]
        plainly = {
            "missing mandatory value": "is missing",
            "not Optional": "must have a value",
            "not a ListConfig": f"needs a list, as {where}=[…]",
        }
        message = next((text for part, text in plainly.items() if part in message), message)
        raise UsageError(f"{where}: {message}") from None
    except BenchError as error:  # from the schema: it looks at values alone
        raise UsageError(str(error)) from None
    assert isinstance(settings, kind)
    settings.variant, settings.anchor = variant, anchor
    settings.typed, settings.config_folders = typed_words(), config_folders()
    settings.cores = shared_cores()
    search_current_folder_last(variant, anchor, config.get("arch"))
    _check_names(settings, chosen_files())
    if variant:
        unresolved = OmegaConf.to_container(config.variant, resolve=False)
        assert isinstance(unresolved, dict)
        settings.variant_written = {str(key): value for key, value in unresolved.items()}
    return settings


def _require_flat_lists(config: Any, inside: str = "") -> None:
    """A list of numbers or words holds no list or mapping; OmegaConf itself lets them pass."""
    for key, value in config._content.items() if isinstance(config._content, dict) else ():
        if isinstance(value, ListConfig) and isinstance(value._content, list):
            kind = value._metadata.element_type
            nested = [item for item in value._content if isinstance(item, DictConfig | ListConfig)]
            if nested and kind in (int, float, str):
                wanted = "texts, as [A,B]" if kind is str else "numbers, as [1,2]"
                raise UsageError(f"{inside}{key}: holds {nested[0]}; give {wanted}")
        elif isinstance(value, DictConfig):
            _require_flat_lists(value, f"{inside}{key}.")


def _check_names(settings: Settings, files: Mapping[str, Any]) -> None:
    """Whether every name can be that of a file, and is no other one's: they tell results apart.

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
