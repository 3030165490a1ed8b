"""Whether a variant differs from the reference by more than chance in training makes."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from jpegai_bench.analysis.significance import LEVEL, Spread, TrainingNoise, pooled_noise, welch
from jpegai_bench.analysis.statistics import Interval, summarize
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.config.folders import PUBLISHED
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.replicates import recipe_of, replicates
from jpegai_bench.report.gather.study import Study
from jpegai_bench.store.store import Run
from jpegai_bench.system.wording import count

_Means = dict[str, float]


@dataclass(frozen=True)
class Noise:
    """What is known of a variant's difference to the reference; NaN is NA."""

    exceeds: str
    """`yes`, `no`, `open` where the mean is beyond and the interval over images is not, `unknown` where the
    noise was not measured, or `NA`: `reason`."""
    source: str
    """`seeds` of both, `measured` on seeds of other trainings by the same recipe, or empty."""
    seeds: tuple[str, ...] = ("",)
    """Names of the variant's training seeds."""
    difference: float = math.nan
    """With seeds: mean BD-rate against the anchor less that of the reference, in points, by Welch's test."""
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class SeedSpread:
    """How far trainings of a variant lie apart that differ in nothing but the seed: a row of a CSV."""

    model: str
    dataset: str
    train: str
    """What was trained, and for how many steps: the noise of a longer training is another."""
    steps: int
    recipe: str
    """`recipe_digest` of it: another optimizer or learning rate has another noise too."""
    reference: str
    variant: str
    seeds: int
    deviation_percent: float
    """Standard deviation (n - 1) of the mean BD-rate of seven, in percent of the reference's rate."""
    how: str
    """How it was measured."""


SPREAD_COLUMNS = tuple(field.name for field in fields(SeedSpread))


@dataclass(frozen=True)
class MeasuredNoise:
    """The noise of trainings by one recipe, in percent of the reference's rate."""

    noise: TrainingNoise
    source: str
    """Whose seeds it was measured on."""


def measured_noise(spreads: Sequence[SeedSpread], runs: Sequence[Run]) -> MeasuredNoise | None:
    """What the spreads say of trainings as those of `runs`; None where none is of their recipe and size."""
    conditions = {
        (str(run.manifest.get("model")), str(run.manifest.get("dataset")), *recipe_of(run)) for run in runs
    }
    fit = [
        spread
        for spread in spreads
        if conditions == {(spread.model, spread.dataset, spread.train, spread.steps, spread.recipe)}
    ]
    noise = pooled_noise([(spread.seeds, spread.deviation_percent) for spread in fit])
    seeds = " and ".join(f"{spread.seeds} seeds of {spread.variant}" for spread in fit)
    return MeasuredNoise(noise, seeds) if noise else None


def shipped_spreads() -> list[SeedSpread]:
    """Those of all studies that ship."""
    return [
        spread for path in sorted(PUBLISHED.glob("*/training_noise.csv")) for spread in read_spreads(path)
    ]


