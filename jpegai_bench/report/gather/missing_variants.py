"""Variants of an experiment that have no finished run beside the others, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from jpegai_bench.store.store import Run, Store


@dataclass(frozen=True)
class Missing:
    """Of a variant without a row of figures."""

    status: str
    """`failed`, `running`, `killed`, `other` (of other images or metrics), `not run`."""
    reason: str
    """Why there is no figure, for people."""


def missing(store: Store, variants: Sequence[str], compared: Sequence[Run]) -> dict[str, Missing]:
    """What keeps each of the variants from standing beside `compared`, the runs that can be compared."""
    absent = [variant for variant in variants if variant not in {run.label for run in compared}]
    setting = _setting(compared[-1])
    runs = [run for run in store.runs() if _setting(run) == setting] if absent else []
    return {variant: _missing(variant, [run for run in runs if run.label == variant]) for variant in absent}


def _setting(run: Run) -> tuple[object, ...]:
    """Data set, model preset and kind of rates that it was to be of."""
    return run.manifest.get("dataset"), run.manifest.get("model"), run.rates


def _missing(variant: str, runs: Sequence[Run]) -> Missing:
    if not runs:
        return Missing("not run", f"{variant} was not run")
    last = max(runs, key=lambda run: str(run.manifest.get("start") or run.manifest.get("end")))
    manifest = last.manifest
    where = f"process {manifest.get('pid')} on {manifest.get('host')}"
    lines = str(manifest.get("error")).strip().splitlines() or ["no reason is on record"]
    reasons = {
        "running": f"{variant} is being run since {manifest.get('start')} ({where})",
        "failed": f"{variant} failed: {lines[0]}",
        "killed": f"the run of {variant} was killed",
        "other": f"{variant} was run on other images or by other metrics",
    }
    status = last.state if last.state in reasons else "other"
    return Missing(status, reasons[status])
