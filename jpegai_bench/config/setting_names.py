"""The words that a command line may hold: groups and their choices, settings, and what these take.

All of it is read from the YAML files and the schema; nothing is composed, and nothing heavy imported.
"""

import dataclasses
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from jpegai_bench.config import schema
from jpegai_bench.config.command_settings import INTERNAL, RecipeSettings
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.training import LOGGERS, TRAINING_WORDS
from jpegai_bench.config.variants import PARTS
from jpegai_bench.errors import UsageError, nearest
from jpegai_bench.metrics.catalogue import NAMES

VALUES: dict[str, tuple[str, ...]] = {
    **schema.WORDS,
    **{f"metrics.{name}": words for name, words in schema.METRIC_WORDS.items()},
    **{f"training.{name}": words for name, words in TRAINING_WORDS.items()},
    "model.context": schema.CONTEXTS,
    "only": NAMES,
    "metrics.only": NAMES,
    "weights": ("shipped", "train"),
    "device": ("cpu", "cuda"),
    "training.loggers": LOGGERS,
    "training.init_from": ("shipped",),
}
"""What a setting takes, where that is one of a few words or, as of `weights`, a folder beside them."""

PATHS = frozenset(
    {
        "results",
        "weights",
        "dataset.path",
        "training.data",
        "training.validation",
        "training.init_from",
        "training.folder",
        "checkpoint",
        "reconstruction",
        "plot",
        "anchor_points",
        "dest",
    }
)
"""Settings that take a file or a folder."""

_LEAVES_OF_ANCHORS = ("encoder", "decoder", "config")
"""Settings of an anchor's node that take a file."""

_BY_PLUGINS = {"hydra/launcher": {"joblib"}}
"""Choices that have no file of ours."""

_NOT_TYPED = (*schema.DERIVED, *INTERNAL, "anchors")
"""Settings that the package gives itself."""


def groups(folders: Iterable[Path] = ()) -> list[str]:
    """The groups of the configuration, `hydra/launcher` among them; `folders` are those of `--config-dir`."""
    group_folders = (path.parent for folder in (CONF, *folders) for path in folder.glob("*/*.yaml"))
    return sorted({"hydra/launcher", *(path.name for path in group_folders if path.name != "hydra")})


def choices(group: str, folders: Iterable[Path] = ()) -> list[str]:
    """The configurations of a group, here and where `--config-dir` says."""
    names = {path.stem for path in _files(group, folders)}
    return sorted(names | _BY_PLUGINS.get(group, set()))


def unreadable(group: str, folders: Iterable[Path] = ()) -> dict[str, str]:
    """The configurations of a group that Hydra could not read, and in one line why."""
    problems = {}
    for path in _files(group, folders):
        try:
            content = OmegaConf.load(path)
        except MarkedYAMLError as error:
            where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
            problems[path.stem] = f"{path}: is no YAML, {where}{error.problem}"
        except (OSError, YAMLError, ValueError, OmegaConfBaseException, RecursionError) as error:
            problems[path.stem] = f"{path}: cannot be read ({str(error).splitlines()[0]})"
        else:
            if not isinstance(content, DictConfig):
                problems[path.stem] = f"{path}: is a list; write settings, as name: {path.stem}"
    return problems


def settings(folders: Sequence[Path] = ()) -> list[str]:
    """Every setting by its whole name, as `training.steps`, those of all anchors and variants among them."""
    keys = [key for key in (*_of_schema(RecipeSettings), *of_all_commands()) if key not in _NOT_TYPED]
    keys += [f"variant.{key}" for key in ("name", *(f"{module}._target_" for module in PARTS))]
    for group, inside in (("anchor", ""), ("variant", "variant."), ("hydra/launcher", "hydra.launcher.")):
        for path in _files(group, folders):
            keys += [f"{inside or 'anchor.'}{key}" for key in _of_file(path)]
    more = ("hydra.sweep.dir", "hydra.launcher.partition", "hydra.launcher.n_jobs")
    return list(dict.fromkeys([*keys, *more]))


def of_all_commands() -> list[str]:
    """The settings that are in no group, of each command: all have their default in `conf/config.yaml`."""
    return [str(key) for key in OmegaConf.load(CONF / "config.yaml") if key not in ("defaults", "hydra")]


def anchor_nodes(config_folders: Sequence[Path]) -> dict[str, Any]:
    """Every node of the `anchor` group by its label, the package's and those of `--config-dir`."""
    nodes: dict[str, Any] = {}
    outside = dict.fromkeys(("arch", "checkpoint", "device"))
    for path in sorted({path for folder in config_folders for path in (folder / "anchor").glob("*.yaml")}):
        content = OmegaConf.to_container(OmegaConf.merge(outside, OmegaConf.load(path)), resolve=True)
        assert isinstance(content, dict)
        nodes |= {str(key): node for key, node in content.items() if key not in outside}
    return nodes


def takes_a_path(key: str) -> bool:
    """Whether a setting takes a file or a folder."""
    return key in PATHS or (key.startswith("anchor.") and key.rpartition(".")[2] in _LEAVES_OF_ANCHORS)


def require_paths(config: DictConfig) -> None:
    """No path is empty: that would be the current folder.

    Raises:
        UsageError: which setting is.
    """
    for key in sorted(PATHS):
        value = OmegaConf.select(config, key)
        if "" in (value if isinstance(value, ListConfig) else [value]):
            raise UsageError(f"{key}=: is empty; give a path, as {key}=. for the current folder")


def meant_key(wrong: str, folders: Sequence[Path] = ()) -> str | None:
    """The setting or group that a wrong one may mean, part by part; None where none is near.

    `steps` is `training.steps`, since that is the one setting whose last part it is.
    """
    keys = [*settings(folders), *groups(folders)]
    below = [key for key in keys if key.rpartition(".")[2] == wrong]
    if below and "." not in wrong and wrong not in keys:
        return next((key for key in below if not key.startswith(("anchor.", "variant.", "hydra."))), below[0])
    if "/" in wrong:
        return nearest(wrong, [key for key in keys if "/" in key])
    parted = [key.split(".") for key in keys]
    right: list[str] = []
    for number, part in enumerate(wrong.split(".")):
        level = [parts[number] for parts in parted if len(parts) > number and parts[:number] == right]
        meant = part if part in level else nearest(part, level)
        if meant is None:
            return None
        right.append(meant)
    return ".".join(right)


def _of_schema(schema: type, inside: str = "") -> list[str]:
    keys = []
    types = typing.get_type_hints(schema)
    for field in dataclasses.fields(schema):
        kinds = typing.get_args(types[field.name]) or (types[field.name],)
        nested = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
        name = inside + field.name
        if nested is None:
            keys.append(name)
        elif field.name != "experiment":  # a node of its YAML, which is chosen as a whole
            assert isinstance(nested, type)
            keys += _of_schema(nested, f"{name}.")
    return [key for key in keys if key not in ("variant", "anchor")]


def _files(group: str, folders: Iterable[Path]) -> list[Path]:
    return [path for folder in (CONF, *folders) for path in sorted((folder / group).glob("*.yaml"))]


def _of_file(path: Path) -> list[str]:
    try:
        return list(_keys_of(OmegaConf.to_container(OmegaConf.load(path), resolve=False)))
    except (OSError, YAMLError, ValueError):
        return []


def _keys_of(node: Any) -> typing.Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "defaults":
            continue
        if isinstance(value, dict):
            yield from (f"{key}.{below}" for below in _keys_of(value))
        else:
            yield str(key)
