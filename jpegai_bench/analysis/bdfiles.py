"""BD-rate of everything that two files of R-D points have in common."""

import math
from collections.abc import Collection, Sequence

from jpegai_bench.analysis.bdtable import BDTable, Options
from jpegai_bench.analysis.choices import CURVES
from jpegai_bench.analysis.meancurve import mean_curves, summarize_mean
from jpegai_bench.analysis.rdpoints import RDPoints
from jpegai_bench.analysis.statistics import Interval, MetricSummary, Summary, summarize
from jpegai_bench.errors import BenchError, UsageError, one_of
from jpegai_bench.metrics.catalogue import METRICS, NAMES, average_of


def bd_table(anchor: RDPoints, test: RDPoints, options: Options | None = None) -> BDTable:
    """Compare two codecs, metric by metric.

    Images are paired by name. A metric that only one file has is NA. The mean of seven takes PSNR-HVS where
    PSNR-HVS-M is not in both files, as JPEG AI's framework does always.

    >>> import pandas as pd
    >>> points = pd.DataFrame({"image": "a", "bpp": [0.1, 0.2, 0.4, 0.8], "psnr_y": [29.0, 32.0, 34.5, 37.0]})
    >>> anchor = RDPoints("anchor", points, ("psnr_y",))
    >>> test = RDPoints("test", points.assign(bpp=0.9 * points.bpp), ("psnr_y",))
    >>> table = bd_table(anchor, test).frame()
    >>> table[["metric", "bd_rate", "images_used"]].round(6).to_dict("records")
    [{'metric': 'psnr_y', 'bd_rate': -10.0, 'images_used': 1}]

    Raises:
        BenchError: the files share no image or metric, only one of them is one curve, or the options name a
            metric that is in neither, or a method or curve that there is not.
    """
    options = options or Options()
    one_of("curve", options.curve, CURVES)
    _check_images(anchor, test, options)
    metrics = _metrics(anchor, test, options)
    shared = [name for name in metrics if name in anchor.metrics and name in test.metrics]
    if not shared:
        raise BenchError(
            f"no metric is in both files: {anchor.path} has {', '.join(anchor.metrics)}; "
            f"{test.path} has {', '.join(test.metrics)}"
        )
    hvs = options.hvs
    if hvs == "hvs_m" and not _measured("psnr_hvs_m", anchor, test):
        hvs = "hvs" if _measured("psnr_hvs", anchor, test) else hvs
    images = {name for points in (anchor, test) if not points.one_curve for name in points.images}
    summary = _summary(anchor, test, hvs, shared, options)
    rates = tuple(_row(anchor, test, name, images, summary) for name in metrics)
    bd_metrics: tuple[MetricSummary, ...] = ()
    if options.bd_metric:
        bd_metric_summary = _summary(anchor, test, hvs, shared, options, "bd_metric")
        bd_metrics = tuple(_row(anchor, test, name, images, bd_metric_summary) for name in metrics)
    missing = [name for name in average_of(hvs) if name not in shared]
    return BDTable(
        anchor=anchor,
        test=test,
        options=options,
        rates=rates,
        bd_metrics=bd_metrics,
        average=None if missing else summary.average,
        average_reason=f"not in both files: {', '.join(missing)}" if missing else summary.reason,
        hvs=hvs,
        images=len(images) or 1,
        used=_used(anchor, test, rates, options),
        hints=tuple(_hints(anchor, test, options, rates)),
    )


def _summary(
    anchor: RDPoints,
    test: RDPoints,
    hvs: str,
    metrics: Sequence[str],
    options: Options,
    quantity: str = "bd_rate",
) -> Summary:
    if options.curve == "mean":
        return summarize_mean(
            anchor, test, hvs, options.method, metrics=metrics, lower_is_better=options.lower_is_better,
            bpp_range=options.bpp_range, quantity=quantity,
        )  # fmt: skip
    return summarize(
        anchor.frame, test.frame, hvs, options.method, metrics=metrics,
        lower_is_better=options.lower_is_better, bpp_range=options.bpp_range, quantity=quantity,
    )  # fmt: skip


