"""BD-rate of one codec against another over a set of images, with its uncertainty."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from jpegai_bench.analysis.bdrate import bd_metric, bd_rate
from jpegai_bench.metrics.catalogue import METRICS, NAMES, average_of

FEWEST_FOR_INTERVAL = 5
"""Images needed for a bootstrap interval. Of normal values it covers the mean in 95 of 100 cases from eight
images on, in about 91 with five, in 75 with three."""
RESAMPLES = 10_000

_INSTEAD = "metrics.hvs=hvs takes it as one of the seven"
"""Of JPEG AI's own points, which hold PSNR-HVS and not PSNR-HVS-M."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% bootstrap interval over images; NaN is NA."""

    mean: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class MetricSummary:
    """BD-rate of one metric over the images that have one."""

    metric: str
    bd_rate: Interval
    """Percent; of a summary of `quantity="bd_metric"` the BD-metric, in the metric's unit."""
    images: int
    """Images in the mean."""
    overlap: float
    """Mean overlap of the curves in the mean, 0 to 1; where there are none, of all that have one."""
    left_out: dict[str, tuple[str, ...]]
    """Images that have no BD-rate, by reason."""

    @property
    def reason(self) -> str:
        """Why there is no mean; empty where there is one."""
        return "; ".join(self.left_out) or "no images" if math.isnan(self.bd_rate.mean) else ""


@dataclass(frozen=True)
class Summary:
    """BD-rate of a test codec against an anchor."""

    per_image: pd.DataFrame
    """Columns image, metric, bd_rate (percent, NaN is NA), overlap, reason."""
    metrics: dict[str, MetricSummary]
    average: Interval
    """Unweighted mean of the seven metrics' means."""
    average_of: tuple[str, ...]
    """The seven."""
    reason: str
    """Why there is no average; empty where there is one."""

    @property
    def images(self) -> tuple[int, int]:
        """Fewest and most images in the means of the seven."""
        counts = [self.metrics[name].images for name in self.average_of if name in self.metrics]
        return min(counts, default=0), max(counts, default=0)


def summarize(
    anchor_points: pd.DataFrame,
    test_points: pd.DataFrame,
    hvs: str,
    method: str,
    resamples: int = RESAMPLES,
    seed: int = 0,
    *,
    metrics: Sequence[str] | None = None,
    lower_is_better: Collection[str] = (),
    bpp_range: tuple[float, float] | None = None,
    quantity: str = "bd_rate",
) -> Summary:
    """BD-rate per image and metric, its mean over images, and the mean of seven.

    The points are as in `points.csv`: one row per image and rate, with columns image, bpp and the metrics.
    Images are paired by name. A metric for which lower is better enters as 1 - value. An image without
    a BD-rate for a metric is left out of that metric's mean, and listed with its reason.

    Intervals are bootstrap over images, with `expanded_tail`. One draw serves all metrics, so that the
    interval of the mean of seven keeps the correlation between them. The mean of seven is NA unless all
    seven exist.

    Args:
        anchor_points: what is compared with.
        test_points: what is compared.
        hvs: which PSNR-HVS is one of the seven, as in `average_of`.
        method: the interpolation, as in `bd_rate`.
        resamples: draws of the bootstrap; 0 gives no intervals.
        seed: of the draws.
        metrics: columns of any name; by default the seven and whatever else of the catalogue both have.
        lower_is_better: metrics that are better when lower, besides those of the catalogue.
        bpp_range: only points of rates from the first to the second of these enter, in bpp.
        quantity: `bd_rate`, or `bd_metric` for the mean difference in score, of which there is no mean of
            seven: the units differ.

    Raises:
        BenchError: the method or the choice of HVS is unknown.
    """
    seven = average_of(hvs)
    if metrics is None:
        metrics = [name for name in NAMES if name in seven or (name in anchor_points and name in test_points)]
    anchor, test = (_by_image(points, metrics, bpp_range) for points in (anchor_points, test_points))
    images = sorted(anchor.keys() | test.keys())
    rows = [
        (image, name, *_of_image(anchor.get(image), test.get(image), name, lower_is_better, method, quantity))
        for image in images
        for name in metrics
    ]
    per_image = pd.DataFrame(rows, columns=["image", "metric", "bd_rate", "overlap", "reason"])

    values = per_image.bd_rate.to_numpy(float).reshape(len(images), len(metrics))
    drawn = _means(values, draws(len(images), resamples, seed))
    summaries = {}
    for column, name in enumerate(metrics):
        summaries[name] = _summary(name, rows[column :: len(metrics)], drawn[:, column])
    by_metric = {name: drawn[:, column] for column, name in enumerate(metrics)}
    average, reason = average_seven(summaries, by_metric, seven)
    if quantity == "bd_metric":
        average, reason = Interval(math.nan), "units differ"
    return Summary(per_image, summaries, average, seven, reason)


