"""What was wrong, in one line with the nearest right word: a mistyped override, or any other error."""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from jpegai_bench.config.overrides import folders_of, key_of, parted
from jpegai_bench.config.setting_names import choices, groups, meant_key, settings
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.network import places
from jpegai_bench.system import console

_OPEN = ("anchor.", "variant.", "hydra.")
"""What lies below depends on what is chosen, or is Hydra's own: only Hydra can tell what is not there."""

_EXTRAS = {"joblib": "parallel", "slurm": "slurm", "submitit_slurm": "slurm", "submitit_local": "slurm"}
"""The extra of the package that brings a launcher."""


def explain(error: Exception) -> str:
    """One line for any error: our own say what to do, others are defects and say where to look.

    What a module of a variant's own raises is told by its place.
    """
    if isinstance(error, BenchError):
        return str(error)
    console.trace(error)
    message = places.in_one_line(error)
    where = "the traceback is above" if console.is_verbose() else "-v shows where"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return f"stdout: cannot be written ({error.strerror}); free some space or write elsewhere"
    if isinstance(error, OSError) or places.failed_module(error):
        return f"{message}; {where}"
    return f"{message}; a defect of jpegai-bench or of a module of yours: {where}"


@contextmanager
def in_one_line(overrides: Sequence[str]) -> Iterator[None]:
    """Whatever Hydra has to say against a command line becomes a `UsageError`."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise UsageError(_of_hydra(error, overrides, folders_of(overrides))) from None


def _of_hydra(error: Exception, overrides: Sequence[str], folders: Sequence[Path]) -> str:
    """What Hydra has to say against a command line: which choice is not there, or which word is not right."""
    text = str(error)
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        return _no_such_choice(str(error.missing_cfg_file), folders)
    for word in parted(overrides)[0]:
        if isinstance(error, ConfigCompositionException) and text.startswith(
            f"Error merging override {word}"
        ):
            return f"{word}: a value of another kind stands there; --cfg job shows it"
        if message := _chosen_again(word, text, overrides) or _refused(word, error, folders):
            return message
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        one_choice = key_of(match[1]) in groups(folders) and match[1] != "anchor"
        a_list = "" if one_choice else "; for a list, write key=[a,b]"
        return f"{match[1]}: for several values, one job each, add -m{a_list}"
    if isinstance(error, OverrideParseException):
        message, signs = text.splitlines()[0], "signs such as =, ( and ~ need quotes: key='\"a=b\"'"
        return f"{error.override}: cannot be read, {message}; {signs}"
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark):
        return f"{mark.name}, line {mark.line + 1}: is no YAML: {error.problem or error.context}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines += str(error.__cause__ or "").splitlines()[:1]
    return ": ".join(dict.fromkeys(lines[:2])) or type(error).__name__


def _no_such_choice(choice: str, folders: Sequence[Path]) -> str:
    """That a group has no such choice, as `variant/nonsense`, or that its extra is not installed."""
    group, _, name = choice.rpartition("/")
    if group == "hydra/launcher" and name in _EXTRAS:
        return f"{group}={name}: is not installed; pip install 'jpegai-bench[{_EXTRAS[name]}]'"
    return no_choice(group, name, choices(group, folders))


def _chosen_again(word: str, text: str, overrides: Sequence[str]) -> str:
    """That of a group two are chosen, where Hydra told so."""
    key = key_of(word)
    if f"Multiple values for {key}." not in text:
        return ""
    if sum(key_of(override) == key for override in overrides) > 1:
        return f"{key} is given twice; for several, one job each, add -m and write {word},OTHER"
    return f"{word}: write {word.lstrip('+')}, without +; it takes the place of what is chosen already"


def _refused(word: str, error: Exception, folders: Sequence[Path]) -> str:
    """What is wrong with an override where it is the one that Hydra refused; empty where it is not."""
    key = key_of(word)
    if key in groups(folders) or (f"'{key}'" not in str(error) and getattr(error, "full_key", None) != key):
        return ""
    if key in settings(folders) and key.startswith(_OPEN):
        group, name, *_ = key.split(".")
        if group == "anchor":
            return f"no setting {key!r} here: anchor {name} is not chosen; add anchor={name}"
        return f"no setting {key!r} in what is chosen; +{key}=… adds it"
    if key in settings(folders) and not word.startswith("~"):
        return ""
    return no_setting(key, folders)


def no_setting(key: str, folders: Sequence[Path] = ()) -> str:
    """That there is no such setting or group, and which is meant."""
    meant = meant_key(key, folders)
    if meant is None or meant == key:
        return f"no setting {key!r}; --cfg job shows those there are"
    return f"no setting {key!r} (did you mean {meant}?)"


def no_choice(group: str, name: str, known: Sequence[str]) -> str:
    """That a group has no such choice, which is meant, and which there are."""
    message = f"no {group} {name!r}{hint(name, known)}; there are {', '.join(known)}"
    return (
        f"{message}; a file is given with anchor_points=FILE"
        if group == "anchor" and "." in name
        else message
    )
