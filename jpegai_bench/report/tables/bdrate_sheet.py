"""BD-rates of two files as a table for people, and what there is to say about it."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path, PurePath

from jpegai_bench.analysis.bdtable import BDTable
from jpegai_bench.analysis.rdpoints import RDPoints
from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.tables.sheets import Cell, Sheet, metric_label
from jpegai_bench.system.files import json_object
from jpegai_bench.system.wording import listed

_MOST_NAMES = 5
_DECIMALS = {metric.name: metric.decimals for metric in METRICS}


def bd_sheet(table: BDTable) -> Sheet:
    """A row per metric, then the mean of seven; NA with numbered reasons."""
    with_bd_metric = table.options.bd_metric
    rows: list[list[Cell | str]] = []
    for rate, bd_metric in zip_longest(table.rates, table.bd_metrics):
        cells = [*_interval(rate.bd_rate, table.reason(rate)), *_counts(*table.counts(rate), rate.overlap)]
        if bd_metric is not None:
            digits = _DECIMALS.get(rate.metric, "{:.4g}".format)
            cells += _interval(bd_metric.bd_rate, table.reason(bd_metric), digits)
        rows.append([metric_label(rate.metric), *cells])
    if table.average is not None:
        cells = [*_interval(table.average, table.average_reason), *_counts(*table.average_counts())]
        rows.append(["mean of 7", *cells, *(["", ""] if with_bd_metric else [])])
    return Sheet(
        f"{label(table.test)} against {label(table.anchor)}",
        [
            *("metric", "BD-rate, %", "95% interval", "images", "left\nout", "overlap"),
            *(["BD-metric", "95% interval"] if with_bd_metric else []),
        ],
        rows,
        _caption(table),
        [*problems(table), *_about_points(table)],
    )


def problems(table: BDTable) -> Iterator[str]:
    """What a reader of the numbers must know: images left out, metrics missing, what was put in its place."""
    yield from _left_out(table)
    if table.average is None and table.options.only is None:
        yield f"No mean of seven: {table.average_reason}."
    elif table.average is not None and table.hvs != table.options.hvs:
        yield "Mean of seven with psnr_hvs: psnr_hvs_m is not in both files."
    if table.anchor.path == table.test.path:
        yield f"{table.test.path} is compared with itself."
    for points in (table.anchor, table.test):
        if points.ignored:
            yield f"{points.path}: text, no metrics: {', '.join(points.ignored)}."
    yield from (f"{hint}." for hint in table.hints)


def label(points: RDPoints) -> str:
    """What a table or plot calls a file: its name, or of a run its folder."""
    path = PurePath(points.path)
    parts = path.parts[-3:-1] if path.name == "points.csv" else ()
    return "/".join(parts) or path.name


def described(points: RDPoints) -> str:
    """The label, and of a run what made it: codec, version, preset, chroma format."""
    path = Path(points.path)
    manifest = json_object(path.with_name("run.json")) if path.name == "points.csv" else None
    note = str(manifest.get("note", "")) if manifest else ""
    return f"{label(points)} ({note})" if note else label(points)


def _caption(table: BDTable) -> str:
    options = table.options
    interpolation = {
        "pchip": "PCHIP on log rate",
        "cubic": "VCEG-M33's cubic on log rate",
        "akima": "Akima on log rate",
    }[options.method]
    averaged = "of the mean curves" if options.curve == "mean" else "per image, mean over images"
    if table.anchor.one_curve and table.test.one_curve:
        averaged = "of one curve each"
    comparison = f"{interpolation}, {averaged}; negative is less rate at equal quality."
    caption = f"Anchor {described(table.anchor)}. {comparison}"
    if options.bd_metric:
        caption += " BD-metric: test less anchor at equal rate, in the metric's unit."
    if table.average is not None:
        caption += f" HVS in the mean of 7: {metric_label(f'psnr_{table.hvs}')}."
    return caption


def _about_points(table: BDTable) -> Iterator[str]:
    """Why there is no interval, where there is none; and the rates of the points that were used."""
    lows = [row.bd_rate.low for row in table.rates if row.images]
    if lows and all(map(math.isnan, lows)):
        one_curve = table.anchor.one_curve or table.test.one_curve
        yield f"No interval: {'a file is one curve' if one_curve else 'too few images, it needs five'}."
    (low, high), (test_low, test_high) = table.used
    if not math.isnan(low):
        limits = table.options.bpp_range
        within = f" within {limits[0]:g} to {limits[1]:g} bpp" if limits else ""
        yield (
            f"Rates of the points used{within}: {low:.4g} to {high:.4g} bpp (anchor), "
            f"{test_low:.4g} to {test_high:.4g} bpp (test)."
        )


def _left_out(table: BDTable) -> Iterator[str]:
    """Images that are missing from a number, by reason; a row of NA has its reasons itself."""
    where: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    rates = {row.metric: row for row in table.rates}
    for row in (*table.rates, *table.bd_metrics):
        rate = rates[row.metric]
        for reason, names in row.left_out.items() if row.images else ():
            if row is rate:
                where[reason, names].append(metric_label(row.metric))
            elif rate.left_out.get(reason) != names:
                where[reason, names].append(f"BD-metric of {metric_label(row.metric)}")
    compared = [row for row in table.rates if "metric missing" not in table.reason(row)]
    for (reason, names), metrics in where.items():
        of_metrics = "all metrics" if len(metrics) == len(compared) else ", ".join(metrics)
        yield f"Left out, {reason}: {listed(names, _MOST_NAMES)} ({of_metrics})."


def _interval(interval: Interval, reason: str, digits: int | Callable[[float], str] = 2) -> list[Cell | str]:
    """The mean, and its interval in a column of its own."""
    if math.isnan(interval.mean):
        return [Cell(math.nan, reason=reason), ""]
    return [Cell(interval.mean, digits), Cell(math.nan, digits, interval.low, interval.high)]


def _counts(images: int, left_out: int, overlap: float) -> list[Cell]:
    return [Cell(images, 0), Cell(left_out, 0), Cell(overlap, 3)]
