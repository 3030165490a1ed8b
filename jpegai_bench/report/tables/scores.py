"""Scores of pairs as people read them: one pair as a list, many as a table with their mean."""

import math
from collections.abc import Sequence
from statistics import fmean

from jpegai_bench.analysis.pairs import Measured
from jpegai_bench.metrics.catalogue import METRICS, Metric, average_of
from jpegai_bench.report.tables.sheets import Cell, Sheet

BESIDE_NAMES = (*average_of(), "psnr_hvs", "psnr_y")
"""The metrics that fit on a terminal beside names of common length."""


def as_list(measured: Measured, title: str) -> Sheet:
    """One pair, a metric a line."""
    names = list(measured.values)
    return Sheet(
        f"{title}, {measured.width}x{measured.height}",
        ["metric", "value", "unit"],
        [[metric.label, _cell(measured, metric), metric.unit] for metric in _metrics(names)],
        _direction(names),
    )


def as_table(pairs: Sequence[Measured], names: Sequence[str], title: str) -> Sheet:
    """A line a pair, and the mean; `names` are the metrics to show, each of which was measured."""
    metrics = _metrics(names)
    labels = [metric.label for metric in metrics]
    if len(labels) > len(BESIDE_NAMES):
        labels = [label.replace("PSNR-", "PSNR\n") for label in labels]
    rows: list[list[Cell | str]]
    rows = [[measured.pair.name, *(_cell(measured, metric) for metric in metrics)] for measured in pairs]
    sheet = Sheet(title, ["image", *labels], rows, _direction(names))
    if len(pairs) > 1:
        sheet.rows.append([f"mean of {len(pairs)}", *(_mean(sheet, pairs, metric) for metric in metrics)])
    return sheet


def _mean(sheet: Sheet, pairs: Sequence[Measured], metric: Metric) -> Cell:
    values = [measured.values[metric.name] for measured in pairs]
    numbers = [value for value in values if not math.isnan(value)]
    if len(numbers) < len(values):
        sheet.notes.append(
            f"{metric.label}: {len(numbers)} of {len(values)} pairs have it and enter the mean."
        )
    return Cell(fmean(numbers) if numbers else math.nan, metric.decimals)


def _cell(measured: Measured, metric: Metric) -> Cell:
    return Cell(measured.values[metric.name], metric.decimals, reason=measured.reasons.get(metric.name, ""))


def _metrics(names: Sequence[str]) -> list[Metric]:
    return [metric for metric in METRICS if metric.name in names]


def _direction(names: Sequence[str]) -> str:
    lower = [metric.label for metric in _metrics(names) if not metric.higher_is_better]
    if not lower:
        return "Higher is better."
    return "Lower is better." if len(lower) == len(names) else f"Higher is better; lower for {lower[0]}."
