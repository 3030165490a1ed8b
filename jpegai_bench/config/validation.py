"""A composed configuration checked against the schema."""

from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from jpegai_bench.config.hydra_context import chosen_files, config_folders, shared_cores, typed_words
from jpegai_bench.config.hydra_errors import no_setting
from jpegai_bench.config.names import check_names
from jpegai_bench.config.schema import DERIVED, Settings
from jpegai_bench.config.setting_names import of_all_commands, require_paths
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.imports import search_current_folder_last

Kind = TypeVar("Kind", bound=Settings)


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
        for key in set(of_all_commands()) - {item.name for item in fields(kind)}:
            plain.pop(key, None)
        schema = OmegaConf.structured(kind)
        for name in ("model", "dataset", "training"):
            if name not in plain:
                raise UsageError(f"no {name} is chosen")
        merged = OmegaConf.merge(schema, plain)
        _require_flat_lists(merged)
        settings = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        where = error.full_key or "configuration"
        if isinstance(error, ConfigKeyError):
            raise UsageError(no_setting(where, config_folders())) from None
        message = str(error.msg or error).splitlines()[0]
        if "missing mandatory value" in message:
            message = "is missing"
        if "not Optional" in message:
            message = "must have a value"
        if "not a ListConfig" in message:
            message = f"needs a list, as {where}=[…]"
        raise UsageError(f"{where}: {message}") from None
    except BenchError as error:  # from the schema: it looks at values alone
        raise UsageError(str(error)) from None
    assert isinstance(settings, kind)
    settings.variant, settings.anchor = variant, anchor
    settings.typed, settings.config_folders = typed_words(), config_folders()
    settings.cores = shared_cores()
    search_current_folder_last(variant, anchor, config.get("arch"))
    check_names(settings, chosen_files())
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
