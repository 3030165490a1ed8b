"""BD-rate of one codec against another over a set of images, with its uncertainty."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from jpegai_bench.analysis.bdrate import bd_rate
from jpegai_bench.metrics.catalogue import METRICS, Metric, average_of

FEWEST_FOR_INTERVAL = 3
"""Images needed for a bootstrap interval: resampling one or two says nothing about the next image."""

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% bootstrap interval over images, all in percent; NaN is NA."""

    mean: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class MetricSummary:
    """BD-rate of one metric over the images that have one."""

    metric: str
    bd_rate: Interval
    images: int
    """Images in the mean."""
    overlap: float
    """Mean overlap of the curves in the mean, 0 to 1."""
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
        counts = [self.metrics[name].images for name in self.average_of]
        return min(counts), max(counts)


def summarize(
    anchor_points: pd.DataFrame,
    test_points: pd.DataFrame,
    hvs: str = "hvs_m",
    method: str = "pchip",
    resamples: int = 2000,
    seed: int = 0,
) -> Summary:
    """BD-rate per image and metric, its mean over images, and the mean of seven.

    The points are as in `points.csv`: one row per image and rate, with columns image, bpp and the metrics.
    Images are paired by name. A metric for which lower is better enters as 1 - value. An image without
    a BD-rate for a metric is left out of that metric's mean, and listed with its reason.

    Intervals are percentile bootstrap over images. One draw serves all metrics, so that the interval of
    the mean of seven keeps the correlation between them. The mean of seven is NA unless all seven exist.
    With few images (up to about ten) percentile intervals are known to be too narrow.

    Raises:
        BenchError: the method or the choice of HVS is unknown.
    """
    seven = tuple(average_of(hvs))
    anchor, test = _by_image(anchor_points), _by_image(test_points)
    metrics = [
        metric
        for metric in METRICS
        if metric.name in seven or (metric.name in anchor_points and metric.name in test_points)
    ]
    images = sorted(anchor.keys() | test.keys())
    per_image = pd.DataFrame(
        [
            (image, metric.name, *_one(anchor.get(image), test.get(image), metric, method))
            for image in images
            for metric in metrics
        ],
        columns=["image", "metric", "bd_rate", "overlap", "reason"],
    )

    values = per_image.bd_rate.to_numpy(float).reshape(len(images), len(metrics))
    drawn = _bootstrap(values, resamples, seed)
    summaries = {}
    for column, metric in enumerate(metrics):
        rows = per_image.iloc[column :: len(metrics)]
        summaries[metric.name] = _summary(metric.name, rows, drawn[:, column])

    missing = [
        metric.label
        for metric in metrics
        if metric.name in seven and math.isnan(summaries[metric.name].bd_rate.mean)
    ]
    if missing:
        average, reason = Interval(math.nan), f"no BD-rate for {', '.join(missing)}"
    else:
        columns = [column for column, metric in enumerate(metrics) if metric.name in seven]
        enough = all(summaries[name].images >= FEWEST_FOR_INTERVAL for name in seven)
        mean = math.fsum(summaries[name].bd_rate.mean for name in seven) / len(seven)
        average, reason = _interval(mean, drawn[:, columns].mean(axis=1), enough), ""
    return Summary(per_image, summaries, average, seven, reason)


def _by_image(points: pd.DataFrame) -> dict[str, dict[str, _Array]]:
    """Each image's numeric columns: bpp and whatever metrics there are."""
    wanted = ["bpp", *(metric.name for metric in METRICS if metric.name in points)]
    columns = {name: points[name].to_numpy(float) for name in wanted}
    rows = points.groupby("image").indices
    return {
        str(image): {name: column[where] for name, column in columns.items()} for image, where in rows.items()
    }


def _one(
    anchor: dict[str, _Array] | None, test: dict[str, _Array] | None, metric: Metric, method: str
) -> tuple[float, float, str]:
    """One image's BD-rate, overlap and reason."""
    for role, points in (("anchor", anchor), ("test", test)):
        if points is None:
            return math.nan, math.nan, f"{role}: image missing"
        if metric.name not in points or np.isnan(points[metric.name]).all():
            return math.nan, math.nan, f"{role}: not measured"
    assert anchor is not None
    assert test is not None
    qualities = (points[metric.name] for points in (anchor, test))
    anchor_quality, test_quality = (q if metric.higher_is_better else 1.0 - q for q in qualities)
    result = bd_rate(
        anchor["bpp"].tolist(), anchor_quality.tolist(), test["bpp"].tolist(), test_quality.tolist(), method
    )
    return result.value, result.overlap, result.reason


def _bootstrap(values: _Array, resamples: int, seed: int) -> _Array:
    """Means over resampled images, `[resamples, metrics]`, of values `[images, metrics]`.

    NaN values are left out of each mean; a draw without any value for a metric is NaN.
    """
    images, metrics = values.shape
    if images == 0:
        return np.full((resamples, metrics), math.nan)
    draws = np.random.default_rng(seed).multinomial(images, np.full(images, 1.0 / images), size=resamples)
    valid = ~np.isnan(values)
    # Not a matrix product: its last bits depend on the number of threads, and tables are equal to the byte.
    sums, counts = (
        np.einsum("ri,im->rm", draws, table) for table in (np.where(valid, values, 0.0), valid.astype(float))
    )
    return np.divide(sums, counts, out=np.full(sums.shape, math.nan), where=counts > 0)


def _summary(metric: str, rows: pd.DataFrame, drawn: _Array) -> MetricSummary:
    used = rows[rows.reason == ""]
    left_out = {
        str(reason): tuple(group.image)
        for reason, group in rows[rows.reason != ""].groupby("reason", sort=True)
    }
    if used.empty:
        return MetricSummary(metric, Interval(math.nan), 0, math.nan, left_out)
    mean = math.fsum(used.bd_rate) / len(used)
    interval = _interval(mean, drawn, len(used) >= FEWEST_FOR_INTERVAL)
    return MetricSummary(metric, interval, len(used), math.fsum(used.overlap) / len(used), left_out)


def _interval(mean: float, drawn: _Array, enough: bool) -> Interval:
    if not enough or np.isnan(drawn).all():
        return Interval(mean)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(mean, float(low), float(high))
