"""Where the numbers come from: what was run, when, on what, by which command, and what is missing."""

from collections.abc import Collection, Sequence
from typing import Any

from jpegai_bench.analysis.bdrate import FEWEST_POINTS
from jpegai_bench.metrics.asked import labels_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.report.gather.reproduce import anchor_command, latency_command, rebuild_command, run_command
from jpegai_bench.report.gather.study import Study
from jpegai_bench.store.store import Run, Store

_SHOWN = (
    "note", "chroma", "model", "weights", "dataset", "rates", "qualities", "targets", "hvs", "bd_method",
    "start", "end", "host", "codec", "metrics", "metrics_only", "versions", "images", "anchors", "trained",
    "config", "not_applicable", "out_of_reach", "failures",
)  # fmt: skip


def name_of(study: Study) -> str:
    """What the page calls it."""
    model = next((entry.model for entry in study.variants if entry.model), "")
    suffix = f", model {model}" if model else "" if study.variants else ", codecs alone"
    return f"{study.title or study.dataset}{suffix}"


def about(study: Study, images: int) -> list[tuple[str, str]]:
    """Terms and what to say of them, for the top of the page."""
    variants = [entry.run for entry in study.variants if entry.run]
    runs = variants or [entry.run for entry in study.entries if entry.run]
    terms = [
        ("Images", f"{images} of {study.dataset}"),
        ("Variants", ", ".join(entry.label for entry in study.variants) or "none"),
        (
            "Anchor" if len(study.anchors) == 1 else "Anchors",
            "; ".join(e.described for e in study.anchor_entries),
        ),
        ("Weights", _weights(study)),
        ("Rates", _rates(variants)),
        ("Metrics", "" if study.asked == NAMES else f"{labels_of(study.asked)}; others were not asked for"),
        ("Measured", _dates(runs)),
        ("Software", _software(runs)),
    ]
    return [(term, text) for term, text in terms if text]


def runs_of(study: Study, results: str) -> list[dict[str, Any]]:
    """Each run that the study is made of: what its manifest says, and the command that makes it."""
    model_run = next((entry.run for entry in study.variants if entry.run), None)
    return [
        {
            "label": entry.label,
            "name": entry.name,
            "kind": entry.kind,
            "key": run.manifest.get("key", run.folder.name),
            "command": run_command(run, results)
            if entry.kind == "variant"
            else anchor_command(entry.label, study.dataset, model_run, results),
            "manifest": {
                key: run.manifest[key] for key in _SHOWN if run.manifest.get(key) not in (None, "", [])
            },
        }
        for entry in study.entries
        if (run := entry.run)
    ]


def commands_of(study: Study, results: str) -> list[dict[str, str]]:
    """The commands that make the figures of a study again from the store."""
    model = next((entry.model for entry in study.variants), None)
    makes = {
        "tables": "BD-rates, complexity, per image",
        "plots": "R-D curves and trade-off, as PNG and PDF",
        "report": "this page",
    }
    return [
        {"what": what, "command": rebuild_command(name, study.dataset, model, study.anchors, results)}
        for name, what in makes.items()
    ]


def lacks_of(study: Study, pictured: Collection[str], results: str) -> list[dict[str, str]]:
    """What a study lacks that a command can add."""
    model_run = next((entry.run for entry in study.variants if entry.run), None)
    lacks = []
    for entry in study.variants:
        if entry.run and entry.decode_s is None:
            command = latency_command(entry.run, results)
            lacks.append(lack("time", f"decode time of {entry.label}", command))
        if entry.run and entry.label not in pictured:
            command = run_command(entry.run, results, without=("pictures",))
            lacks.append(lack("pictures", f"pictures of {entry.label}", command))
    for entry in study.entries:
        if entry.kind == "codec" and entry.label not in pictured:
            command = anchor_command(entry.label, study.dataset, model_run, results)
            lacks.append(lack("pictures", f"pictures of {entry.name}", command))
    for entry in study.variants:  # the command leaves out which rates to take
        if entry.run and entry.points.groupby("image").size().max() < FEWEST_POINTS:
            subject = f"BD-rates of {entry.label}: they need {FEWEST_POINTS} rates of an image at least"
            command = run_command(entry.run, results, without=("qualities", "targets"))
            lacks.append(lack("points", subject, command))
    if study.variants and study.base_entry is None and model_run is not None:
        command = run_command(model_run, results, [study.base])
        lacks.append(lack("base", f"the variant {study.base!r} that others are compared with", command))
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
            dataset = str(run.manifest.get("dataset"))
            subject = f"{'variant' if kind == 'runs' else 'anchor'} {run.label} on {dataset}"
            state = {"running": "is under way", "killed": "was stopped", "failed": "failed"}
            why = f"{state.get(run.state, run.state)}, begun {start[:16].replace('T', ' ')} UTC"
            if run.manifest.get("error"):
                why += f": {run.manifest['error']}"
            again = run_command(run, results)
            if kind == "anchors":
                again = anchor_command(run.label, dataset, None, results)
            lines.append(lack("run", subject, again, why))
    return lines


def _identity(run: Run) -> tuple[str, ...]:
    return (run.label, str(run.manifest.get("dataset")), str(run.manifest.get("model")), run.rates)


def lack(kind: str, subject: str, command: str = "", why: str = "") -> dict[str, str]:
    """What is missing, as the page shows it, with the command that adds it."""
    return {"kind": kind, "what": subject, "why": why, "command": command}


def _weights(study: Study) -> str:
    notes = dict.fromkeys(str(e.run.manifest.get("note", "")) for e in study.variants if e.run)
    return "; ".join(note.removeprefix("weights ") for note in notes if note)


def _rates(runs: Sequence[Run]) -> str:
    texts = dict.fromkeys(
        f"{'targets' if run.rates == 'target' else 'qualities'} "
        + ", ".join(
            f"{value:g}" for value in run.manifest.get("targets") or run.manifest.get("qualities") or ()
        )
        + (" bpp" if run.rates == "target" else "")
        for run in runs
        if run.manifest.get("targets") or run.manifest.get("qualities")
    )
    return "; ".join(texts)


def _dates(runs: Sequence[Run]) -> str:
    days = sorted(
        str(run.manifest[key])[:10] for run in runs for key in ("start", "end") if run.manifest.get(key)
    )
    return "" if not days else days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _software(runs: Sequence[Run]) -> str:
    versions: dict[str, list[str]] = {}
    for run in runs:
        for name in ("jpegai-bench", "torch", "python"):
            if value := (run.manifest.get("versions") or {}).get(name):
                versions.setdefault(name, []).append(str(value))
    return ", ".join(f"{name} {' and '.join(dict.fromkeys(values))}" for name, values in versions.items())
