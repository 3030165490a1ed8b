"""Which variants had modules changed on the command line: they keep a name that stands for others."""

from collections.abc import Sequence

from jpegai_bench.config.overrides import key_of
from jpegai_bench.store.store import Run


def notes(runs: Sequence[Run]) -> list[str]:
    """A sentence below a table for each; nothing of a run from before overrides were kept.

    Args:
        runs: one a variant, each with the overrides that it was typed with in `run.json`.
    """
    return [
        f"{run.label} is not what the variant of this name is: it was run with {' '.join(words)}."
        for run in runs
        if (words := _changes(run))
    ]


def _changes(run: Run) -> list[str]:
    typed = [str(word) for word in run.manifest.get("overrides") or ()]
    changes = [word for word in typed if key_of(word).startswith("variant.")]
    return [] if any(key_of(word) == "variant.name" for word in changes) else changes
