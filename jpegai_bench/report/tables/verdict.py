"""What a comparison allows to be said, in sentences that can be quoted, and no more than that."""

import math
from collections import defaultdict
from collections.abc import Sequence

from jpegai_bench.analysis.paired import MEAN, Comparison, Difference
from jpegai_bench.analysis.significance import LEVEL, Spread, TrainingNoise, pooled_noise, welch
from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.report.gather.training_noise import MeasuredNoise
from jpegai_bench.report.tables.sheets import metric_label
from jpegai_bench.system.wording import count


def verdict(
    comparison: Comparison, trained: tuple[bool, bool], measured: MeasuredNoise | None = None
) -> list[str]:
    """What the images show of the mean of seven, what each metric shows, and what training noise allows.

    A and B differ where p-value, interval and the direct BD-rate all say so, in one direction. Without two
    seeds of each that differ by more than their spread, it is said of "these weights" only.

    Args:
        comparison: of A and B.
        trained: whether A and B are variants of the store, so that training seeds matter.
        measured: the noise of such trainings, where it was measured elsewhere.
    """
    row = comparison.row(MEAN)
    training, beyond = _training(comparison.labels, row, trained, measured)
    with_these = "With these weights " if any(trained) and not beyond else ""
    return [
        line for line in (_on_images(comparison, row, with_these), _by_metric(comparison), training) if line
    ]


def spread_verdict(comparison: Comparison) -> str:
    """What the training seeds of one variant, which is A and B, show of the mean of seven."""
    row, label = comparison.row(MEAN), comparison.labels[0]
    spread = row.seeds[0]
    if not row.images:
        return f"No spread over seeds of {label}: {row.reason}."
    if len(spread.values) < 2:
        return f"Training noise is not known: one training of {label}."
    return (
        f"Over {len(spread.values)} training seeds the BD-rate of {label} is {figure(spread.mean)}% with a "
        f"standard deviation of {figure(spread.deviation)} points, from {figure(min(spread.values))}% to "
        f"{figure(max(spread.values))}%; {row.images} of {count(comparison.total, 'image')}."
    )


def figure(value: float) -> str:
    """Two digits after the point, and where it is small two that count."""
    if math.isnan(value):
        return "NA"
    return f"{value + 0.0:.2f}" if abs(value) >= 0.1 or abs(value) < 1e-9 else f"{value:.2g}"


def range_text(interval: Interval) -> str:
    """Low…high; empty where there is no interval."""
    return "" if math.isnan(interval.low) else f"{figure(interval.low)}…{figure(interval.high)}"


def shows_difference(row: Difference, p_value: float) -> bool:
    """Whether p-value, interval and the direct BD-rate all say that there is one, in one direction."""
    direct = row.direct
    if not p_value < LEVEL or _holds_zero(row.difference):
        return False
    return math.isnan(direct.mean) or (direct.mean * row.difference.mean > 0 and not _holds_zero(direct))


def too_few(row: Difference) -> str:
    """Why no outcome on these images could pass Holm's correction; empty where one could."""
    if not row.images_needed:
        return ""
    return f"fewer than {row.images_needed} images that differ cannot pass Holm's correction"


def _holds_zero(interval: Interval) -> bool:
    return not (interval.low > 0 or interval.high < 0)


def _on_images(comparison: Comparison, row: Difference, with_these: str) -> str:
    (a, b), anchor = comparison.labels, comparison.anchor
    images = f"{row.images} of {count(comparison.total, 'image')}"
    if not row.images:
        return f"No verdict on the mean of seven: {row.reason}."
    if row.reason == "no image differs":
        return f"{b} and {a} do not differ: the mean of seven is the same, {images}."
    points = f"against {anchor} the BD-rate of {b} is {_amount(row.difference, ' points', 'higher', 'lower')}"
    rate = ""
    if not math.isnan(row.direct.mean):
        rate = f"{b} needs {_amount(row.direct, '%', 'more', 'less', ' rate')} than {a} at equal quality; "
    if math.isnan(row.p_value):
        return f"Not tested: {row.reason}. On {images} {rate}{points}."
    test = f"p = {row.p_value:.2g} (Wilcoxon), {images}"
    if shows_difference(row, row.p_value):
        text = f"{with_these}{rate}{points}" if with_these or rate else f"A{points[1:]}"
        return f"{text}; {test}."
    if row.p_value >= LEVEL and _holds_zero(row.difference):
        return f"No difference between {b} and {a} is shown: {points}; {test}."
    why = "p-value and interval disagree, so a few images may carry it"
    if row.p_value < LEVEL and not _holds_zero(row.difference):
        why = f"the direct BD-rate is {figure(row.direct.mean)}% ({range_text(row.direct) or 'no interval'})"
    return f"Undecided between {b} and {a}: {points}, but {why}; {test}."


