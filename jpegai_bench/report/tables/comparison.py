"""A comparison of two codecs as rows and columns for programs."""

import json
import math
from typing import Any

import pandas as pd

from jpegai_bench.analysis.paired import Comparison, Difference
from jpegai_bench.analysis.significance import welch
from jpegai_bench.report.tables.verdict import too_few


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
                "reason": spread_reason(row),
            }
        )
    return pd.DataFrame(rows)


def spread_reason(row: Difference) -> str:
    """Why there is no spread over the seeds of A; empty where there is one."""
    if not row.images:
        return row.reason
    return "one training" if len(row.seeds[0].values) < 2 else ""


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
        "reason": row.reason or "; ".join(filter(None, (too_few(row), _left_out(row)))),
    }


def _left_out(row: Difference) -> str:
    """As in the tables of `bdrate`."""
    return "; ".join(f"{reason} ({len(images)})" for reason, images in row.left_out.items())