def average_seven(
    summaries: Mapping[str, MetricSummary], drawn: Mapping[str, Array], seven: Sequence[str]
) -> tuple[Interval, str]:
    """The mean of the seven's means, or why there is none; `drawn` holds each metric's resampled means."""
    labels = {metric.name: metric.label for metric in METRICS}
    missing = [
        labels[name] for name in seven if name not in summaries or math.isnan(summaries[name].bd_rate.mean)
    ]
    if missing:
        has_psnr_hvs = "psnr_hvs" in summaries and not math.isnan(summaries["psnr_hvs"].bd_rate.mean)
        hint = f", but for PSNR-HVS: {_INSTEAD}" if has_psnr_hvs and labels["psnr_hvs_m"] in missing else ""
        return Interval(math.nan), f"no BD-rate for {', '.join(missing)}{hint}"
    fewest = min(summaries[name].images for name in seven)
    mean = math.fsum(summaries[name].bd_rate.mean for name in seven) / len(seven)
    return interval(mean, np.stack([drawn[name] for name in seven], axis=1).mean(axis=1), fewest), ""


def is_higher_better(metric: str, lower_is_better: Collection[str] = ()) -> bool:
    """Whether higher is better: as the catalogue has it, else unless it is one of `lower_is_better`."""
    lower = {listed.name for listed in METRICS if not listed.higher_is_better}
    return metric not in lower and metric not in lower_is_better


def difference(
    anchor: Array, test: Array, higher_is_better: bool, method: str, quantity: str
) -> tuple[float, float, str]:
    """BD-rate or BD-metric of two curves `[points, (bpp, score)]`, the overlap, and why it is NA."""
    sides = [
        (curve[:, 0].tolist(), (curve[:, 1] if higher_is_better else 1.0 - curve[:, 1]).tolist())
        for curve in (anchor, test)
    ]
    result = (bd_metric if quantity == "bd_metric" else bd_rate)(*sides[0], *sides[1], method)
    value = result.value if quantity == "bd_rate" or higher_is_better else 0.0 - result.value
    return value, result.overlap, result.reason


