"""The figures of the VCIP 2023 paper, by variant, as they stand in gray beside one's own."""

import csv
from importlib.resources import files
from typing import Any

_COLUMNS = {
    "decoder complexity": "published_kmacs_px",
    "BD-rate against VVC (mean of seven metrics)": "mean_bd_rate",
    "BD-rate against base": "vs_base_bd_rate",
}
_STUDIES = {"attention": ("attention_cs", "attention_ds")}
"""The paper's figures of its attention study are not said to be of the one way or the other."""


def paper_figures() -> dict[str, dict[str, dict[str, Any]]]:
    """By variant and column of the results: value, and where it stands in the paper; the first place counts.

    `mean_bd_rate` is against VVC, `published_kmacs_px` of the paper's model.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    text = (files("jpegai_bench") / "experiments/vcip2023/paper.csv").read_text()
    for row in csv.DictReader(text.splitlines()):
        column = _COLUMNS.get(row["quantity"])
        if column is None:
            continue
        study = row["variant"] if row["variant"] in _STUDIES else ""
        where = f"VCIP 2023, {row['where']}{f', {study} study as a whole' if study else ''}"
        for variant in _STUDIES.get(study, (row["variant"],)):
            found.setdefault(variant, {}).setdefault(column, {"value": float(row["value"]), "where": where})
    return found
