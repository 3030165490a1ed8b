"""Whether a variant differs from the reference by more than chance in training makes."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from jpegai_bench.analysis.significance import LEVEL, Spread, TrainingNoise, Welch, pooled_noise, welch
from jpegai_bench.analysis.statistics import Interval, summarize
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.config.folders import PUBLISHED
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.replicates import Replicates, recipe_of, trainings_of
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.store.store import Run
from jpegai_bench.system.wording import count

_Means = dict[str, float]
_UNTESTED = Welch(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Noise:
    """What is known of a variant's difference to the reference; NaN is NA."""

    exceeds: str
    """`yes`, `no`, `open` where the mean is beyond and the interval over images is not, `unknown` where the
    noise was not measured, or `NA`: `test.reason`."""
    source: str
    """`seeds` of both, `measured` on seeds of other trainings by the same recipe, or empty."""
    seeds: tuple[str, ...] = ("",)
    """Names of the variant's training seeds."""
    test: Welch = _UNTESTED
    """With seeds: mean BD-rate against the anchor less that of the reference, in points."""


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
    conditions = {_conditions(run) for run in runs}
    comparable = [
        spread
        for spread in spreads
        if conditions == {(spread.model, spread.dataset, spread.train, spread.steps, spread.recipe)}
    ]
    noise = pooled_noise([(spread.seeds, spread.deviation_percent) for spread in comparable])
    seeds = " and ".join(f"{spread.seeds} seeds of {spread.variant}" for spread in comparable)
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
    for label, trainings in _several(runs).items():
        means = _means(study, reference, trainings)
        used = sorted(set.intersection(*map(set, means)))
        how = (
            f"BD-rate against one training of {study.base}, mean of 7 over {count(len(used), 'image')}, by "
            f"{study.method} and {study.hvs}; seeds {' '.join(trainings.seeds)}"
        )
        model, dataset, train, steps, recipe = _conditions(trainings.runs[-1])
        spreads.append(
            SeedSpread(
                model=model,
                dataset=dataset,
                train=train,
                steps=steps,
                recipe=recipe,
                reference=study.base,
                variant=label,
                seeds=len(trainings.runs),
                deviation_percent=_over(used, means).deviation,
                how=how,
            )
        )
    return [spread for spread in spreads if math.isfinite(spread.deviation_percent)]


def by_seeds(study: Study, runs: Sequence[Run]) -> dict[str, Noise]:
    """Welch's test over training seeds, for each variant that has several where the reference has too.

    BD-rates are means of seven against the study's main anchor, over the images that are valid in every run
    of both, as in `analysis.paired`.

    Args:
        study: what is compared.
        runs: all that are alike, the newest last.
    """
    several = _several(runs)
    if study.base not in several or len(several) < 2:
        return {}
    anchor = study.anchor_entries[0]
    means = {label: _means(study, anchor, trainings) for label, trainings in several.items()}
    return {
        label: _tested(means[study.base], means[label], trainings.seeds)
        for label, trainings in several.items()
        if label != study.base
    }


def one_training(difference: Interval, reason: str, measured: MeasuredNoise | None) -> Noise:
    """The BD-rate of one training against one of the reference beside the measured noise, both in percent."""
    if math.isnan(difference.mean):
        return Noise("NA", "", test=replace(_UNTESTED, reason=reason))
    if measured is None:
        return Noise("unknown", "")
    reach = measured.noise.reach()
    if abs(difference.mean) <= reach:
        return Noise("no", "measured")
    reaches_in = difference.low <= reach if difference.mean > 0 else difference.high >= -reach
    return Noise("open" if reaches_in else "yes", "measured")  # without an interval the mean alone decides


def _tested(base: Sequence[_Means], variant: Sequence[_Means], seeds: Sequence[str]) -> Noise:
    used = sorted(set.intersection(*(set(means) for means in (*base, *variant))))
    test = replace(_UNTESTED, reason="no image has all seven BD-rates in every run")
    if used:
        test = welch(_over(used, base), _over(used, variant))
    exceeds = "NA" if test.reason else "yes" if test.p_value < LEVEL else "no"
    return Noise(exceeds, "seeds", tuple(seeds), test)


def _over(used: Sequence[str], runs: Sequence[_Means]) -> Spread:
    """The mean over these images of each run; of no image it is empty."""
    means = (math.fsum(of_image[image] for image in used) / len(used) for of_image in runs if used)
    return Spread(tuple(means))


def _means(study: Study, anchor: Entry, trainings: Replicates) -> list[_Means]:
    """For each training the mean of the seven BD-rates of each image that has them all."""
    seven, reference = average_of(study.hvs), coded_once(anchor.points)
    of_trainings = []
    for run in trainings.runs:
        points = coded_once(run.points())
        summary = summarize(reference, points, study.hvs, study.method, resamples=0, metrics=seven)
        by_image = summary.per_image.groupby("image").bd_rate
        means = {str(image): math.fsum(bd_rates) / len(seven) for image, bd_rates in by_image}
        of_trainings.append({image: mean for image, mean in means.items() if math.isfinite(mean)})
    return of_trainings


def _several(runs: Sequence[Run]) -> dict[str, Replicates]:
    """The trainings of each variant that has more than one."""
    by_variant = trainings_of(runs)
    return {label: trainings for label, trainings in by_variant.items() if len(trainings.runs) > 1}


def _conditions(run: Run) -> tuple[str, str, str, int, str]:
    """The first columns of a `SeedSpread`: model, data set, and what `recipe_of` says."""
    return str(run.manifest.get("model")), str(run.manifest.get("dataset")), *recipe_of(run)
