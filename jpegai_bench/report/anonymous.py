"""Manifests without the names of machines and folders, for a double-blind review."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jpegai_bench.store import Run

_PATH = re.compile(r"(?<![\w.~/])(?:~|(?:/[^\s/'\":,;()\[\]]+)+)(/[^\s/'\":,;()\[\]]+)")
"""A path from the root or from a home, of two names at least; the last of them is what stays."""

_OF_PROCESSES = ("pid", "began", "traceback", "details")
"""What manifests have that is of use where the run was made alone."""


@dataclass(frozen=True)
class Names:
    """What is taken out, and by what it is replaced."""

    machines: dict[str, str]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Names":
        """The machines that runs were made on, numbered."""
        hosts = sorted({str(run.manifest["host"]) for run in runs if run.manifest.get("host")})
        return cls({host: f"machine {number}" for number, host in enumerate(hosts, start=1)})


def without(content: Any, names: Names) -> Any:
    """Plain data without them: machines by number, of a path the last name, nothing of processes."""
    if isinstance(content, dict):
        return {
            key: names.machines.get(str(value), "a machine") if key == "host" else without(value, names)
            for key, value in content.items()
            if key not in _OF_PROCESSES
        }
    if isinstance(content, list):
        return [without(value, names) for value in content]
    if not isinstance(content, str):
        return content
    home = os.path.expanduser("~")
    return _PATH.sub(lambda found: found[1][1:], content.replace(f"{home}{os.sep}", f"~{os.sep}"))
