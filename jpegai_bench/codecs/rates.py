"""What an evaluation codes at: qualities of the codec's own, or target rates, which it may not reach."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from jpegai_bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

TARGETS = (0.06, 0.12, 0.25, 0.5, 0.75)
"""The target rates of JPEG AI's test conditions, in bpp."""
REACHED_WITHIN = 0.02
"""A target counts as reached by a rate that differs by no more than this share of it."""
WANTED_BPP = 0.5
"""The rate that codecs are timed near, where no quality is asked for."""

Kind = Literal["quality", "target"]
KINDS: tuple[Kind, ...] = ("quality", "target")


@dataclass(frozen=True)
class Rates:
    """The rates of an evaluation, rising and each once."""

    kind: Kind
    values: tuple[float, ...]
    """Qualities on the codec's own scale, or targets in bpp."""

    def content(self) -> Any:
        """What names them in a key."""
        return list(self.values) if self.kind == "quality" else {"target_bpp": list(self.values)}


def of_qualities(qualities: Sequence[float]) -> Rates:
    """Qualities on a codec's own scale."""
    return Rates("quality", tuple(sorted({float(quality) for quality in qualities})))


def learned_qualities(
    given: Sequence[float] | None, highest: int, model: str, setting: str = "qualities"
) -> Rates:
    """The qualities of a learned codec that codes at 0 to `highest`: those given, else each whole one.

    `setting` gave them.

    Raises:
        UsageError: one is out of range, or there are none.
    """
    qualities = range(highest + 1) if given is None else given
    for quality in qualities:
        if not 0 <= quality <= highest:
            raise UsageError(f"{setting}: {quality:g} is out of range; model {model} has 0 to {highest}")
    if not qualities:
        raise UsageError("qualities: give at least one")
    return of_qualities(qualities)


def of_targets(given: Sequence[float] | None) -> Rates:
    """Target rates in bpp: those given, else `TARGETS`.

    Raises:
        UsageError: one is not positive and finite, or there are none.
    """
    targets = TARGETS if given is None else given
    for target in targets:
        check_target("targets", target)
    if not targets:
        raise UsageError("targets: give at least one rate in bpp, as [0.25]")
    return Rates("target", tuple(sorted({float(target) for target in targets})))


def check_target(setting: str, target: float) -> None:
    """Raises UsageError: a target rate is not positive and finite; `setting` names it."""
    if not 0 < target < math.inf:
        raise UsageError(f"{setting}: {target:g} is no rate; give bits per pixel above 0, as 0.25")


def is_reached(bpp: float, target: float) -> bool:
    """Whether a rate is within `REACHED_WITHIN` of a target, both in bpp."""
    return abs(bpp - target) <= REACHED_WITHIN * target


def out_of_reach(points: "pd.DataFrame") -> list[dict[str, Any]]:
    """The points that miss their target, as plain data: image, target_bpp, quality, bpp.

    Of points without a target there are none.
    """
    if "target_bpp" not in points:
        return []
    aimed = points[points["target_bpp"].notna()]
    rows: list[Any] = aimed[["image", "target_bpp", "quality", "bpp"]].to_dict("records")
    return [row for row in rows if not is_reached(row["bpp"], row["target_bpp"])]


def coded_once(points: "pd.DataFrame") -> "pd.DataFrame":
    """Each coded point once, as a curve needs it: two targets out of reach may share the nearest one."""
    if "target_bpp" not in points:
        return points
    again = points.duplicated(["image", "quality"]) & points["target_bpp"].notna()
    return points[~again]


def nearest_quality(
    qualities: Sequence[float], rate_of: Callable[[float], float], wanted: float = WANTED_BPP
) -> float:
    """The quality whose rate is nearest to `wanted` in bpp.

    The rate must not fall where quality rises, or not rise: few qualities are coded. Of one quality alone the
    rate is not asked for.
    """
    rate, ordered = cache(rate_of), sorted(set(qualities))
    if len(ordered) == 1:
        return ordered[0]
    middle = len(ordered) // 2
    outwards = sorted(pairwise(ordered), key=lambda pair: abs(ordered.index(pair[1]) - middle))
    if next((rate(low) > rate(high) for low, high in outwards if rate(low) != rate(high)), False):
        ordered.reverse()
    at = bisect_left(ordered, wanted, key=rate)
    return min(ordered[max(0, at - 1) : at + 1], key=lambda quality: abs(rate(quality) - wanted))
