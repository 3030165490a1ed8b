"""One study as plain data: all that the page shows of it but the pictures."""

import math
from collections import defaultdict
from itertools import cycle
from typing import Any

import pandas as pd

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.metrics.catalogue import METRICS, average_of
from jpegai_bench.report.gather.part_counts import COUNTINGS
from jpegai_bench.report.gather.published_figures import Figure, PublishedFigures, published_figures
from jpegai_bench.report.gather.reproduce import latency_command
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.page.appearance import OTHER_PARTS, PARTS, appearance
from jpegai_bench.report.page.curves import curves_of, plain
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
        "paper": paper_figures(study, experiment),
        "untimed": {e.label: latency_command(e.run, results) for e in study.variants if e.run},
        "notes": _notes(tables),
        "parts": _parts(study),
        **curves_of(study, images),
    }


def _entry(study: Study, entry: Entry) -> dict[str, Any]:
    role = "anchor" if entry.label in study.anchors else "peer"
    return {
        "label": entry.label,
        "name": entry.name,
        "kind": entry.kind,
        "role": "variant" if entry.kind == "variant" else role,
        "described": entry.described,
        "style": appearance(study, entry.label),
    }


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
    return [{str(k): plain(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def _per_image(tables: Tables) -> list[dict[str, Any]]:
    """As in `per_image.csv`, and for each anchor, variant and image the mean of the seven."""
    rows = _records(tables.per_image)
    seven = average_of(tables.study.hvs)
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["metric"] in seven:
            groups[row["anchor"], row["variant"], row["image"]].append(row)
    for (anchor, variant, image), group in groups.items() if not tables.study.no_mean else ():
        absent = [row for row in group if row["bd_rate"] is None]
        value = None if absent else math.fsum(row["bd_rate"] for row in group) / len(group)
        reason = "; ".join(dict.fromkeys(f"{row['metric']}: {row['reason']}" for row in absent))
        average = {"bd_rate": value, "reason": reason}
        rows.append({"anchor": anchor, "variant": variant, "image": image, "metric": SEVEN, **average})
    shown = ("anchor", "variant", "image", "metric", "bd_rate", "reason")
    return [{key: row[key] for key in shown} for row in rows]


def paper_figures(study: Study, experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """By variant and column of the results: value, and where it stands in the paper; the first place counts.

    `mean_bd_rate` is against the paper's anchor; `published_kmacs_px` is there where the model is the
    paper's. Where the paper gives a figure of a study as a whole, each of its variants has it, and says so.
    """
    figures = published_figures(experiment)
    models = {entry.label: entry.model for entry in study.variants}
    by_variant: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for ablation in experiment.studies:
        of_all = (figures.of_study(ablation.name), f", {ablation.title.lower()} study as a whole")
        for variant in (label for label in ablation.variants if label in models):
            own = (figures.of_variant(variant), "")
            for quoted, suffix in [own] if variant == experiment.reference else [own, of_all]:
                for column, figure in _first_by_column(quoted).items():
                    where = f"{experiment.title}, {figure.where}{suffix}"
                    by_variant[variant].setdefault(column, {"value": figure.value, "where": where})
    for variant, by_column in by_variant.items():
        if models[variant] != "paper":
            by_column.pop("published_kmacs_px", None)
    return by_variant


def _first_by_column(figures: PublishedFigures) -> dict[str, Figure]:
    by_result_column = {
        "published_kmacs_px": figures.kmacs,
        "mean_bd_rate": figures.bd_rates,
        "vs_base_bd_rate": figures.bd_rates_to_reference,
    }
    return {column: quoted[0] for column, quoted in by_result_column.items() if quoted}


def _notes(tables: Tables) -> list[str]:
    """What stands below the tables of a terminal, each once, but for what describes the peers."""
    notes = dict.fromkeys(note for sheet in sheets(tables) for note in sheet.notes)
    return [note for note in notes if not note.startswith("Codecs: ")]


def _parts(study: Study) -> dict[str, Any]:
    """kMACs/pixel of the luma synthesis by part, variant and counting."""
    detail = {e.label: ((e.complexity or {}).get("detail") or {}).get("luma") or {} for e in study.variants}
    names = list(dict.fromkeys(part for parts in detail.values() for part in parts))
    others = [name for name in names if name not in PARTS]
    colours = PARTS | dict(zip(others, cycle(OTHER_PARTS), strict=False))
    return {
        "names": [*(name for name in PARTS if name in names), *others],
        "colours": {name: colours[name] for name in names},
        "kmacs": {
            label: {part: {counting: counts.get(counting) for counting in COUNTINGS}
                    for part, counts in parts.items()}
            for label, parts in detail.items()
        },
    }  # fmt: skip
