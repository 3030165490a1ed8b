"""A comparison of two codecs as tables for people, and as rows and columns for programs."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pandas as pd

from jpegai_bench.analysis.paired import MEAN, Comparison, Difference
from jpegai_bench.analysis.significance import Spread, welch
from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL, Interval
from jpegai_bench.report.gather.compare_inputs import Match, Side
from jpegai_bench.report.tables.sheets import TOO_FEW, Cell, Sheet, metric_label
from jpegai_bench.report.tables.verdict import figure, too_few
from jpegai_bench.system.wording import count, listed

_P = "{:.2g}".format


def comparison_sheet(comparison: Comparison, matched: Match, method: str) -> Sheet:
    """The seven metrics and their mean, then whatever else A, B and anchor have."""
    a, b = comparison.labels
    most = max((row.images for row in comparison.rows), default=0)
    intervals = TOO_FEW if most < FEWEST_FOR_INTERVAL else "with 95% bootstrap intervals"
    return Sheet(
        f"{b} against {a}{_where(matched)}",
        ["metric", f"{a}\nBD-rate, %", f"{b}\nBD-rate, %", "difference,\npoints", "p", "p by\nHolm", "images",
         f"{b} vs {a},\ndirectly, %"],
        [
            [
                _label(row.metric),
                *(Cell(spread.mean, figure, reason=row.reason) for spread in row.seeds),
                _cell(row.difference, row.reason),
                Cell(row.p_value, _P, reason=row.reason),
                Cell(row.p_adjusted, _P, reason=row.reason),
                Cell(row.images, 0),
                _cell(row.direct, row.reason or "no direct BD-rate"),
            ]
            for row in comparison.rows
        ],
        f"Difference: BD-rate of {b} less that of {a}, negative where "
        f"{b} is better. Means over images, {intervals}. p: Wilcoxon's signed-rank test, "
        "two-sided, over images. Holm: over those of the seven and their mean; over other metrics apart.",
        [*_left_out(comparison), *_notes(matched)],
        (_anchor(comparison, matched, method),),
    )  # fmt: skip


def seeds_sheet(comparison: Comparison, matched: Match, method: str) -> Sheet:
    """The spread over training seeds by metric, and Welch's test where A and B have several."""
    sides = [matched.a] if matched.one_variant else [matched.a, matched.b]
    tested = len(sides) == 2 and all(len(side.seeds) > 1 for side in sides)
    heads = [f"{side.contender.label},\n{count(len(side.seeds), 'seed')}" for side in sides]
    means = zip(sides, comparison.row(MEAN).seeds, strict=False)
    sheet = Sheet(
        f"{' and '.join(side.contender.label for side in sides)} over training seeds{_where(matched)}",
        ["metric", *heads, *(["difference,\npoints", "p (Welch)"] if tested else [])],
        [],
        "BD-rate in percent, mean ± standard deviation (n - 1) over seeds and their range, on the images "
        "that are valid in every training.",
        [*(_by_seed(side, spread) for side, spread in means), *_notes(matched)],
        (_anchor(comparison, matched, method),),
    )
    for row in comparison.rows:
        test = welch(*row.seeds)
        reason = row.reason if not tested or math.isnan(test.difference) else test.reason
        difference = Interval(test.difference, test.low, test.high)
        sheet.rows.append(
            [
                _label(row.metric),
                *(_spread(spread, reason) for spread in row.seeds[: len(sides)]),
                *([_cell(difference, reason), Cell(test.p_value, _P, reason=reason)] if tested else []),
            ]
        )
    return sheet


def as_frame(comparison: Comparison) -> pd.DataFrame:
    """One row per metric and one for their mean; BD-rates in percent, differences in points, NaN is NA.

    Columns: metric, difference, ci_low, ci_high, p_value, p_adjusted, images_used, images_left_out,
    direct_bd_rate, direct_ci_low, direct_ci_high, direct_images; then of A and of B, beginning with `a_` and
    `b_`, bd_rate, seeds and seed_deviation; then of Welch's test over seeds seed_ci_low, seed_ci_high and
    seed_p_value; reason, why something is NA, or else why images are left out and how many.
    """
    return pd.DataFrame([_record(row) for row in comparison.rows])


