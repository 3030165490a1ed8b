"""The words after the subcommand: positional words, Hydra's overrides and flags; how ours become Hydra's."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.commands.command import Command
from jpegai_bench.config.overrides import folders_of, key_of
from jpegai_bench.errors import UsageError, hint

FLAGS: dict[str, tuple[str, ...] | str | None] = {
    "--cfg": ("job", "hydra", "all"),
    "-c": ("job", "hydra", "all"),
    "--config-dir": "a folder",
    "-cd": "a folder",
    "--config-name": "a name",
    "-cn": "a name",
    "--config-path": "a folder",
    "-cp": "a folder",
    "--experimental-rerun": "a file",
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "-i": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "--multirun": None,
    "-m": None,
    "--package": "a name",
    "-p": "a name",
    "--resolve": None,
    "--run": None,
    "-r": None,
}
"""Hydra's flags and what each takes: one of these words, something of this kind, or nothing."""

QUIET, VERBOSE = ("-q", "--quiet"), ("-v", "--verbose")
HELP = ("-h", "--help", "--hydra-help")

NOT_IN_ALL = ("compressai", "hm", "jpegai_vtm", "vtm")
"""Nodes of the `anchor` group that `codec=all` leaves out: they need weights, programs, or are points."""

_SEVERAL_VARIANTS = r"\+variant=(glob\(\*\)|[\w-]+(,[\w-]+)+)"


@dataclass(frozen=True)
class Words:
    """The words of a command line after the subcommand."""

    positional: list[str]
    overrides: list[str]
    """Hydra's: overrides first, then flags, since its parser takes the overrides in one row only."""


def take_verbosity(arguments: Sequence[str]) -> tuple[list[str], int | None]:
    """Take `-v` and `-q` off; what is left, and 1, -1, or None where neither is there.

    Raises:
        UsageError: both are there.
    """
    found = {word for word in arguments if word in (*QUIET, *VERBOSE)}
    if found & set(QUIET) and found & set(VERBOSE):
        raise UsageError("-q and -v are both given; one of them says how much is told")
    left = [word for word in arguments if word not in found]
    return left, (None if not found else -1 if found & set(QUIET) else 1)


def split(arguments: Sequence[str]) -> Words:
    """Tell positional words, overrides and flags apart.

    Raises:
        UsageError: a flag does not exist, or lacks its value.
    """
    words, overrides, flags = [], [], []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word.startswith("-"):
            flags += _flag(word, left)
        elif not key_of(word):
            raise UsageError(f"{word!r} is no setting; write KEY=VALUE")
        elif ("=" in word and not os.path.exists(word)) or word[:1] in ("+", "~"):
            overrides.append(f"+{word}" if word.startswith("variant=") else word)
        else:
            words.append(word)
    return Words(words, [*overrides, *flags])


def _flag(word: str, left: list[str]) -> list[str]:
    """A flag with its value, which is taken off `left`."""
    name, given, value = word.partition("=")
    if name not in FLAGS:
        raise UsageError(f"no option {name}{hint(name, [*FLAGS, *QUIET, *VERBOSE, *HELP])}")
    takes = FLAGS[name]
    if takes is None:
        if given:
            raise UsageError(f"{word}: {name} takes no value")
        return [word]
    needs = takes if isinstance(takes, str) else f"one of {', '.join(takes)}"
    if not given:
        if not left or left[0].startswith("-"):
            raise UsageError(f"{name} needs {needs}")
        value = left.pop(0)
    if not isinstance(takes, str) and value not in takes:
        raise UsageError(f"{name} {value}: choose {needs}{hint(value, takes)}")
    return [name, value]


def codecs_as_anchors(overrides: list[str]) -> list[str]:
    """`codec=NAME` chooses a node of the `anchor` group, `codec=all` each that needs no settings."""
    from jpegai_bench.config.setting_names import choices

    chosen = next((word.partition("=")[2] for word in overrides if word.startswith("codec=")), None)
    if chosen is None:
        return overrides
    if chosen == "all":
        names = [name for name in choices("anchor", folders_of(overrides)) if name not in NOT_IN_ALL]
        return [f"anchor=[{','.join(names)}]", *overrides]
    return [f"anchor={chosen}", *(word for word in overrides if not word.startswith("codec="))]


