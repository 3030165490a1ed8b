"""What an override of a command line is about, without composing anything."""

from collections.abc import Sequence
from pathlib import Path


def key_of(override: str) -> str:
    """The setting or group that an override is about."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def folders_of(overrides: Sequence[str]) -> list[Path]:
    """What `--config-dir` names."""
    pairs = zip(overrides, [*overrides, ""][1:], strict=True)
    split_at = ((*word.partition("="), following) for word, following in pairs)
    return [
        Path(value or following)
        for option, _, value, following in split_at
        if option in ("--config-dir", "-cd")
    ]


def folder_words(overrides: Sequence[str]) -> list[str]:
    """Those of them that say where further configurations are."""
    return [word for folder in folders_of(overrides) for word in ("--config-dir", str(folder))]
