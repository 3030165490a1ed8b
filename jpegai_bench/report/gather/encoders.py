"""Which variants share an encoder and its entropy model: among them a difference is the decoder's alone."""

from collections.abc import Sequence

from jpegai_bench.report.gather.study import BASE
from jpegai_bench.store.store import Run

_DIGITS = 8
"""Of an encoder's id, as it is printed."""


def in_order(runs: Sequence[Run], base: str = BASE) -> list[Run]:
    """Runs by label, the base first, then those of its encoder, then those of each other encoder together."""
    first = next((_encoder(run) for run in runs if run.label == base), None)
    return sorted(
        runs, key=lambda run: (run.label != base, _encoder(run) != first, _encoder(run) or "", run.label)
    )


def remarks(runs: Sequence[Run]) -> dict[str, str]:
    """The encoder of each variant, by label; nothing where all have the same one.

    Args:
        runs: one a variant, each with the id of its shared weights in `run.json`.
    """
    encoders = {run.label: encoder for run in runs if (encoder := _encoder(run))}
    if len(set(encoders.values())) < 2:
        return {}
    return {label: f"encoder {encoder[:_DIGITS]}" for label, encoder in encoders.items()}


def notes(runs: Sequence[Run]) -> list[str]:
    """The same as a sentence below a table."""
    groups: dict[str, list[str]] = {}
    for label, encoder in remarks(runs).items():
        groups.setdefault(encoder, []).append(label)
    if not groups:
        return []
    listed = "; ".join(f"{', '.join(labels)} ({encoder})" for encoder, labels in groups.items())
    return [
        f"Variants have encoders or entropy models of their own: {listed}. A difference between two of "
        "one is the decoder's alone; between others it is also the bitstream's."
    ]


def _encoder(run: Run) -> str | None:
    """The id of analysis, gains and entropy models, which every bitstream carries."""
    codec = run.manifest.get("codec") or {}
    shared = codec.get("shared_weights")
    return str(shared) if shared else None
