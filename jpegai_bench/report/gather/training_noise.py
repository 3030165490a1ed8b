"""Whether a variant differs from the reference by more than chance in training makes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from jpegai_bench.analysis.significance import LEVEL, Spread, welch
from jpegai_bench.analysis.statistics import Interval, summarize
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.replicates import replicates
from jpegai_bench.report.gather.study import Study
from jpegai_bench.store.store import Run

_Means = dict[str, float]


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

    BD-rates are means of seven against the study's main anchor, over the images that are valid in every run
    of both, as in `analysis.paired`.

    Args:
        study: what is compared.
        runs: all that are alike, the newest last.
    """
    found = {label: replicates([run for run in runs if run.label == label]) for label in _labels(runs)}
    several = {label: own for label, own in found.items() if len(own.runs) > 1}
    if study.base not in several or len(several) < 2:
        return {}
    anchor = coded_once(study.anchor_entries[0].points)
    means = {
        label: [_means(study, anchor, coded_once(run.points())) for run in own.runs]
        for label, own in several.items()
    }
    return {
        label: _tested(means[study.base], means[label], own.seeds)
        for label, own in several.items()
        if label != study.base
    }


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


def _tested(base: Sequence[_Means], own: Sequence[_Means], seeds: Sequence[str]) -> Noise:
    used = sorted(set.intersection(*(set(means) for means in (*base, *own))))
    if not used:
        return Noise("NA", "seeds", tuple(seeds), reason="no image has all seven BD-rates in every run")
    spreads = [
        Spread(tuple(math.fsum(means[image] for image in used) / len(used) for means in runs))
        for runs in (base, own)
    ]
    test = welch(*spreads)
    if math.isnan(test.p_value):
        return Noise("NA", "seeds", tuple(seeds), test.difference, reason=test.reason)
    beyond = "yes" if test.p_value < LEVEL else "no"
    return Noise(beyond, "seeds", tuple(seeds), test.difference, test.low, test.high, test.p_value)


def _means(study: Study, anchor: pd.DataFrame, points: pd.DataFrame) -> _Means:
    """The mean of the seven BD-rates of each image that has them all."""
    seven = average_of(study.hvs)
    per_image = summarize(anchor, points, study.hvs, study.method, resamples=0, metrics=seven).per_image
    values: dict[str, list[float]] = {}
    for image, value in zip(per_image.image, per_image.bd_rate, strict=True):
        values.setdefault(str(image), []).append(float(value))
    means = {image: math.fsum(own) / len(seven) for image, own in values.items()}
    return {image: mean for image, mean in means.items() if math.isfinite(mean)}


def _labels(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.label for run in runs))