def read_spreads(path: Path) -> list[SeedSpread]:
    """The rows of a CSV with the columns `SPREAD_COLUMNS`.

    Raises:
        BenchError: it cannot be read, or a column or a cell is wrong; file and line are named.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from None
    return [_spread(f"{path}, line {number}", row) for number, row in enumerate(rows, 2)]


def _spread(line: str, row: Mapping[str, str | None]) -> SeedSpread:
    if set(row) != set(SPREAD_COLUMNS) or None in row.values():
        raise BenchError(f"{line}: the columns are {', '.join(SPREAD_COLUMNS)}")
    cells = {str(name): str(cell).strip() for name, cell in row.items()}
    numbers = {}
    for name, least in (("steps", 0), ("seeds", 2), ("deviation_percent", 0)):
        try:
            numbers[name] = float(cells.pop(name))
        except ValueError:
            numbers[name] = math.nan
        if not least <= numbers[name] < math.inf:
            raise BenchError(f"{line}: {name}: {row[name]!r} is no number from {least}")
    return SeedSpread(
        **cells,
        steps=int(numbers["steps"]),
        seeds=int(numbers["seeds"]),
        deviation_percent=numbers["deviation_percent"],
    )


def seed_spreads(study: Study, runs: Sequence[Run]) -> list[SeedSpread]:
    """Of each variant with several seeds, by BD-rates against the reference's points in the study.

    Args:
        study: what is compared.
        runs: all that are alike, the newest last.
    """
    reference = study.base_entry
    if reference is None:
        return []
    spreads = []
    for label in _labels(runs):
        trainings = replicates([run for run in runs if run.label == label])
        if len(trainings.runs) < 2:
            continue
        means = [
            _means(study, coded_once(reference.points), coded_once(run.points())) for run in trainings.runs
        ]
        used = sorted(set.intersection(*map(set, means)))
        newest = trainings.runs[-1]
        how = (
            f"BD-rate against one training of {study.base}, mean of 7 over {count(len(used), 'image')}, by "
            f"{study.method} and {study.hvs}; seeds {' '.join(trainings.seeds)}"
        )
        spreads.append(
            SeedSpread(
                str(newest.manifest.get("model")), str(newest.manifest.get("dataset")), *recipe_of(newest),
                study.base, label, len(trainings.runs), _over(used, means).deviation, how,
            )
        )  # fmt: skip
    return [spread for spread in spreads if math.isfinite(spread.deviation_percent)]


def by_seeds(study: Study, runs: Sequence[Run]) -> dict[str, Noise]:
    """Welch's test over training seeds, for each variant that has several where the reference has too.

    BD-rates are means of seven against the study's main anchor, over the images that are valid in every run
    of both, as in `analysis.paired`.

    Args:
        study: what is compared.
        runs: all that are alike, the newest last.
    """
    by_label = {label: replicates([run for run in runs if run.label == label]) for label in _labels(runs)}
    several = {label: trainings for label, trainings in by_label.items() if len(trainings.runs) > 1}
    if study.base not in several or len(several) < 2:
        return {}
    anchor = coded_once(study.anchor_entries[0].points)
    means = {
        label: [_means(study, anchor, coded_once(run.points())) for run in trainings.runs]
        for label, trainings in several.items()
    }
    return {
        label: _tested(means[study.base], means[label], trainings.seeds)
        for label, trainings in several.items()
        if label != study.base
    }


def one_training(difference: Interval, reason: str, measured: MeasuredNoise | None) -> Noise:
    """The BD-rate of one training against one of the reference beside the measured noise, both in percent."""
    if math.isnan(difference.mean):
        return Noise("NA", "", reason=reason)
    if measured is None:
        return Noise("unknown", "")
    reach = measured.noise.reach()
    if abs(difference.mean) <= reach:
        return Noise("no", "measured")
    reaches_in = difference.low <= reach if difference.mean > 0 else difference.high >= -reach
    return Noise("open" if reaches_in else "yes", "measured")  # without an interval the mean alone decides


def seed_names(noises: Mapping[str, Noise]) -> str:
    """Such as `combined (0, 1, 2)`."""
    return "; ".join(f"{label} ({', '.join(noise.seeds)})" for label, noise in noises.items())


def _tested(base: Sequence[_Means], variant: Sequence[_Means], seeds: Sequence[str]) -> Noise:
    used = sorted(set.intersection(*(set(means) for means in (*base, *variant))))
    if not used:
        return Noise("NA", "seeds", tuple(seeds), reason="no image has all seven BD-rates in every run")
    test = welch(_over(used, base), _over(used, variant))
    if math.isnan(test.p_value):
        return Noise("NA", "seeds", tuple(seeds), test.difference, reason=test.reason)
    beyond = "yes" if test.p_value < LEVEL else "no"
    return Noise(beyond, "seeds", tuple(seeds), test.difference, test.low, test.high, test.p_value)


def _over(used: Sequence[str], runs: Sequence[_Means]) -> Spread:
    """The mean over these images of each run; of no image it is empty."""
    return Spread(
        tuple(math.fsum(means[image] for image in used) / len(used) for means in runs) if used else ()
    )


def _means(study: Study, anchor: pd.DataFrame, points: pd.DataFrame) -> _Means:
    """The mean of the seven BD-rates of each image that has them all."""
    seven = average_of(study.hvs)
    per_image = summarize(anchor, points, study.hvs, study.method, resamples=0, metrics=seven).per_image
    values: dict[str, list[float]] = {}
    for image, value in zip(per_image.image, per_image.bd_rate, strict=True):
        values.setdefault(str(image), []).append(float(value))
    means = {image: math.fsum(bd_rates) / len(seven) for image, bd_rates in values.items()}
    return {image: mean for image, mean in means.items() if math.isfinite(mean)}


def _labels(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(run.label for run in runs))
