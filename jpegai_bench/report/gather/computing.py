"""Whose networks did not compute as most do, on the CPU and in float32."""

from collections.abc import Mapping

from jpegai_bench.store.store import Run

_DONE = {"device": "Coded and decoded on", "precision": "Decoded in"}
"""What `codec` of `run.json` has only where it is another than usual."""


def computed_otherwise(runs: Mapping[str, Run]) -> list[str]:
    """What is said of another device, which moves rates and pictures, or precision, which moves pictures.

    Args:
        runs: by label, as tables have it.
    """
    labels: dict[str, list[str]] = {}
    for label, run in runs.items():
        made_by = run.manifest.get("codec") or {}
        for key, done in _DONE.items():
            if value := made_by.get(key):
                labels.setdefault(f"{done} {value}", []).append(label)
    return [f"{done}: {', '.join(names)}" for done, names in labels.items()]
