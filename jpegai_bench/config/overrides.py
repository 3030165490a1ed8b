"""What an override of a command line is about, without composing anything."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from jpegai_bench.errors import UsageError

_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_INTERPOLATION = r"\$\{[^}]*\}"
_UNKNOWN = re.compile(r"""[^\w\s/\-\\+.$%*@?|:(){}\[\],='"]""", re.ASCII)
"""What Hydra's grammar has no place for outside quotes: letters beyond ASCII, signs such as ~ and ^."""

_NO_TEXT = re.compile(r"(?i)(?<![^=,\[\s])(true|false|null|nan|[+-]?(inf|[\d_.]+(e[+-]?\d+)?))(?![^,\]\s])")
"""What stands for itself where Hydra expects a name, and is read as a number or the like."""


def key_of(override: str) -> str:
    """The setting or group that an override is about."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The overrides, and Hydra's own flags with their values, which stand behind them."""
    end = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    return list(words[:end]), list(words[end:])


def folders_of(overrides: Sequence[str]) -> list[Path]:
    """What `--config-dir` names."""
    folders = []
    for word, following in pairwise([*overrides, ""]):
        option, _, value = word.partition("=")
        if option in ("--config-dir", "-cd"):
            folders.append(Path(value or following))
    return folders


def folder_words(overrides: Sequence[str]) -> list[str]:
    """Those of them that say where further configurations are."""
    return [word for folder in folders_of(overrides) for word in ("--config-dir", str(folder))]


def quoted(override: str) -> str:
    """The override with quotes around each text in its value that Hydra reads in quotes alone."""
    key, equals, value = override.partition("=")
    ends = "'\"\\s,()\\[\\]{}=\\\\" + (":" if re.sub(_INTERPOLATION, "", value).count("{") else "")
    word = rf"""(?:{_INTERPOLATION}|\\[^'"]|[^{ends}])+"""
    return key + equals + re.sub(rf"{_QUOTED}|{word}(?:\s+{word})*", _quoted_text, value)


def with_names(override: str) -> str:
    """The override of a group, with quotes around names that Hydra would read as numbers or the like.

    Raises:
        UsageError: it is a list of something else than names.
    """
    key, equals, value = override.partition("=")
    if re.match(r"\s*\[.*[\[{]", re.sub(_QUOTED, "", value)):
        raise UsageError(f"{override}: give names alone, as {key}=[a,b]")
    return override if "{" in value else key + equals + _NO_TEXT.sub(r"'\1'", f"={value}")[1:]


def _quoted_text(match: re.Match[str]) -> str:
    text = match[0]
    if text[0] in "'\"" or not _UNKNOWN.search(re.sub(_INTERPOLATION, "", text)):
        return text
    plain = re.sub(r"\\([\\()\[\]{}:=,\s])", r"\1", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", plain) + "'"
