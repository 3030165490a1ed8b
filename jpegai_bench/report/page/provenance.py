"""Where the numbers come from: runs, configurations, versions, hashes, and what is missing."""

from collections.abc import Collection
from typing import Any

from jpegai_bench.analysis.bdrate import FEWEST_POINTS
from jpegai_bench.report.gather.reproduce import anchor_command, latency_command, rebuild_command, run_command
from jpegai_bench.report.gather.study import Study
from jpegai_bench.store.store import Run, Store

_SHOWN = (
    "note", "chroma", "model", "weights", "dataset", "rates", "qualities", "targets", "hvs", "bd_method",
    "start", "end", "host", "codec", "metrics", "metrics_only", "versions", "images", "anchors", "trained",
    "config", "not_applicable", "out_of_reach", "failures",
)  # fmt: skip


def runs_of(study: Study, results: str) -> list[dict[str, Any]]:
    """Each run that the study is made of: what its manifest says, and the command that makes it."""
    like = next((entry.run for entry in study.variants if entry.run), None)
    shown = []
    for entry in study.entries:
        run = entry.run
        if run is None:
            continue
        variant = entry.kind == "variant"
        command = run_command(run, results) if variant else ""
        shown.append(
            {
                "label": entry.label,
                "name": entry.name,
                "kind": entry.kind,
                "key": run.manifest.get("key", run.folder.name),
                "command": command or anchor_command(entry.label, study.dataset, like, results),
                "manifest": {
                    key: run.manifest[key] for key in _SHOWN if run.manifest.get(key) not in (None, "", [])
                },
            }
        )
    return shown


def commands_of(study: Study, results: str) -> list[dict[str, str]]:
    """The commands that make the figures of a study again from the store."""
    model = next((entry.model for entry in study.variants), None)
    arguments = (study.dataset, model, study.anchors, results)
    return [
        {"what": "BD-rates, complexity, per image", "command": rebuild_command("tables", *arguments)},
        {"what": "R-D curves and trade-off, as PNG and PDF", "command": rebuild_command("plots", *arguments)},
        {"what": "this page", "command": rebuild_command("report", *arguments)},
    ]


def lacks_of(study: Study, pictured: Collection[str], results: str) -> list[dict[str, str]]:
    """What a study lacks that a command can add."""
    like = next((entry.run for entry in study.variants if entry.run), None)
    lacks = []
    for entry in study.variants:
        run = entry.run
        if run is None:
            continue
        if entry.decode_s is None:
            lacks.append(_lack("time", f"decode time of {entry.label}", latency_command(run, results)))
        if entry.label not in pictured:
            lacks.append(
                _lack(
                    "pictures", f"pictures of {entry.label}", run_command(run, results, without=("pictures",))
                )
            )
    for entry in study.entries:
        if entry.kind == "codec" and entry.label not in pictured:
            command = anchor_command(entry.label, study.dataset, like, results)
            lacks.append(_lack("pictures", f"pictures of {entry.name}", command))
    lacks += _too_few_points(study, results)
    if study.variants and study.base_entry is None and like is not None:
        command = run_command(like, results, [study.base])
        lacks.append(_lack("base", f"the variant {study.base!r} that others are compared with", command))
    return lacks


def unfinished(store: Store, results: str) -> list[dict[str, str]]:
    """Runs that are under way, killed or failed, and that no later one of their kind replaces."""
    lines = []
    for kind in ("runs", "anchors"):
        runs = store.runs(kind)
        finished = {(_identity(run), str(run.manifest.get("end"))) for run in runs if run.done}
        for run in runs:
            start = str(run.manifest.get("start"))
            if run.done or any(identity == _identity(run) and end > start for identity, end in finished):
                continue
            subject = (
                f"{'variant' if kind == 'runs' else 'anchor'} {run.label} on {run.manifest.get('dataset')}"
            )
            state = {"running": "is under way", "killed": "was stopped", "failed": "failed"}
            why = f"{state.get(run.state, run.state)}, begun {start[:16].replace('T', ' ')} UTC"
            if run.manifest.get("error"):
                why += f": {run.manifest['error']}"
            on = str(run.manifest.get("dataset"))
            again = (
                run_command(run, results) if kind == "runs" else anchor_command(run.label, on, None, results)
            )
            lines.append({"kind": "run", "what": subject, "why": why, "command": again})
    return lines


def _too_few_points(study: Study, results: str) -> list[dict[str, str]]:
    """Variants whose every curve is too short for a BD-rate; the command leaves out which rates to take."""
    lacks = []
    for entry in study.variants:
        if entry.run and entry.points.groupby("image").size().max() < FEWEST_POINTS:
            subject = f"BD-rates of {entry.label}: they need {FEWEST_POINTS} rates of an image at least"
            command = run_command(entry.run, results, without=("qualities", "targets"))
            lacks.append(_lack("points", subject, command))
    return lacks


def _identity(run: Run) -> tuple[str, ...]:
    return (run.label, str(run.manifest.get("dataset")), str(run.manifest.get("model")), run.rates)


def _lack(kind: str, subject: str, command: str) -> dict[str, str]:
    return {"kind": kind, "what": subject, "why": "", "command": command}