def spread_as_frame(comparison: Comparison) -> pd.DataFrame:
    """Over the training seeds of one variant, which is A and B: one row per metric and one for their mean.

    Columns: metric, seeds, bd_rate (their mean), deviation, lowest, highest, images_used, images_left_out,
    reason.
    """
    rows = []
    for row in comparison.rows:
        spread = row.seeds[0]
        rows.append(
            {
                "metric": row.metric,
                "seeds": len(spread.values),
                "bd_rate": spread.mean,
                "deviation": spread.deviation,
                "lowest": min(spread.values, default=math.nan),
                "highest": max(spread.values, default=math.nan),
                "images_used": row.images,
                "images_left_out": sum(map(len, row.left_out.values())),
                "reason": row.reason if not row.images else "one training" if len(spread.values) < 2 else "",
            }
        )
    return pd.DataFrame(rows)


def as_json(about: dict[str, Any], frame: pd.DataFrame, comparison: Comparison) -> str:
    """An object: `about`, then the rows as `metrics`; NA is null.

    Each row has the BD-rates of all seeds besides, and by reason the images that are left out.
    """
    records = json.loads(frame.to_json(orient="records", double_precision=15))
    for record, row in zip(records, comparison.rows, strict=True):
        record["a_seed_bd_rates"], record["b_seed_bd_rates"] = (list(spread.values) for spread in row.seeds)
        record["left_out"] = {reason: list(images) for reason, images in row.left_out.items()}
    return json.dumps({**about, "metrics": records}, indent=1, ensure_ascii=False)


def _record(row: Difference) -> dict[str, Any]:
    (a, b), test = row.seeds, welch(*row.seeds)
    left_out = (f"{reason} ({len(images)})" for reason, images in row.left_out.items())  # as `bdrate` has it
    return {
        "metric": row.metric,
        "difference": row.difference.mean,
        "ci_low": row.difference.low,
        "ci_high": row.difference.high,
        "p_value": row.p_value,
        "p_adjusted": row.p_adjusted,
        "images_used": row.images,
        "images_left_out": sum(map(len, row.left_out.values())),
        "direct_bd_rate": row.direct.mean,
        "direct_ci_low": row.direct.low,
        "direct_ci_high": row.direct.high,
        "direct_images": row.direct_images,
        "a_bd_rate": a.mean,
        "a_seeds": len(a.values),
        "a_seed_deviation": a.deviation,
        "b_bd_rate": b.mean,
        "b_seeds": len(b.values),
        "b_seed_deviation": b.deviation,
        "seed_ci_low": test.low,
        "seed_ci_high": test.high,
        "seed_p_value": test.p_value,
        "reason": row.reason or "; ".join(filter(None, (too_few(row), *left_out))),
    }


def _by_seed(side: Side, spread: Spread) -> str:
    by_seed = ", ".join(
        f"{figure(value)}{f' (seed {seed})' if seed else ''}"
        for seed, value in zip(side.seeds, spread.values, strict=False)
    )
    return f"Mean of 7 of {side.contender.label}: {by_seed or 'NA'}."


def _label(metric: str) -> str:
    return "mean of 7" if metric == MEAN else metric_label(metric)


def _where(matched: Match) -> str:
    rates = "target rates" if matched.rates == "target" else ""
    parts = [matched.dataset, f"model {matched.model}" if matched.model else "", rates]
    return "".join(f", {name}" for name in parts if name)


def _anchor(comparison: Comparison, matched: Match, method: str) -> str:
    hvs = next(metric_label(name) for name in comparison.seven if "hvs" in name)
    hvs += ", since PSNR-HVS-M is not in the points of all" if comparison.hvs_replaced else ""
    return f"Anchor {matched.anchor_described}; {method.upper()} on log rate. HVS in the mean of 7: {hvs}."


def _notes(matched: Match) -> list[str]:
    return [f"Note: {note}." for note in dict.fromkeys((*matched.a.notes, *matched.b.notes))]


def _left_out(comparison: Comparison) -> Iterator[str]:
    """Images that are not used, by reason."""
    where: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for row in comparison.rows:
        for reason, images in row.left_out.items():
            where[reason, images].append(_label(row.metric))
    for (reason, images), metrics in where.items():
        of_metrics = "all metrics" if len(metrics) == len(comparison.rows) else ", ".join(metrics)
        yield f"Left out of {of_metrics}, {reason}: {listed(images, 4)}."


def _cell(value: Interval, reason: str) -> Cell:
    return Cell(value.mean, figure, value.low, value.high, reason=reason)


def _spread(spread: Spread, reason: str) -> Cell:
    if len(spread.values) < 2:
        return Cell(spread.mean, figure, reason=reason)
    return Cell(spread.mean, figure, min(spread.values), max(spread.values), spread.deviation)