@lru_cache(maxsize=4)  # the comparisons of a table mostly have the same number of images
def draws(images: int, resamples: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each image is in each resample, `[resamples, images]`; not to be written to."""
    if images == 0:
        return np.zeros((resamples, 0), np.int64)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(images, np.full(images, 1.0 / images), size=resamples)
    drawn.flags.writeable = False
    return drawn


def interval(mean: float, drawn: Array, images: int) -> Interval:
    """The mean and the 95% interval of resampled means over so many images, where these are enough."""
    if images < FEWEST_FOR_INTERVAL or np.isnan(drawn).all():
        return Interval(mean)
    tail = expanded_tail(images)
    low, high = np.nanquantile(drawn, [tail, 1.0 - tail])
    return Interval(mean, float(low), float(high))


def expanded_tail(images: int) -> float:
    """The share of a bootstrap's draws to cut off at each end for a 95% interval of a mean over images.

    Cutting 2.5% gives an interval that is too narrow for few images, by the root of (n-1)/n and by what
    Student's t is wider than the normal; here the cut lies further out by both.

    Source: T. Hesterberg, The American Statistician 69 (2015), "expanded percentile interval".
    """
    from scipy.special import ndtr, stdtrit  # scipy.stats takes most of a second to import

    return float(ndtr(math.sqrt(images / (images - 1)) * stdtrit(images - 1, 0.025)))


def _by_image(
    points: pd.DataFrame, metrics: Sequence[str], bpp_range: tuple[float, float] | None
) -> dict[str, dict[str, Array]]:
    """Each image's columns: bpp and whatever metrics there are; images without a point in range too."""
    names = [name for name in ("bpp", *metrics) if name in points]
    points = points.drop_duplicates(["image", *names])  # targets out of reach share the nearest point
    columns = {name: points[name].to_numpy(float) for name in names}
    low, high = bpp_range or (-math.inf, math.inf)
    outside = (columns["bpp"] < low) | (columns["bpp"] > high)
    rows = points.groupby("image").indices
    return {
        str(image): {name: column[where[~outside[where]]] for name, column in columns.items()}
        for image, where in rows.items()
    }


def _of_image(
    anchor: dict[str, Array] | None,
    test: dict[str, Array] | None,
    metric: str,
    lower_is_better: Collection[str],
    method: str,
    quantity: str,
) -> tuple[float, float, str]:
    """One image's BD-rate or BD-metric, overlap and reason."""
    for role, points in (("anchor", anchor), ("test", test)):
        if points is None:
            return math.nan, math.nan, f"{role}: image missing"
        if metric not in points or (points[metric].size and np.isnan(points[metric]).all()):
            has_psnr_hvs = metric == "psnr_hvs_m" and np.isfinite(points.get("psnr_hvs", math.nan)).any()
            hint = f", but PSNR-HVS is: {_INSTEAD}" if has_psnr_hvs else ""
            return math.nan, math.nan, f"{role}: not measured{hint}"
    assert anchor is not None
    assert test is not None
    anchor_curve, test_curve = (np.stack([p["bpp"], p[metric]], axis=1) for p in (anchor, test))
    higher = is_higher_better(metric, lower_is_better)
    return difference(anchor_curve, test_curve, higher, method, quantity)


def _means(values: Array, drawn: npt.NDArray[np.int64]) -> Array:
    """Means over resampled images, `[resamples, metrics]`, of values `[images, metrics]`.

    NaN values are left out of each mean; a draw without any value for a metric is NaN.
    """
    if not values.size:
        return np.full((len(drawn), values.shape[1]), math.nan)
    valid = ~np.isnan(values)
    # Not a matrix product: its last bits depend on the number of threads, and tables are equal to the byte.
    sums = np.einsum("ri,im->rm", drawn, np.where(valid, values, 0.0))
    if valid.all():
        return sums / len(values)
    counts = np.einsum("ri,im->rm", drawn, valid.astype(float))
    return np.divide(sums, counts, out=np.full(sums.shape, math.nan), where=counts > 0)


def _summary(metric: str, rows: Sequence[tuple[str, str, float, float, str]], drawn: Array) -> MetricSummary:
    """Of one metric's image, metric, BD-rate, overlap and reason."""
    used = [(value, overlap) for _, _, value, overlap, reason in rows if not reason]
    reasons = sorted({reason for *_, reason in rows if reason})
    left_out = {reason: tuple(row[0] for row in rows if row[-1] == reason) for reason in reasons}
    if not used:
        overlaps = [overlap for *_, overlap, _ in rows if not math.isnan(overlap)]
        overlap = math.fsum(overlaps) / len(overlaps) if overlaps else math.nan
        return MetricSummary(metric, Interval(math.nan), 0, overlap, left_out)
    mean, overlap = (math.fsum(column) / len(used) for column in zip(*used, strict=True))
    return MetricSummary(metric, interval(mean, drawn, len(used)), len(used), overlap, left_out)
