"""Cells of the tables that people read: a value with its interval, NA with the number of its reason."""

import math
from typing import Any

from jpegai_bench.report.tables.sheets import Sheet

NONE = "–"
"""There can be no figure, as of kMACs/pixel of a codec that is no network."""


def bd_rate(sheet: Sheet, row: dict[str, Any], name: str, digits: int = 1) -> str:
    """A BD-rate of a row of `Tables.results`, and under it the interval."""
    value, low, high = (row[f"{name}_{part}"] for part in ("bd_rate", "ci_low", "ci_high"))
    if math.isnan(value):
        return na(sheet, row[f"{name}_reason"])
    if math.isnan(low):
        return number(value, digits)
    return f"{number(value, digits)}\n{number(low, digits)}…{number(high, digits)}"


def na(sheet: Sheet, reason: str) -> str:
    """NA, the reason below the table."""
    if reason not in sheet.reasons:
        sheet.reasons.append(reason)
    return f"NA ({sheet.reasons.index(reason) + 1})"


def figure(sheet: Sheet, value: float, digits: int = 1, reason: str = "complexity not counted") -> str:
    """A number, or NA where it is NaN."""
    return na(sheet, reason) if math.isnan(value) else number(value, digits)


def image_count(row: dict[str, Any]) -> str:
    """Fewest and most images in the means of the seven."""
    fewest, most = row["images_fewest"], row["images_most"]
    return f"{most}" if fewest == most else f"{fewest}-{most}"


def number(value: float, digits: int = 1) -> str:
    """Without a minus before zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
