"""Two codecs on the same images: the paired difference of their BD-rates, metric by metric."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import pandas as pd

from jpegai_bench.analysis.bdtable import MEAN
from jpegai_bench.analysis.significance import (
    LEVEL,
    RESOLUTION,
    Spread,
    fewest_images,
    holm,
    mean_interval,
    signed_rank,
)
from jpegai_bench.analysis.statistics import Interval, summarize
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import METRICS, NAMES, average_of
from jpegai_bench.system.wording import listed


@dataclass(frozen=True)
class Contender:
    """A codec under comparison: its points from each training seed, or from the one run there is."""

    label: str
    """What tables call it."""
    runs: tuple[pd.DataFrame, ...] = field(repr=False)
    """Each with columns image, bpp and metrics, one row per image and rate, as in `points.csv`."""
    metrics: tuple[str, ...] = NAMES
    """Columns that are metrics, where the runs have them."""


@dataclass(frozen=True)
class Difference:
    """What one metric, or the mean of seven, says about two codecs A and B; NaN is NA.

    BD-rates against the anchor are in percent of the anchor's rate, so their difference is in percentage
    points of it. The direct BD-rate of B against A is in percent of A's rate. A codec of several seeds enters
    each image with the mean over its seeds.
    """

    metric: str
    difference: Interval
    """BD-rate of B against the anchor less that of A, mean over images; negative where B is better."""
    p_value: float
    p_adjusted: float
    """By Holm, over the tests of the seven and their mean, or over those of the other metrics."""
    p_least: float
    """The smallest `p_value` that so many differing images can have."""
    images_needed: int
    """Differing images that it takes to pass Holm's correction, where these are too few to; else 0."""
    images: int
    left_out: dict[str, tuple[str, ...]]
    """Images of A or B that are not used, by reason."""
    direct: Interval
    """BD-rate of B against A over those of the used images that have one."""
    direct_images: int
    seeds: tuple[Spread, Spread]
    """BD-rate against the anchor of each seed of A and of B, mean over the used images."""
    reason: str
    """Why there is no difference, interval or p-value; empty where there are all."""


@dataclass(frozen=True)
class Comparison:
    """Differences of B to A: those of the seven that are measured, their mean, then what else all have."""

    labels: tuple[str, str]
    anchor: str
    rows: tuple[Difference, ...]
    seven: tuple[str, ...]
    hvs: str
    """As used: `hvs` too where `hvs_m` was asked for and is not in the points of all."""
    hvs_replaced: bool
    """Whether it is another than was asked for."""
    total: int
    """Images of A or B."""

    def row(self, metric: str) -> Difference:
        """The row of a metric or of `MEAN`."""
        return next(row for row in self.rows if row.metric == metric)


def compare(
    a: Contender,
    b: Contender,
    anchor: Contender,
    hvs: str,
    method: str,
    lower_is_better: Collection[str] = (),
    bpp_range: tuple[float, float] | None = None,
    only: Collection[str] | None = None,
) -> Comparison:
    """Compare B with A on the images that are valid in both, paired by name.

    The mean of seven of an image needs all seven there. Where PSNR-HVS-M is not in the points of all,
    PSNR-HVS takes its place, as in the JPEG AI framework.

    Args:
        a: what is compared with.
        b: what is compared.
        anchor: what the BD-rates of both are taken against; of its runs the first counts.
        hvs: which PSNR-HVS is one of the seven, as in `average_of`.
        method: the interpolation, as in `bd_rate`.
        lower_is_better: metrics that are better when lower, besides those of the catalogue.
        bpp_range: only points of rates from the first to the second of these enter, in bpp.
        only: the metrics that have rows, beside the mean of seven; all where not given.

    Raises:
        BenchError: A and B, or one and the anchor, share no image; method or choice of HVS is unknown.
    """
    _check_shared(a, b, anchor)
    frames = (anchor.runs[0], *a.runs, *b.runs)
    chosen_hvs, hvs = hvs, _hvs_there(hvs, frames)
    seven = average_of(hvs)
    shared = [metric for metric in a.metrics if metric in b.metrics and metric in anchor.metrics]
    further = [
        metric for metric in shared if metric not in seven and all(metric in frame for frame in frames)
    ]
    mains = [metric for metric in seven if any(metric in frame for frame in frames)]

    def cells(reference: pd.DataFrame, test: pd.DataFrame) -> _Cells:
        summary = summarize(
            reference, test, hvs, method, resamples=0, metrics=[*seven, *further],
            lower_is_better=lower_is_better, bpp_range=bpp_range,
        )  # fmt: skip
        return _cells(summary.per_image, seven)

    tables = [[cells(frames[0], run) for run in contender.runs] for contender in (a, b)]
    direct = [cells(*pair) for pair in product(a.runs, b.runs)]
    images = sorted(set().union(*(_names(run) for run in frames[1:])))
    labels = (a.label, b.label)
    main, others = (
        [_difference(metric, images, tables, direct, labels, anchor.label) for metric in family]
        for family in ([*_wanted(mains, only), MEAN], _wanted(further, only))
    )
    rows = (*_adjusted(main), *_adjusted(others))
    return Comparison(labels, anchor.label, rows, seven, hvs, hvs != chosen_hvs, len(images))


