"""Variants of an experiment that have no finished run beside the others, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from jpegai_bench.store.store import Run, Store


@dataclass(frozen=True)
class Missing:
    """A variant without a row of figures."""

    variant: str
    status: str
    """`failed`, `running`, `killed`, `other` (of other images or metrics), `not run`."""
    reason: str
    """Why there is no figure, for people."""


def missing(store: Store, variants: Sequence[str], compared: Sequence[Run]) -> list[Missing]:
    """What keeps each of the variants from standing beside `compared`, the runs that can be compared."""
    labels = {run.label for run in compared}
    runs = [run for run in store.runs() if _alike(run, compared[-1])] if set(variants) - labels else []
    absent = [variant for variant in variants if variant not in labels]
    return [_missing(variant, [run for run in runs if run.label == variant]) for variant in absent]


def _alike(run: Run, newest: Run) -> bool:
    """Whether it was to be of the same data set, preset and kind of rates."""
    is_same_set = all(run.manifest.get(key) == newest.manifest.get(key) for key in ("dataset", "model"))
    return is_same_set and run.rates == newest.rates


def _missing(variant: str, runs: Sequence[Run]) -> Missing:
    if not runs:
        return Missing(variant, "not run", f"{variant} was not run")
    last = max(runs, key=lambda run: str(run.manifest.get("start") or run.manifest.get("end")))
    manifest = last.manifest
    if last.state == "running":
        where = f"process {manifest.get('pid')} on {manifest.get('host')}"
        return Missing(variant, "running", f"{variant} is being run since {manifest.get('start')} ({where})")
    if last.state == "failed":
        lines = str(manifest.get("error")).strip().splitlines() or ["no reason is on record"]
        return Missing(variant, "failed", f"{variant} failed: {lines[0]}")
    if last.state == "killed":
        return Missing(variant, "killed", f"the run of {variant} was killed")
    return Missing(variant, "other", f"{variant} was run on other images or by other metrics")
