"""What completes a command line: words found in files and in the schema, in no time; nothing is composed."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from jpegai_bench.cli.arguments import FLAGS, HELP, QUIET, VERBOSE
from jpegai_bench.commands.catalogue import COMMANDS, options_of_others
from jpegai_bench.commands.command import Command
from jpegai_bench.commands.completion import SCRIPTS
from jpegai_bench.config import setting_names
from jpegai_bench.config.overrides import folders_of, key_of

_SOONER = ("--config-dir", "--cfg", "--help", "--multirun", "--quiet", "--verbose")
"""Of the flags those that are offered."""
_CURSOR = "\0"


def answer(shell: str, line: str, point: str) -> int:
    """Print what completes a line at the cursor, whose place bash counts in bytes, and zsh in signs."""
    place = int(point)
    line = line.encode()[:place].decode(errors="ignore") if shell == "bash" else line[:place]
    for completed in completions(line, os.environ.get("JPEGAI_BENCH_WORDBREAKS", "")):
        print(completed)
    return 0


def completions(line: str, breaks: str = "") -> list[str]:
    """What the last word of a line may become, each with a blank behind it where the word is then whole.

    Args:
        line: up to the cursor, the command's name first.
        breaks: signs at which the shell breaks words, bash's COMP_WORDBREAKS; it replaces what stands
            behind the last of them.
    """
    words, last, quote = _words(line)
    candidates = dict.fromkeys(_candidates(words[1:], last) if words else ())
    cut = max((last.rfind(sign) for sign in breaks if sign not in " \t\n\"'" and not quote), default=-1) + 1
    return [_quoted(word, quote)[cut:] for word in candidates if word.startswith(last)]


def _words(line: str) -> tuple[list[str], str, str]:
    """The whole words of a line, the one that is being written, and the quote that it stands in."""
    for quote in ("", "'", '"'):
        with suppress(ValueError):  # another quote is open
            *words, last = shlex.split(f"{line}{_CURSOR}{quote}")
            return words, last.removesuffix(_CURSOR), quote
    raise AssertionError(line)


def _quoted(word: str, quote: str) -> str:
    """A word as the shell reads it, without the blank behind what may go on."""
    is_complete = not word.endswith(("=", ".", "/", ",")) and "[" not in word
    if not quote:  # signs of Hydra's own grammar are left as they are; the user quotes them or not
        word = re.sub(r"([\s\"'\\$`!&;()<>|*?#])", r"\\\1", word)
    return f"{word}{quote} " if is_complete else word


def _candidates(words: Sequence[str], last: str) -> Iterable[str]:
    """What may stand at the place of the last word, some of it with another beginning."""
    words = [word for word in words if word not in (*QUIET, *VERBOSE)]
    if not words or words[:1] == ["help"]:
        flags = ("--help", "--version", "--quiet", "--verbose")
        return (*COMMANDS, *flags) if last.startswith("-") else COMMANDS
    if words[0] not in COMMANDS:
        return ()
    command, typed = COMMANDS[words[0]], words[1:]
    if typed and FLAGS.get(typed[-1]):
        return _of_flag(typed[-1], last)
    if last.startswith("-"):
        name, equals, value = last.partition("=")
        if equals and FLAGS.get(name):
            return [f"{name}={word}" for word in _of_flag(name, value)]
        return _SOONER if command.composes else HELP[1:2]
    positional = [] if "=" in last or last[:1] in ("+", "~") else _positional(command, typed, last)
    if command.composes and (last or not positional):
        return [*positional, *_overrides(command, typed, last)]
    return positional


def _of_flag(name: str, last: str) -> Sequence[str]:
    takes = FLAGS[name]
    if takes == "a folder":
        return [path for path in _files(last) if path.endswith("/")]
    return takes if isinstance(takes, tuple) else ()


def _positional(command: Command, typed: Sequence[str], last: str) -> Sequence[str]:
    """Words at the place of the next positional one: names that are known, or files."""
    before = [
        word
        for flag, word in pairwise(["", *typed])
        if not FLAGS.get(flag) and not word.startswith(("-", "+", "~")) and "=" not in word
    ]
    if len(before) >= len(command.words) and not command.repeats:
        return []
    kind = command.words[min(len(before), len(command.words) - 1)]
    if kind == "WHAT":
        from jpegai_bench.commands.inventory import INVENTORY

        return list(INVENTORY)
    if kind == "SHELL":
        return list(SCRIPTS)
    if kind in ("get", "remove"):
        return [kind]
    if kind == "WHICH":
        from jpegai_bench.store.removal import WORDS

        runs = _runs(typed)
        return [*WORDS, *_labels(runs), *(sorted(run.name for run in runs) if last else ())]
    if kind == "SET":
        from jpegai_bench.images.test_sets import PUBLISHED

        return list(PUBLISHED)
    labels = _labels(_runs(typed)) if command.name == "compare" else ()
    return [*labels, *_files(last)]


def _overrides(command: Command, typed: Sequence[str], last: str) -> list[str]:
    folders = [folder for folder in folders_of(typed) if folder.is_dir()]
    signs = last[: len(last) - len(last.lstrip("+~"))]
    key, equals, value = last[len(signs) :].partition("=")
    if equals:
        return [f"{signs}{key}={word}" for word in _values(command, typed, key, value, folders)]
    end = "" if signs.startswith("~") else "="
    keys = [word if word.endswith(".") else f"{word}{end}" for word in _keys(command, folders, key)]
    new_variant = ["+variant="] if not signs and command.variant is not None else []
    return [*(f"{signs}{word}" for word in keys), *new_variant]


def _keys(command: Command, folders: Sequence[Path], key: str) -> Iterator[str]:
    """Groups and settings that a key may become, one level at a time: those below end with a dot."""
    foreign = options_of_others(command) | ({"variant"} if command.variant is None else set())
    if "." not in key:
        yield from (group for group in setting_names.groups(folders) if group not in foreign)
    depth = key.count(".")
    for name in setting_names.settings(folders):
        parts = name.split(".")
        if parts[0] in foreign or not name.startswith(key):
            continue
        if len(parts) == depth + 1:
            yield name
        elif key:  # where nothing is typed yet, groups and single settings are enough to choose from
            yield f"{'.'.join(parts[: depth + 1])}."


def _values(
    command: Command, typed: Sequence[str], key: str, value: str, folders: Sequence[Path]
) -> list[str]:
    """What a setting or group may be, after the last comma of a list."""
    start = max(value.rfind(","), value.rfind("[")) + 1
    head, last = value[:start], value[start:]
    if key in setting_names.groups(folders):
        choices: Sequence[str] = setting_names.choices(key, folders)
        if key == "anchor" and "anchors" in command.options:
            choices = [*choices, *_labels(_runs(typed, ("anchors",)))]
    elif key in ("codec", "peers"):
        choices = [*setting_names.choices("anchor", folders), "all"]
    else:
        choices = setting_names.VALUES.get(key, ())
    chosen = head.strip("[,").split(",")
    paths = _files(last) if setting_names.takes_a_path(key) else ()
    return [f"{head}{word}" for word in (*(word for word in choices if word not in chosen), *paths)]


def _files(last: str) -> list[str]:
    """Files and folders that a path may become, folders with a slash behind."""
    folder, slash, name = last.rpartition("/")
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder + slash) or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    return [
        f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if name.startswith(".") or not entry.name.startswith(".")
    ]


def _runs(typed: Sequence[str], kinds: Sequence[str] = ("runs", "anchors")) -> list[Path]:
    """Folders of the runs in the store that the words name."""
    named = [word.partition("=")[2] for word in typed if key_of(word) == "results"]
    results = Path([*named, "results"][0]).expanduser()
    return [path.parent for kind in kinds for path in results.glob(f"{kind}/*/*/run.json")]


def _labels(runs: Sequence[Path]) -> list[str]:
    """Variants and codecs of runs, by their folders."""
    return sorted({run.parent.name for run in runs})