def _wanted(metrics: Sequence[str], only: Collection[str] | None) -> list[str]:
    return [metric for metric in metrics if only is None or metric in only]


def _adjusted(rows: Sequence[Difference]) -> list[Difference]:
    """With Holm's correction, and where no outcome could pass it the number of images that can."""
    needed = fewest_images(sum(not math.isnan(row.p_value) for row in rows) or 1)
    adjusted, least = holm([row.p_value for row in rows]), holm([row.p_least for row in rows])
    return [
        replace(row, p_adjusted=p, images_needed=needed if best >= LEVEL else 0)
        for row, p, best in zip(rows, adjusted, least, strict=True)
    ]


_Cells = dict[str, dict[str, tuple[float, str]]]
"""BD-rate and reason, by metric and image; `MEAN` among the metrics."""


def _cells(per_image: pd.DataFrame, seven: Sequence[str]) -> _Cells:
    cells: _Cells = {}
    columns = (per_image[name] for name in ("metric", "image", "bd_rate", "reason"))
    for metric, image, value, reason in zip(*columns, strict=True):
        cells.setdefault(str(metric), {})[str(image)] = (float(value), str(reason))
    labels = {metric.name: metric.label for metric in METRICS}
    cells[MEAN] = {}
    for image in map(str, per_image.image.unique()):
        values, reasons = zip(*(cells[metric][image] for metric in seven), strict=True)
        missing = [labels[m] for m, value in zip(seven, values, strict=True) if math.isnan(value)]
        reason = f"no BD-rate for {', '.join(missing)}" if missing else ""
        if len(set(reasons)) == 1:  # the image is missing, or all seven fail alike
            reason = reasons[0]
        cells[MEAN][image] = (math.nan if missing else math.fsum(values) / len(values), reason)
    return cells


def _difference(
    metric: str,
    images: Sequence[str],
    tables: Sequence[Sequence[_Cells]],
    direct: Sequence[_Cells],
    labels: tuple[str, str],
    anchor: str,
) -> Difference:
    used, left_out = _valid(metric, images, tables, labels, anchor)
    seeds = [[[cells[metric][image][0] for image in used] for cells in runs] for runs in tables]
    means = [[math.fsum(values) / len(values) for values in zip(*runs, strict=True)] for runs in seeds]
    differences = [_beyond_rounding(second - first) for first, second in zip(*means, strict=True)]
    test = signed_rank(differences)
    pairs = [[cells[metric][image][0] for cells in direct] for image in used]
    straight = [
        _beyond_rounding(math.fsum(values) / len(values))
        for values in pairs
        if not any(map(math.isnan, values))
    ]
    spreads = [Spread(tuple(math.fsum(r) / len(r) for r in runs) if used else ()) for runs in seeds]
    return Difference(
        metric,
        mean_interval(differences),
        test.value,
        math.nan,
        test.least,
        0,
        len(used),
        left_out,
        mean_interval(straight),
        len(straight),
        (spreads[0], spreads[1]),
        test.reason if used else "; ".join(left_out),
    )


def _valid(
    metric: str,
    images: Sequence[str],
    tables: Sequence[Sequence[_Cells]],
    labels: tuple[str, str],
    anchor: str,
) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The images with a BD-rate in every run of A and B, and the others by the first reason."""
    used: list[str] = []
    left_out: dict[str, tuple[str, ...]] = {}
    for image in images:
        reasons = (
            _with_label(cells[metric].get(image, (math.nan, "test: image missing"))[1], label, anchor)
            for label, runs in zip(labels, tables, strict=True)
            for cells in runs
        )
        reason = next(filter(None, reasons), "")
        if reason:
            left_out[reason] = (*left_out.get(reason, ()), image)
        else:
            used.append(image)
    return used, left_out


def _beyond_rounding(value: float) -> float:
    return value if abs(value) >= RESOLUTION else 0.0


def _with_label(reason: str, label: str, anchor: str) -> str:
    """`anchor: …` and `test: …` with the codec's name in the role's place."""
    role, separator, message = reason.partition(": ")
    if separator and role in ("anchor", "test"):
        return f"{anchor if role == 'anchor' else label}: {message}"
    return f"{label} against {anchor}: {reason}" if reason else ""


def _names(points: pd.DataFrame) -> set[str]:
    return {str(image) for image in points["image"].unique()}


def _check_shared(a: Contender, b: Contender, anchor: Contender) -> None:
    for first, second in ((a, b), (a, anchor), (b, anchor)):
        names = [set.intersection(*map(_names, contender.runs)) for contender in (first, second)]
        if not names[0] & names[1]:
            have = (f"{c.label} has {_few(n)}" for c, n in zip((first, second), names, strict=True))
            raise BenchError(f"{first.label} and {second.label} share no image, by name: {', '.join(have)}")


def _few(names: set[str]) -> str:
    return listed(sorted(names), 2) or "none"


def _hvs_there(hvs: str, frames: Sequence[pd.DataFrame]) -> str:
    def measured(metric: str) -> bool:
        return all(metric in frame and bool(frame[metric].notna().any()) for frame in frames)

    return "hvs" if hvs == "hvs_m" and not measured("psnr_hvs_m") and measured("psnr_hvs") else hvs