def as_labels(word: str) -> str:
    """Where nothing is measured, `anchor=` names what the store holds, whether it has a node or not."""
    key, _, value = word.partition("=")
    if key != "anchor":
        return word
    return f"anchors={value if value.startswith('[') else f'[{value}]'}"


def unused(command: Command, overrides: Sequence[str]) -> str:
    """A setting that other commands take and this one would ignore, where there is one."""
    special = {option for other in COMMANDS.values() for option in other.options} - set(command.options)
    keys = (word.lstrip("+~").partition("=")[0] for word in overrides if not word.startswith("-"))
    return next((key for key in keys if key in special), "")


def known_variants(overrides: list[str]) -> tuple[list[str], list[str]]:
    """Take variants that do not exist or cannot be read out of a sweep over several: the others go on.

    Returns:
        The overrides without them, and a message for each.

    Raises:
        UsageError: none is left.
    """
    from jpegai_bench.config.hydra_errors import no_choice
    from jpegai_bench.config.setting_names import choices, unreadable

    sweep = next((word for word in overrides if re.fullmatch(_SEVERAL_VARIANTS, word)), None)
    if sweep is None:
        return overrides, []
    folders = folders_of(overrides)
    known, wrong = choices("variant", folders), unreadable("variant", folders)
    chosen = known if sweep.endswith("=glob(*)") else sweep.removeprefix("+variant=").split(",")
    wrong |= {name: no_choice("variant", name, known) for name in chosen if name not in known}
    there = [name for name in chosen if name not in wrong]
    told = [wrong[name] for name in chosen if name in wrong]
    if not told:
        return overrides, []
    if not there:
        raise UsageError(told[0])
    return [f"+variant={','.join(there)}" if word is sweep else word for word in overrides], told


def shows_only(overrides: Sequence[str]) -> bool:
    """Whether the configuration is to be shown, and nothing done."""
    return any(word in ("--cfg", "-c", "--info", "-i") for word in overrides)


def first_job(overrides: Sequence[str]) -> list[str]:
    """The overrides of the first of several jobs, without `-m`: `--cfg` and `--info` show one.

    Raises:
        HydraException: an override cannot be read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob

    from jpegai_bench.config.setting_names import choices

    end = next((n for n, word in enumerate(overrides) if word.startswith("-")), len(overrides))
    chosen = []
    for override in OverridesParser.create().parse_overrides(list(overrides[:end])):
        value: str | None = None
        if override.is_sweep_override():
            if isinstance(sweep := override.value(), Glob):
                value = next(iter(sweep.filter(choices(override.key_or_group, folders_of(overrides)))), "")
            else:
                value = next(override.sweep_string_iterator())
        written = str(override.input_line)
        sign = written[: len(written) - len(written.lstrip("+~"))]
        chosen.append(written if value is None else f"{sign}{override.key_or_group}={value}")
    return [*chosen, *(word for word in overrides[end:] if word not in ("-m", "--multirun"))]


def common(overrides: Sequence[str], group: str) -> list[str] | None:
    """The overrides of a group and of what is in it; None where jobs differ in them.

    Raises:
        HydraException: one cannot be read.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    chosen = [word for word in overrides if key_of(word).partition(".")[0] == group]
    parsed = OverridesParser.create().parse_overrides(chosen)
    return None if any(override.is_sweep_override() for override in parsed) else chosen


def refuse_names_that_ship(overrides: Sequence[str]) -> None:
    """A file of the user's with the name of one that ships would be passed over without a word."""
    from jpegai_bench.config.folders import CONF

    for folder in folders_of(overrides):
        for path in sorted(folder.glob("*/*.yaml")):
            if (CONF / path.parent.name / path.name).exists():
                raise UsageError(
                    f"{path}: one of this name ships in {path.parent.name}/; give yours another name"
                )
