"""Manifests without the names of machines and folders, for a double-blind review.

What settings name as a path is known, so it can be taken out wherever it stands; other paths are found by how
they look, and free text, as of errors, goes as a whole. `Names.left_in` finds what is left over by all that.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from jpegai_bench.config.setting_names import takes_a_path

_PATH = re.compile(r"(?<![\w.:/~-])(?:~|file:/)?(?:/[^\s/'\":,;()\[\]]+){2,}/?")
"""A path of two names at least from the root, a home, or as an address."""
_FREE_TEXT = {"traceback": "", "details": "", "error": "left out", "message": "left out"}
_LEFT_OUT = ("pid", "began", "overrides")
"""What is of one process alone, and the words that were typed: `config` says the same."""
_NAMED = ("shipped", "train", "")


@dataclass(frozen=True)
class Names:
    """What is taken out, and what stands for it."""

    machines: Mapping[str, str]
    folders: Mapping[str, str]
    """Paths, the longest first."""
    weights: Mapping[str, str]
    """Last names of folders of weights, which notes call them by."""

    @classmethod
    def of(cls, manifests: Sequence[Mapping[str, Any]]) -> "Names":
        """What manifests name, each by a number, and the machine and home of whoever asks."""
        hosts = {str(manifest["host"]) for manifest in manifests if manifest.get("host")} | {
            socket.gethostname()
        }
        configs = [manifest.get("config") or {} for manifest in manifests]
        paths = {path for config in configs for path in _paths(config)} | {str(Path.home())}
        numbered = {path: f"folder {number}" for number, path in enumerate(sorted(paths), start=1)}
        weights = {str(config.get("weights")) for config in configs} & paths
        return cls(
            {host: f"machine {number}" for number, host in enumerate(sorted(hosts), start=1)},
            dict(sorted(numbered.items(), key=lambda item: -len(item[0]))),
            {Path(path).name: numbered[path] for path in weights},
        )

    def out_of(self, text: str) -> str:
        """A text without them."""
        for host, instead in self.machines.items():
            text = re.sub(_host(host), rf"\1{instead}", text)
        for folder, instead in self.folders.items():
            text = text.replace(folder, instead)
        for name, instead in self.weights.items():
            text = re.sub(rf"\bweights {re.escape(name)}(?=,|$)", f"weights {instead}", text)
        return _PATH.sub("a path", text)

    def left_in(self, text: str) -> str | None:
        """One of them that is in a text all the same."""
        hosts = (host for host in self.machines if re.search(_host(host), text))
        return next(chain((folder for folder in self.folders if folder in text), hosts), None)


def without(content: Any, names: Names) -> Any:
    """Plain data without them, without free text, and without what is of one process alone."""
    if isinstance(content, dict):
        return {key: _value(key, value, names) for key, value in content.items() if key not in _LEFT_OUT}
    if isinstance(content, list):
        return [without(value, names) for value in content]
    return names.out_of(content) if isinstance(content, str) else content


def _value(key: str, value: Any, names: Names) -> Any:
    if key == "host":
        return names.machines.get(str(value), "a machine")
    return _FREE_TEXT[key] if key in _FREE_TEXT and isinstance(value, str) else without(value, names)


def _host(name: str) -> str:
    """A machine where a text names one; alone it may be any word."""
    return rf"(\bon |\(|@){re.escape(name)}\b"


def _paths(config: Mapping[str, Any], inside: str = "") -> Iterable[str]:
    """What settings name as a file or folder."""
    for key, value in config.items():
        full_key = f"{inside}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{full_key}.")
        elif takes_a_path(full_key) or key == "url":
            values = value if isinstance(value, list) else [value]
            names = [name for name in values if isinstance(name, str) and name not in _NAMED]
            yield from (name for name in names if os.sep in name)