def _amount(value: Interval, unit: str, up: str, down: str, of: str = "") -> str:
    """Such as `0.20% less rate (95% interval 0.15…0.26)`."""
    sign, word = (1.0, up) if value.mean >= 0 else (-1.0, down)
    interval = range_text(Interval(sign * value.mean, *sorted((sign * value.low, sign * value.high))))
    text = f"{figure(sign * value.mean)}{unit} {word}{of}"
    return f"{text} (95% interval {interval})" if interval else text


def _by_metric(comparison: Comparison) -> str:
    groups: dict[str, list[str]] = defaultdict(list, {"more rate by": [], "less rate by": []})
    all_seven = comparison.row(MEAN).images > 0
    for row in comparison.rows:
        counts = row.metric in comparison.seven or (row.metric != MEAN and not all_seven)
        if counts and not math.isnan(row.p_adjusted):
            shown = shows_difference(row, row.p_adjusted)
            words = "more rate by" if row.difference.mean > 0 else "less rate by"
            if row.images_needed:
                words = f"more images are needed, at least {row.images_needed} that differ, for"
            elif not shown:
                words = "no difference shown by"
            groups[words].append(metric_label(row.metric))
    parts = "; ".join(f"{words} {', '.join(names)}" for words, names in groups.items() if names)
    return f"{comparison.labels[1]} by metric, after Holm's correction: {parts}." if parts else ""


def _training(
    labels: tuple[str, str], row: Difference, trained: tuple[bool, bool], measured: MeasuredNoise | None
) -> tuple[str, bool]:
    """What the training seeds say, and whether the difference is beyond their noise."""
    variants = [
        (label, spread) for label, spread, is_one in zip(labels, row.seeds, trained, strict=True) if is_one
    ]
    if not variants or not row.images:
        return "", False
    several = [(label, spread) for label, spread in variants if len(spread.values) > 1]
    if len(several) == 2:
        return _over_seeds(several, row)
    single = [label for label, spread in variants if len(spread.values) == 1]
    texts = [f"{label} {_seeds(spread)}" for label, spread in several]
    if single:
        texts.append(
            f"one training of {' and one of '.join(single)}, {_chance(row, len(variants), measured)}"
        )
    return f"Training: {'; '.join(texts)}.", False


def _chance(row: Difference, variants: int, measured: MeasuredNoise | None) -> str:
    """What noise is held against a difference of which one side at least was trained once."""
    counts = (len(row.seeds[0].values), len(row.seeds[1].values))
    pooled = pooled_noise([(len(spread.values), spread.deviation) for spread in row.seeds])
    if variants == 2 and pooled:
        noise, size, unit, source = pooled, row.difference.mean, " points", "these seeds"
    elif variants == 2 and measured and not math.isnan(row.direct.mean):
        noise, size, unit, source = measured.noise, row.direct.mean, "%", measured.source
    else:
        return "so training noise is not known"
    reach = noise.reach(counts)
    where = "within it: it may be luck of the seed" if abs(size) <= reach else "beyond it"
    text = f"so training noise is that of {source}: {chance(noise, counts, unit)}"
    return f"{text}, and {figure(abs(size))}{unit} is {where}"


def chance(noise: TrainingNoise, trainings: tuple[int, int] = (1, 1), unit: str = "%") -> str:
    """Such as `±2.38% (standard deviation 0.86%, 4 degrees of freedom)`."""
    reach, deviation = (
        f"{figure(value)}{unit}" for value in (noise.reach(trainings), noise.of_difference(trainings))
    )
    return f"±{reach} (standard deviation {deviation}, {noise.freedom} degrees of freedom)"


def _over_seeds(several: Sequence[tuple[str, Spread]], row: Difference) -> tuple[str, bool]:
    test = welch(*row.seeds)
    listed = ", ".join(f"{label} {_seeds(spread)}" for label, spread in several)
    if math.isnan(test.p_value):
        return f"Training: {listed}; not tested, {test.reason}.", False
    beyond = test.p_value < LEVEL
    says = "exceeds" if beyond else "is not shown to exceed"
    return (
        f"The difference {says} training noise: {figure(test.difference)} points (95% interval "
        f"{figure(test.low)}…{figure(test.high)}, Welch, p = {test.p_value:.2g}); {listed}."
    ), beyond


def _seeds(spread: Spread) -> str:
    return f"{figure(spread.mean)} ± {figure(spread.deviation)} over {len(spread.values)} seeds"
