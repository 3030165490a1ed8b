"""Whose networks did not code and decode as most do: on the CPU, in float32, rounding to the nearest."""

from collections.abc import Mapping

from jpegai_bench.store.store import Run

_DONE = {
    "device": "Coded and decoded on {}",
    "precision": "Decoded in {}",
    "rdo": "Coded with rate-distortion optimised quantisation (rdo=true)",
}
"""What `codec` of `run.json` has only where it is another than usual."""


def computed_otherwise(runs: Mapping[str, Run]) -> list[str]:
    """What is said of another device or quantisation, which move rates and pictures, or precision: pictures.

    Args:
        runs: by label, as tables have it.
    """
    labels: dict[str, list[str]] = {}
    for label, run in runs.items():
        made_by = run.manifest.get("codec") or {}
        for key, done in _DONE.items():
            if value := made_by.get(key):
                labels.setdefault(done.format(value), []).append(label)
    return [f"{done}: {', '.join(names)}" for done, names in labels.items()]