def _check_images(anchor: RDPoints, test: RDPoints, options: Options) -> None:
    if options.curve == "mean" and (anchor.one_curve or test.one_curve):
        return
    if anchor.one_curve != test.one_curve:
        single, many = (anchor, test) if anchor.one_curve else (test, anchor)
        raise BenchError(
            f"{single.path} is one curve, but {many.path} has images ({len(many.images)}); "
            "curve=mean compares it with their mean"
        )
    if set(anchor.images).isdisjoint(test.images):
        examples = (
            ", ".join(points.images[:2]) + ", …" * (len(points.images) > 2) for points in (anchor, test)
        )
        contents = "; ".join(
            f"{p.path} has {listed}" for p, listed in zip((anchor, test), examples, strict=True)
        )
        raise BenchError(f"no image is in both files: {contents}; images are paired by name")


def _metrics(anchor: RDPoints, test: RDPoints, options: Options) -> list[str]:
    """The metrics of both files, those of the catalogue first."""
    if options.only is not None and not options.only:
        raise UsageError("only: no metric is chosen")
    metrics = dict.fromkeys((*anchor.metrics, *test.metrics))
    for setting, names in (("lower_is_better", options.lower_is_better), ("only", options.only or ())):
        unknown = [name for name in names if name not in metrics]
        if unknown:
            raise BenchError(
                f"{setting}: no metric {unknown[0]!r} in the files; there are {', '.join(metrics)}"
            )
    ordered = [name for name in NAMES if name in metrics] + [name for name in metrics if name not in NAMES]
    return [name for name in ordered if options.only is None or name in options.only]


def _measured(metric: str, *files: RDPoints) -> bool:
    return all(metric in points.metrics and points.frame[metric].notna().any() for points in files)


def _row(
    anchor: RDPoints, test: RDPoints, metric: str, images: Collection[str], summary: Summary
) -> MetricSummary:
    for role, points in (("anchor", anchor), ("test", test)):
        if metric not in points.metrics:
            left_out = {f"{role}: metric missing": tuple(sorted(images) or ["-"])}
            return MetricSummary(metric, Interval(math.nan), 0, math.nan, left_out)
    return summary.metrics[metric]


def _used(
    anchor: RDPoints, test: RDPoints, rows: Sequence[MetricSummary], options: Options
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The rates of the points behind the numbers, of anchor and test."""
    by_side: list[list[float]] = [[], []]
    for row in rows:
        if not row.images:
            continue
        if options.curve == "mean":
            curves = mean_curves(anchor, test, row.metric, options.bpp_range).curves()
            rates = [curve[:, 0].tolist() for curve in curves]
        else:
            out = {name for names in row.left_out.values() for name in names}
            low, high = options.bpp_range or (-math.inf, math.inf)
            frames = (points.frame[~points.frame.image.isin(out)] for points in (anchor, test))
            rates = [frame.bpp[frame.bpp.between(low, high)].tolist() for frame in frames]
        for extremes, rates_of_side in zip(by_side, rates, strict=True):
            extremes += [min(rates_of_side), max(rates_of_side)]
    ranges = [(min(extremes), max(extremes)) if extremes else (math.nan, math.nan) for extremes in by_side]
    return ranges[0], ranges[1]


def _hints(anchor: RDPoints, test: RDPoints, options: Options, rows: Sequence[MetricSummary]) -> list[str]:
    """Metrics of unknown direction that would have a BD-rate the other way round."""
    metric_names = {metric.name for metric in METRICS} | set(options.lower_is_better)
    doubtful = [
        row.metric
        for row in rows
        if row.metric not in metric_names
        and any("not strictly monotonic" in reason for reason in row.left_out)
    ]
    shared = [name for name in doubtful if name in anchor.metrics and name in test.metrics]
    if not shared:
        return []
    turned = Options(options.method, options.curve, False, shared, options.bpp_range, options.hvs)
    summary = _summary(anchor, test, options.hvs, shared, turned)
    return [
        f"{name} falls where the rate rises; if lower is better, add lower_is_better=[{name}]"
        for name in shared
        if summary.metrics[name].images > 0
    ]
