"""The words after the subcommand: positional words, Hydra's overrides and flags."""

import os
from collections.abc import Sequence

from jpegai_bench.commands.command import Command
from jpegai_bench.config.overrides import key_of
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
SEE_HELP = "(jpegai-bench --help lists the commands)"


def misused(command: Command, problem: str) -> UsageError:
    """That a command is written another way."""
    return UsageError(f"{problem}; usage: jpegai-bench {command.usage} {SEE_HELP}")


def take_verbosity(arguments: Sequence[str]) -> tuple[list[str], int | None]:
    """Take `-v` and `-q` off; what is left, and 1, -1, or None where neither is there.

    Raises:
        UsageError: both are there.
    """
    flags = {word for word in arguments if word in (*QUIET, *VERBOSE)}
    if flags & set(QUIET) and flags & set(VERBOSE):
        raise UsageError("-q and -v are both given; one of them says how much is told")
    remaining = [word for word in arguments if word not in flags]
    return remaining, (None if not flags else -1 if flags & set(QUIET) else 1)


def split(command: Command, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell positional words from Hydra's: overrides, then flags, for its parser takes overrides in one row.

    Raises:
        UsageError: a flag does not exist or lacks its value, or a positional word is missing or too much.
    """
    positional, overrides, flags = [], [], []
    remaining = list(arguments)
    while remaining:
        word = remaining.pop(0)
        if word.startswith("-"):
            flags += _flag(word, remaining)
        elif not key_of(word):
            raise UsageError(f"{word!r} is no setting; write KEY=VALUE")
        elif ("=" in word and not os.path.exists(word)) or word[:1] in ("+", "~"):
            overrides.append(f"+{word}" if word.startswith("variant=") else word)
        else:
            positional.append(word)
    most = len(command.words)
    if len(positional) > most and not command.repeats:
        raise misused(command, f"{command.name}: {positional[most]!r} is too much")
    if len(positional) < most - command.optional:
        raise misused(command, f"{command.name}: {command.words[len(positional)]} is missing")
    return positional, [*overrides, *flags]


def _flag(word: str, remaining: list[str]) -> list[str]:
    """A flag with its value, which is taken off `remaining`."""
    name, equals, value = word.partition("=")
    if name not in FLAGS:
        raise UsageError(f"no option {name}{hint(name, [*FLAGS, *QUIET, *VERBOSE, *HELP])}")
    takes = FLAGS[name]
    if takes is None:
        if equals:
            raise UsageError(f"{word}: {name} takes no value")
        return [word]
    needs = takes if isinstance(takes, str) else f"one of {', '.join(takes)}"
    if not equals:
        if not remaining or remaining[0].startswith("-"):
            raise UsageError(f"{name} needs {needs}")
        value = remaining.pop(0)
    if not isinstance(takes, str) and value not in takes:
        raise UsageError(f"{name} {value}: choose {needs}{hint(value, takes)}")
    return [name, value]
