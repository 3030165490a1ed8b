"""A cell of a table: a number until a renderer writes it, with its interval; or NA with its reason."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "–"
"""There can be no figure, as of kMACs/pixel of a codec that is no network."""
NOT_TIMED = "not timed on an idle machine"
"""Why there are no seconds: what was timed beside other work counts for nothing."""


@dataclass(frozen=True)
class Cell:
    """A number; NaN is NA. With a NaN that has an interval it is the interval alone."""

    value: float
    digits: int | Callable[[float], str] = 1
    """Digits after the point, or how such a number is written."""
    low: float = math.nan
    high: float = math.nan
    deviation: float = math.nan
    reason: str = ""
    """Why it is NA."""

    @property
    def is_na(self) -> bool:
        """Whether there is nothing to write."""
        return math.isnan(self.value) and math.isnan(self.low)

    def lines(self, reasons: Sequence[str]) -> tuple[str, str]:
        """The figure, or NA with the number of its reason, and the interval below it where there is one."""
        if self.is_na:
            return f"NA ({reasons.index(self.reason) + 1})" if self.reason else "NA", ""
        interval = "" if math.isnan(self.low) else f"{self._formatted(self.low)}…{self._formatted(self.high)}"
        if math.isnan(self.value):
            return interval, ""
        spread = "" if math.isnan(self.deviation) else f" ± {self._formatted(self.deviation)}"
        return f"{self._formatted(self.value)}{spread}", interval

    def _formatted(self, value: float) -> str:
        if callable(self.digits):
            return self.digits(value)
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"  # no minus before zero


def bd_rate(row: dict[str, Any], name: str, digits: int = 1) -> Cell:
    """A BD-rate of a row of `Tables.results` with its interval."""
    value, low, high = (row[f"{name}_{part}"] for part in ("bd_rate", "ci_low", "ci_high"))
    return Cell(value, digits, low, high, reason=row[f"{name}_reason"])


def image_count(row: dict[str, Any]) -> str:
    """Fewest and most images in the means of the seven."""
    fewest, most = row["images_fewest"], row["images_most"]
    return f"{most}" if fewest == most else f"{fewest}-{most}"
