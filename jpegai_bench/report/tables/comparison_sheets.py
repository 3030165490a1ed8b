"""A comparison of two codecs as tables for people."""

import math
from collections import defaultdict

from jpegai_bench.analysis.paired import MEAN, Comparison
from jpegai_bench.analysis.significance import Spread, welch
from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL, Interval
from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.compare_inputs import Match, Side
from jpegai_bench.report.tables.sheets import Sheet
from jpegai_bench.report.tables.verdict import figure, range_text

_LABELS = {metric.name: metric.label for metric in METRICS}


def comparison_sheet(comparison: Comparison, found: Match, method: str) -> Sheet:
    """The seven metrics and their mean, then whatever else A, B and anchor have."""
    a, b = comparison.labels
    sheet = Sheet(
        f"{b} against {a}{_where(found)}",
        ["metric", f"{a}\nBD-rate, %", f"{b}\nBD-rate, %", "difference,\npoints", "p", "p by\nHolm", "images",
         f"{b} vs {a},\ndirectly, %"],
        [],
        f"{_anchor(comparison, found, method)} Difference: BD-rate of {b} less that of {a}, negative where "
        f"{b} is better. Means over images, {_intervals(comparison)}. p: Wilcoxon's signed-rank test, "
        "two-sided, over images. Holm: over the seven and their mean; over other metrics apart.",
    )  # fmt: skip
    for row in comparison.rows:
        sheet.rows.append(
            [
                _label(row.metric),
                *(_cell(sheet, figure(spread.mean), row.reason) for spread in row.seeds),
                _cell(sheet, _with_interval(row.difference), row.reason),
                _cell(sheet, _p(row.p_value), row.reason),
                _cell(sheet, _p(row.p_adjusted), row.reason),
                str(row.images),
                _cell(sheet, _with_interval(row.direct), row.reason or "no direct BD-rate"),
            ]
        )
    sheet.notes = [*_left_out(comparison), *_notes(found)]
    return sheet


def seeds_sheet(comparison: Comparison, found: Match, method: str) -> Sheet:
    """The spread over training seeds by metric, and Welch's test where A and B have several."""
    sides = [found.a] if found.one_variant else [found.a, found.b]
    several = [len(side.seeds) > 1 for side in sides]
    tested = len(sides) == 2 and all(several)
    heads = [
        f"{side.contender.label},\n{len(side.seeds)} seed{'s' if many else ''}"
        for side, many in zip(sides, several, strict=True)
    ]
    sheet = Sheet(
        f"{' and '.join(side.contender.label for side in sides)} over training seeds{_where(found)}",
        ["metric", *heads, *(["difference,\npoints", "p (Welch)"] if tested else [])],
        [],
        f"{_anchor(comparison, found, method)} BD-rate in percent, mean ± standard deviation (n - 1) over "
        "seeds and their range, on the images that are valid in every training.",
        notes=[_by_seed(side, comparison.row(MEAN).seeds[place]) for place, side in enumerate(sides)],
    )
    for row in comparison.rows:
        cells = [_spread(row.seeds[place]) for place in range(len(sides))]
        if tested:
            test = welch(*row.seeds)
            cells += [_with_interval(Interval(test.difference, test.low, test.high)), _p(test.p_value)]
            reason = row.reason if math.isnan(test.difference) else test.reason
        else:
            reason = row.reason
        sheet.rows.append([_label(row.metric), *(_cell(sheet, cell, reason) for cell in cells)])
    sheet.notes += _notes(found)
    return sheet


def _by_seed(side: Side, spread: Spread) -> str:
    told = ", ".join(
        f"{figure(value)}{f' (seed {seed})' if seed else ''}"
        for seed, value in zip(side.seeds, spread.values, strict=False)
    )
    return f"Mean of 7 of {side.contender.label}: {told or 'NA'}."


def _label(metric: str) -> str:
    return "mean of 7" if metric == MEAN else _LABELS.get(metric, metric)


def _where(found: Match) -> str:
    rates = "target rates" if found.rates == "target" else ""
    named = [found.dataset, f"model {found.model}" if found.model else "", rates]
    return "".join(f", {name}" for name in named if name)


def _anchor(comparison: Comparison, found: Match, method: str) -> str:
    hvs = next(_LABELS[name] for name in comparison.seven if "hvs" in name)
    hvs += ", since PSNR-HVS-M is not in the points of all" if comparison.hvs_replaced else ""
    return f"Anchor {found.anchor_described}; {method.upper()} on log rate. HVS in the mean of 7: {hvs}."


def _notes(found: Match) -> list[str]:
    return [f"Note: {note}." for note in dict.fromkeys((*found.a.notes, *found.b.notes))]


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
        named = ", ".join(images[:4]) + (f" and {len(images) - 4} more" if len(images) > 4 else "")
        by = "all metrics" if len(metrics) == len(comparison.rows) else ", ".join(metrics)
        lines.append(f"Left out of {by}, {reason}: {named}.")
    return lines


def _cell(sheet: Sheet, text: str, reason: str) -> str:
    """The text, or NA with the number of its reason."""
    if text != "NA":
        return text
    if reason not in sheet.reasons:
        sheet.reasons.append(reason)
    return f"NA ({sheet.reasons.index(reason) + 1})"


def _with_interval(value: Interval) -> str:
    interval = range_text(value)
    return figure(value.mean) + (f"\n{interval}" if interval else "")


def _p(p_value: float) -> str:
    return "NA" if math.isnan(p_value) else f"{p_value:.2g}"


def _spread(spread: Spread) -> str:
    if len(spread.values) < 2:
        return figure(spread.mean)
    return (
        f"{figure(spread.mean)} ± {figure(spread.deviation)}\n"
        f"{figure(min(spread.values))}…{figure(max(spread.values))}"
    )
