"""A comparison of two codecs as tables for people."""

import math
from collections import defaultdict

from jpegai_bench.analysis.paired import MEAN, Comparison
from jpegai_bench.analysis.significance import Spread, welch
from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL, Interval
from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.compare_inputs import Match, Side
from jpegai_bench.report.tables.cells import Cell
from jpegai_bench.report.tables.sheets import Sheet
from jpegai_bench.report.tables.verdict import figure
from jpegai_bench.system.wording import count

_P = "{:.2g}".format
_LABELS = {metric.name: metric.label for metric in METRICS}


def comparison_sheet(comparison: Comparison, matched: Match, method: str) -> Sheet:
    """The seven metrics and their mean, then whatever else A, B and anchor have."""
    a, b = comparison.labels
    sheet = Sheet(
        f"{b} against {a}{_where(matched)}",
        ["metric", f"{a}\nBD-rate, %", f"{b}\nBD-rate, %", "difference,\npoints", "p", "p by\nHolm", "images",
         f"{b} vs {a},\ndirectly, %"],
        [],
        f"Difference: BD-rate of {b} less that of {a}, negative where "
        f"{b} is better. Means over images, {_intervals(comparison)}. p: Wilcoxon's signed-rank test, "
        "two-sided, over images. Holm: over those of the seven and their mean; over other metrics apart.",
        common=(_anchor(comparison, matched, method),),
    )  # fmt: skip
    for row in comparison.rows:
        sheet.rows.append(
            [
                _label(row.metric),
                *(Cell(spread.mean, figure, reason=row.reason) for spread in row.seeds),
                _cell(row.difference, row.reason),
                Cell(row.p_value, _P, reason=row.reason),
                Cell(row.p_adjusted, _P, reason=row.reason),
                Cell(row.images, 0),
                _cell(row.direct, row.reason or "no direct BD-rate"),
            ]
        )
    sheet.notes = [*_left_out(comparison), *_notes(matched)]
    return sheet


def seeds_sheet(comparison: Comparison, matched: Match, method: str) -> Sheet:
    """The spread over training seeds by metric, and Welch's test where A and B have several."""
    sides = [matched.a] if matched.one_variant else [matched.a, matched.b]
    several = [len(side.seeds) > 1 for side in sides]
    tested = len(sides) == 2 and all(several)
    heads = [f"{side.contender.label},\n{count(len(side.seeds), 'seed')}" for side in sides]
    sheet = Sheet(
        f"{' and '.join(side.contender.label for side in sides)} over training seeds{_where(matched)}",
        ["metric", *heads, *(["difference,\npoints", "p (Welch)"] if tested else [])],
        [],
        "BD-rate in percent, mean ± standard deviation (n - 1) over seeds and their range, on the images "
        "that are valid in every training.",
        common=(_anchor(comparison, matched, method),),
        notes=[_by_seed(side, comparison.row(MEAN).seeds[place]) for place, side in enumerate(sides)],
    )
    for row in comparison.rows:
        test = welch(*row.seeds)
        reason = row.reason if not tested or math.isnan(test.difference) else test.reason
        cells = [_spread(row.seeds[place], reason) for place in range(len(sides))]
        if tested:
            cells.append(_cell(Interval(test.difference, test.low, test.high), reason))
            cells.append(Cell(test.p_value, _P, reason=reason))
        sheet.rows.append([_label(row.metric), *cells])
    sheet.notes += _notes(matched)
    return sheet


def _by_seed(side: Side, spread: Spread) -> str:
    listed = ", ".join(
        f"{figure(value)}{f' (seed {seed})' if seed else ''}"
        for seed, value in zip(side.seeds, spread.values, strict=False)
    )
    return f"Mean of 7 of {side.contender.label}: {listed or 'NA'}."


def _label(metric: str) -> str:
    return "mean of 7" if metric == MEAN else _LABELS.get(metric, metric)


def _where(matched: Match) -> str:
    rates = "target rates" if matched.rates == "target" else ""
    parts = [matched.dataset, f"model {matched.model}" if matched.model else "", rates]
    return "".join(f", {name}" for name in parts if name)


def _anchor(comparison: Comparison, matched: Match, method: str) -> str:
    hvs = next(_LABELS[name] for name in comparison.seven if "hvs" in name)
    hvs += ", since PSNR-HVS-M is not in the points of all" if comparison.hvs_replaced else ""
    return f"Anchor {matched.anchor_described}; {method.upper()} on log rate. HVS in the mean of 7: {hvs}."


def _notes(matched: Match) -> list[str]:
    return [f"Note: {note}." for note in dict.fromkeys((*matched.a.notes, *matched.b.notes))]


def _intervals(comparison: Comparison) -> str:
    if max((row.images for row in comparison.rows), default=0) < FEWEST_FOR_INTERVAL:
        return f"too few for 95% intervals, which take {FEWEST_FOR_INTERVAL}"
    return "with 95% bootstrap intervals"


def _left_out(comparison: Comparison) -> list[str]:
    """Images that are not used, by reason."""
    where: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for row in comparison.rows:
        for reason, images in row.left_out.items():
            where[reason, images].append(_label(row.metric))
    lines = []
    for (reason, images), metrics in where.items():
        listed = ", ".join(images[:4]) + (f" and {len(images) - 4} more" if len(images) > 4 else "")
        by = "all metrics" if len(metrics) == len(comparison.rows) else ", ".join(metrics)
        lines.append(f"Left out of {by}, {reason}: {listed}.")
    return lines


def _cell(value: Interval, reason: str) -> Cell:
    return Cell(value.mean, figure, value.low, value.high, reason=reason)


def _spread(spread: Spread, reason: str) -> Cell:
    if len(spread.values) < 2:
        return Cell(spread.mean, figure, reason=reason)
    return Cell(spread.mean, figure, min(spread.values), max(spread.values), spread.deviation)
