"""What completes a command line: words found in files and in the schema, in no time; nothing is composed."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jpegai_bench.cli.arguments import FLAGS, HELP, QUIET, VERBOSE
from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.commands.command import Command
from jpegai_bench.config import setting_names
from jpegai_bench.config.overrides import folders_of, key_of

_SOONER = ("--config-dir", "--cfg", "--help", "--multirun", "--quiet", "--verbose")
"""Of the flags those that are offered."""


def completions(line: str, breaks: str = "") -> list[str]:
    """What the last word of a line may become, each with a blank behind it where the word is then whole.

    Args:
        line: up to the cursor, the command's name first.
        breaks: signs at which the shell breaks words, bash's COMP_WORDBREAKS; it replaces what stands
            behind the last of them.
    """
    words, last, quote = _words(line)
    candidates = list(dict.fromkeys(_candidates(words[1:], last))) if words else []
    cut = max((last.rfind(sign) for sign in breaks if sign not in " \t\n\"'" and not quote), default=-1) + 1
    return [_quoted(word, quote)[cut:] for word in candidates]


def _words(line: str) -> tuple[list[str], str, str]:
    """The whole words of a line, the one that is being written, and the quote that it stands in."""
    words, word, quote = [], "", ""
    begun = False
    signs = iter(line)
    for sign in signs:
        if quote:
            if sign == quote:
                quote = ""
            else:
                word += sign
        elif sign in "\"'":
            quote, begun = sign, True
        elif sign == "\\":
            word += next(signs, "")
        elif sign in " \t\n":
            if word or begun:
                words.append(word)
            word, begun = "", False
        else:
            word += sign
    return words, word, quote


def _quoted(word: str, quote: str) -> str:
    """A word as the shell reads it, without the blank behind what may go on."""
    is_complete = not word.endswith(("=", ".", "/", ",")) and "[" not in word
    if not quote:  # signs of Hydra's own grammar are left as they are; the user quotes them or not
        word = re.sub(r"([\s\"'\\$`!&;()<>|*?#])", r"\\\1", word)
    return word + (quote + " " if quote and is_complete else " " if is_complete else "")


def _candidates(words: Sequence[str], last: str) -> Iterator[str]:
    words = [word for word in words if word not in (*QUIET, *VERBOSE)]
    if not words or words[:1] == ["help"]:
        flags = ("--help", "--version", "--quiet", "--verbose")
        yield from _beginning_with((*COMMANDS, *flags) if last.startswith("-") else COMMANDS, last)
        return
    command = COMMANDS.get(words[0])
    if command is None:
        return
    typed = words[1:]
    if typed and typed[-1] in FLAGS and FLAGS[typed[-1]] is not None:
        yield from _of_flag(typed[-1], last)
    elif last.startswith("-"):
        name, equals, value = last.partition("=")
        if equals and FLAGS.get(name):
            yield from (f"{name}={word}" for word in _of_flag(name, value))
        else:
            yield from _beginning_with(_SOONER if command.composes else HELP[1:2], last)
    else:
        positional = [] if "=" in last or last[:1] in ("+", "~") else list(_positional(command, typed, last))
        yield from positional
        if command.composes and (last or not positional):
            yield from _overrides(command, typed, last)


def _of_flag(name: str, last: str) -> Iterator[str]:
    takes = FLAGS[name]
    if isinstance(takes, tuple):
        yield from _beginning_with(takes, last)
    elif takes == "a folder":
        yield from (path for path in _files(last) if path.endswith("/"))
    elif takes == "a file":
        yield from _files(last)


def _positional(command: Command, typed: Sequence[str], last: str) -> Iterator[str]:
    """Words at the place of the next positional one: names that are known, or files."""
    before = len(_positional_of(typed))
    if before >= len(command.words) and not command.repeats:
        return
    kind = command.words[min(before, len(command.words) - 1)]
    if kind == "WHAT":
        from jpegai_bench.commands.inventory import KINDS

        yield from _beginning_with(KINDS, last)
    elif kind == "SHELL":
        yield from _beginning_with(("bash", "zsh"), last)
    elif kind in ("get", "remove"):
        yield from _beginning_with((kind,), last)
    elif kind == "WHICH":
        from jpegai_bench.store.removal import WORDS

        results = _results(typed)
        yield from _beginning_with(
            (*WORDS, *_labels(results), *(_keys_of_runs(results) if last else ())), last
        )
    elif kind == "SET":
        from jpegai_bench.images.test_sets import PUBLISHED

        yield from _beginning_with(PUBLISHED, last)
    else:
        if command.name == "compare":
            yield from _beginning_with(_labels(_results(typed)), last)
        yield from _files(last)


def _positional_of(typed: Sequence[str]) -> list[str]:
    remaining, positional = list(typed), []
    while remaining:
        word = remaining.pop(0)
        if word in FLAGS:
            remaining = remaining[1:] if FLAGS[word] is not None else remaining
        elif not word.startswith(("-", "+", "~")) and "=" not in word:
            positional.append(word)
    return positional


def _overrides(command: Command, typed: Sequence[str], last: str) -> Iterator[str]:
    folders = [folder for folder in folders_of(typed) if folder.is_dir()]
    signs = last[: len(last) - len(last.lstrip("+~"))]
    key, equals, value = last[len(signs) :].partition("=")
    if equals:
        yield from (f"{signs}{key}={word}" for word in _values(command, typed, key, value, folders))
        return
    end = "" if signs.startswith("~") else "="
    keys = (f"{signs}{word}" for word in _keys(command, folders, key))
    yield from _beginning_with((word if word.endswith(".") else word + end for word in keys), last)
    if not signs and command.variant is not None:
        yield from _beginning_with(("+variant=",), last)


def _keys(command: Command, folders: Sequence[Path], key: str) -> Iterator[str]:
    """Groups and settings that a key may become, one level at a time: those below end with a dot."""
    foreign = {option for other_command in COMMANDS.values() for option in other_command.options} - set(
        command.options
    )
    groups = [group for group in setting_names.groups(folders) if group not in foreign]
    if command.variant is None:
        foreign.add("variant")
        groups.remove("variant")
    if "." not in key:
        yield from groups
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
) -> Iterator[str]:
    """What a setting or group may be, after the last comma of a list."""
    head, last = value[: _start(value)], value[_start(value) :]
    chosen = set(value[: _start(value)].strip("[,").split(","))
    if key in setting_names.groups(folders):
        choices: Iterable[str] = setting_names.choices(key, folders)
        if key == "anchor" and "anchors" in command.options:
            choices = [*choices, *_labels(_results(typed), ("anchors",))]
    elif key in ("codec", "peers"):
        choices = [*setting_names.choices("anchor", folders), "all"]
    else:
        choices = setting_names.VALUES.get(key, ())
    yield from (head + word for word in _beginning_with(choices, last) if word not in chosen)
    if setting_names.takes_a_path(key):
        yield from (head + path for path in _files(last))


def _start(value: str) -> int:
    """Where the last item of a list begins."""
    return max(value.rfind(","), value.rfind("[")) + 1


def _beginning_with(words: Iterable[str], last: str) -> Iterator[str]:
    return (word for word in words if word.startswith(last))


def _files(last: str) -> Iterator[str]:
    """Files and folders that a path may become, folders with a slash behind."""
    folder, name = os.path.split(last)
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(name) and (name.startswith(".") or not entry.name.startswith(".")):
            yield os.path.join(folder, entry.name) + ("/" if entry.is_dir() else "")


def _results(typed: Sequence[str]) -> Path:
    values = [word.partition("=")[2] for word in typed if key_of(word) == "results"]
    return Path([*values, "results"][0]).expanduser()


def _labels(results: Path, kinds: Sequence[str] = ("runs", "anchors")) -> list[str]:
    """Variants and codecs of the store, by their folders."""
    return sorted({path.parent.name for path in _runs(results, kinds)})


def _keys_of_runs(results: Path) -> list[str]:
    return sorted(path.name for path in _runs(results, ("runs", "anchors")))


def _runs(results: Path, kinds: Sequence[str]) -> Iterator[Path]:
    return (path.parent for kind in kinds for path in results.glob(f"{kind}/*/*/run.json"))
