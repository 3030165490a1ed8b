"""BD-rate of two mean R-D curves: mean rate and mean score over images at each operating point."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from jpegai_bench.analysis.rdpoints import ONE_CURVE, RDPoints
from jpegai_bench.analysis.statistics import (
    FEWEST_FOR_INTERVAL,
    Array,
    Interval,
    MetricSummary,
    Summary,
    average_seven,
    difference,
    draws,
    interval,
    is_higher_better,
)
from jpegai_bench.metrics.catalogue import average_of

MOST_WITHOUT = 0.05
"""Share of resamples that may be without a BD-rate where there is an interval."""

Range = tuple[float, float]


@dataclass(frozen=True)
class MeanCurves:
    """The curves of two codecs for one metric, over the images of which both have every point."""

    metric: str
    images: tuple[str, ...]
    left_out: dict[str, tuple[str, ...]]
    """Images that are not in the means, by reason."""
    anchor_tables: Array = field(repr=False)
    """`[images, points, (bpp, score)]`, the score as in the file; one image where it is one curve."""
    test_tables: Array = field(repr=False)

    def curves(self) -> tuple[Array, Array]:
        """Anchor's and test's mean `[points, (bpp, score)]` by rising rate."""
        anchor, test = (_ordered(t.mean(axis=0)) for t in (self.anchor_tables, self.test_tables))
        return anchor, test

    def resampled(self, weights: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        """Mean curves `[draws, points, (bpp, score)]` where images count `weights`, `[draws, images]`."""
        sides = (self.anchor_tables, self.test_tables)
        anchor, test = (_ordered(_weighted(tables, weights)) for tables in sides)
        return anchor, test


def mean_curves(anchor: RDPoints, test: RDPoints, metric: str, bpp_range: Range | None = None) -> MeanCurves:
    """Pair the images of two codecs for a metric that both have; keep points of mean rates in the range.

    An operating point is a value of `RDPoints.operating`; where there is none, the first, second, … rate of
    each image. A mean over different images would bend a curve, so an image enters only with every operating
    point of its file. A file that is one curve is taken for a mean already.
    """
    (anchor_complete, anchor_faults), (test_complete, test_faults) = (
        _complete_tables(p, metric) for p in (anchor, test)
    )
    with_images = [points for points in (anchor, test) if not points.one_curve]
    names = sorted({name for points in with_images for name in points.images}) or [ONE_CURVE]
    images: list[str] = []
    left_out: dict[str, list[str]] = {}
    for name in names:
        for role, points, complete, faults in (
            ("anchor", anchor, anchor_complete, anchor_faults),
            ("test", test, test_complete, test_faults),
        ):
            image = ONE_CURVE if points.one_curve else name
            if image not in complete:
                left_out.setdefault(f"{role}: {faults.get(image, 'image missing')}", []).append(name)
                break
        else:
            images.append(name)
    tables = (
        _within(
            np.array([complete[name] for name in ([ONE_CURVE] if points.one_curve else images)]), bpp_range
        )
        if images
        else np.empty((1, 0, 2))
        for points, complete in ((anchor, anchor_complete), (test, test_complete))
    )
    reasons = {reason: tuple(out) for reason, out in sorted(left_out.items())}
    return MeanCurves(metric, tuple(images), reasons, *tables)


def summarize_mean(
    anchor: RDPoints,
    test: RDPoints,
    hvs: str,
    method: str,
    resamples: int = 1000,
    seed: int = 0,
    *,
    metrics: Sequence[str],
    lower_is_better: Collection[str] = (),
    bpp_range: Range | None = None,
    quantity: str = "bd_rate",
) -> Summary:
    """As `statistics.summarize`, but of the mean curves, within `bpp_range` of mean rate.

    The interval is bootstrap over images here too: each draw has its own mean curves. It is NA
    where more than `MOST_WITHOUT` of the draws have no BD-rate, and where a file is one curve: the images
    behind it cannot be drawn along. `per_image` has one row per metric.
    """
    by_metric = {metric: mean_curves(anchor, test, metric, bpp_range) for metric in metrics}
    names = sorted({name for curves in by_metric.values() for name in curves.images})
    paired = not anchor.one_curve and not test.one_curve
    weights = draws(len(names), resamples if paired and len(names) >= FEWEST_FOR_INTERVAL else 0, seed)
    summaries: dict[str, MetricSummary] = {}
    drawn: dict[str, Array] = {}
    for metric, curves in by_metric.items():
        higher = is_higher_better(metric, lower_is_better)

        def compared(a: Array, t: Array, higher: bool = higher) -> tuple[float, float, str]:
            return difference(a, t, higher, method, quantity)

        value, overlap, reason = math.nan, math.nan, ""
        if curves.images:
            value, overlap, reason = compared(*curves.curves())
        values = np.full(len(weights), math.nan)
        enough = len(weights) > 0 and not math.isnan(value) and len(curves.images) >= FEWEST_FOR_INTERVAL
        if enough:
            image_weights = weights[:, [names.index(name) for name in curves.images]]
            pairs = zip(*curves.resampled(image_weights), strict=True)
            values = np.array([compared(*pair)[0] for pair in pairs])
            if np.isnan(values).mean() > MOST_WITHOUT:
                values[:] = math.nan  # of the mean of seven too
        left_out = curves.left_out | ({f"mean curves, {reason}": curves.images} if reason else {})
        images = 0 if reason else len(curves.images)
        drawn[metric] = values
        summaries[metric] = MetricSummary(metric, interval(value, values, images), images, overlap, left_out)
    seven = average_of(hvs)
    average, average_reason = average_seven(summaries, drawn, seven)
    if quantity == "bd_metric":
        average, average_reason = Interval(math.nan), "units differ"
    rows = [
        (f"mean of {s.images}", s.metric, s.bd_rate.mean, s.overlap, s.reason) for s in summaries.values()
    ]
    frame = pd.DataFrame(rows, columns=["image", "metric", "bd_rate", "overlap", "reason"])
    return Summary(frame, summaries, average, seven, average_reason)


def _complete_tables(points: RDPoints, metric: str) -> tuple[dict[str, Array], dict[str, str]]:
    """Tables `[points, (bpp, score)]` of images that have every point; what is wrong with the others."""
    frame = points.frame
    step = (
        frame[points.operating]
        if points.operating
        else frame.groupby("image").bpp.rank(method="first", na_option="bottom")
    )
    steps, place = np.unique(step.to_numpy(float), return_inverse=True)
    values = frame[["bpp", metric]].to_numpy(float)
    complete, faults = {}, {}
    for name, rows in frame.groupby("image").indices.items():
        table = np.full((len(steps), 2), math.nan)
        table[place[rows]] = values[rows]
        fault = _fault(table)
        if fault:
            faults[str(name)] = fault
        else:
            complete[str(name)] = table
    return complete, faults


def _fault(table: Array) -> str:
    if np.isnan(table[:, 1]).all():
        return "not measured"
    if not np.isfinite(table).all():
        return "a point missing or not finite"
    return "a rate that is not positive" if (table[:, 0] <= 0).any() else ""


def _ordered(curves: Array) -> Array:
    """`[…, points, (bpp, score)]` by rising rate."""
    order = np.argsort(curves[..., 0], axis=-1, kind="stable")
    return np.take_along_axis(curves, order[..., None], axis=-2)


def _within(tables: Array, bpp_range: Range | None) -> Array:
    """The points of `[images, points, 2]` whose mean rate is in the range."""
    if bpp_range is None:
        return tables
    rates = tables[:, :, 0].mean(axis=0)
    return tables[:, (rates >= bpp_range[0]) & (rates <= bpp_range[1])]


def _weighted(tables: Array, weights: npt.NDArray[np.int64]) -> Array:
    """Means `[draws, points, 2]`; NaN where a draw holds none of the images."""
    total = weights.sum(axis=1)[:, None, None]
    sums = np.einsum("ri,ipk->rpk", weights, tables)
    return np.divide(sums, total, out=np.full(sums.shape, math.nan), where=total > 0)
