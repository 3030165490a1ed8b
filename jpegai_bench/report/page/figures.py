"""One study as plain data: all that the page shows of it but the pictures."""

import math
from typing import Any

import pandas as pd

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.metrics.catalogue import METRICS, average_of
from jpegai_bench.report.gather.reproduce import latency_command
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.page.appearance import OTHER_PARTS, PARTS, appearance
from jpegai_bench.report.page.curves import curves_of
from jpegai_bench.report.page.paper import paper_figures
from jpegai_bench.report.tables.results import Tables
from jpegai_bench.report.tables.study_sheets import sheets

SEVEN = "mean"
"""The metric's name of the mean of seven."""


def figures(tables: Tables, images: list[str], results: str, experiment: Experiment) -> dict[str, Any]:
    """Tables, curves, complexity; every number at full precision, NA as None with its reason.

    The figures of the experiment's paper stand beside.
    """
    study = tables.study
    return {
        "dataset": study.dataset,
        "hvs": study.hvs,
        "method": study.method.upper(),
        "base": study.base,
        "images": images,
        "anchors": list(study.anchors),
        "entries": [_entry(study, entry) for entry in study.entries],
        "metrics": _metrics(study),
        "no_mean": study.no_mean,
        "results": _records(tables.results),
        "per_image": _per_image(tables),
        "paper": _paper(study, experiment),
        "untimed": {e.label: latency_command(e.run, results) for e in study.variants if e.run},
        "notes": _notes(tables),
        "parts": _parts(study),
        **curves_of(study, images),
    }


def _entry(study: Study, entry: Entry) -> dict[str, Any]:
    return {
        "label": entry.label,
        "name": entry.name,
        "kind": entry.kind,
        "role": _role(study, entry),
        "described": entry.described,
        "style": appearance(study, entry.label),
    }


def _role(study: Study, entry: Entry) -> str:
    if entry.kind == "variant":
        return "variant"
    return "anchor" if entry.label in study.anchors else "peer"


def _metrics(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "name": metric.name,
            "label": metric.label,
            "unit": metric.unit,
            "higher": metric.higher_is_better,
            "decimals": metric.decimals,
            "shown": metric.name in study.shown,
        }
        for metric in METRICS
        if metric.name in study.asked
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[Any, Any]] = frame.to_dict("records")
    return [{str(key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _per_image(tables: Tables) -> list[dict[str, Any]]:
    """As in `per_image.csv`, and for each anchor, variant and image the mean of the seven."""
    rows = _records(tables.per_image)
    seven = average_of(tables.study.hvs)
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["metric"] in seven:
            groups.setdefault((row["anchor"], row["variant"], row["image"]), []).append(row)
    for (anchor, variant, image), group in groups.items() if not tables.study.no_mean else ():
        absent = [row for row in group if row["bd_rate"] is None]
        value = None if absent else math.fsum(row["bd_rate"] for row in group) / len(group)
        reason = "; ".join(dict.fromkeys(f"{row['metric']}: {row['reason']}" for row in absent))
        average = {"bd_rate": value, "reason": reason}
        rows.append({"anchor": anchor, "variant": variant, "image": image, "metric": SEVEN, **average})
    return [
        {key: row[key] for key in ("anchor", "variant", "image", "metric", "bd_rate", "reason")}
        for row in rows
    ]


def _paper(study: Study, experiment: Experiment) -> dict[str, Any]:
    """The paper's figures of the variants here; kMACs/pixel where the model is the paper's."""
    labels = [entry.label for entry in study.variants]
    by_label = {
        label: dict(figures) for label, figures in paper_figures(experiment).items() if label in labels
    }
    for label, figures in by_label.items():
        if study.entry(label).model != "paper":
            figures.pop("published_kmacs_px", None)
    return by_label


def _notes(tables: Tables) -> list[str]:
    """What stands below the tables of a terminal, each once, but for what describes the peers."""
    notes = dict.fromkeys(note for sheet in sheets(tables) for note in sheet.notes)
    return [note for note in notes if not note.startswith("Codecs: ")]


def _parts(study: Study) -> dict[str, Any]:
    """kMACs/pixel of the luma synthesis by part, variant and counting."""
    detail = {e.label: ((e.complexity or {}).get("detail") or {}).get("luma") or {} for e in study.variants}
    names = list(dict.fromkeys(part for parts in detail.values() for part in parts))
    known = [name for name in PARTS if name in names]
    other_names = [name for name in names if name not in PARTS]
    colours = PARTS | {name: OTHER_PARTS[at % len(OTHER_PARTS)] for at, name in enumerate(other_names)}
    return {
        "names": [*known, *other_names],
        "colours": {name: colours[name] for name in names},
        "kmacs": {
            label: {part: {counting: counts.get(counting) for counting in ("published", "input_size", "all")}
                    for part, counts in parts.items()}
            for label, parts in detail.items()
        },
    }  # fmt: skip
