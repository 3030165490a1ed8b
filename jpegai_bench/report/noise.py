"""Whether a variant differs from the reference by more than chance in training makes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from jpegai_bench.analysis.bdtable import MEAN
from jpegai_bench.analysis.paired import Contender, compare
from jpegai_bench.analysis.significance import LEVEL, welch
from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.errors import BenchError
from jpegai_bench.rates import coded_once
from jpegai_bench.report.seeds import Replicates, replicates
from jpegai_bench.report.study import Study
from jpegai_bench.store import Run


@dataclass(frozen=True)
class Noise:
    """What is known of a variant's difference to the reference; NaN is NA."""

    exceeds: str
    """`yes`, `no`, `open` where the mean is beyond and the interval over images is not, or `NA`: `reason`."""
    source: str
    """`seeds` of both, or what is said elsewhere: `stated`."""
    seeds: tuple[str, ...] = ("",)
    """Names of the variant's training seeds."""
    difference: float = math.nan
    """With seeds: mean BD-rate against the anchor less that of the reference, in points, by Welch's test."""
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    reason: str = ""


def by_seeds(study: Study, runs: Sequence[Run]) -> dict[str, Noise]:
    """Welch's test over training seeds, for each variant that has several where the reference has too.

    Args:
        study: whose main anchor the BD-rates are taken against.
        runs: all that are alike, the newest last.
    """
    found = {run.label: replicates([one for one in runs if one.label == run.label]) for run in runs}
    reference = found.get(study.base)
    if reference is None or len(reference.runs) < 2:
        return {}
    anchor = Contender(study.anchors[0], (study.anchor_entries[0].points,))
    base = Contender(study.base, _points(reference))
    tested = {}
    for label, own in found.items():
        if label != study.base and len(own.runs) > 1:
            tested[label] = _tested(study, base, Contender(label, _points(own)), anchor, own.seeds)
    return tested


def stated(difference: Interval, reason: str, noise: float | None) -> Noise:
    """The size of a BD-rate against the reference beside what noise is said to make, both in percent."""
    if noise is None:
        return Noise("NA", "", reason="noise neither measured over seeds nor stated in the experiment")
    if math.isnan(difference.mean):
        return Noise("NA", "stated", reason=reason)
    if abs(difference.mean) <= noise:
        return Noise("no", "stated")
    reaches_in = difference.low <= noise if difference.mean > 0 else difference.high >= -noise
    return Noise("open" if reaches_in else "yes", "stated")  # without an interval the mean alone decides


def seed_names(noises: Mapping[str, Noise]) -> str:
    """Such as `combined (0, 1, 2)`."""
    return "; ".join(f"{label} ({', '.join(noise.seeds)})" for label, noise in noises.items())


def _tested(study: Study, base: Contender, own: Contender, anchor: Contender, seeds: Sequence[str]) -> Noise:
    try:
        row = compare(base, own, anchor, study.hvs, study.method).row(MEAN)
    except BenchError as error:
        return Noise("NA", "seeds", tuple(seeds), reason=str(error))
    test = welch(*row.seeds)
    if math.isnan(test.p_value):
        return Noise("NA", "seeds", tuple(seeds), test.difference, reason=row.reason or test.reason)
    beyond = "yes" if test.p_value < LEVEL else "no"
    return Noise(beyond, "seeds", tuple(seeds), test.difference, test.low, test.high, test.p_value)


def _points(replicates: Replicates) -> tuple[pd.DataFrame, ...]:
    return tuple(coded_once(run.points()) for run in replicates.runs)
