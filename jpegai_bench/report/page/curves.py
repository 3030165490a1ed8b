"""R-D points of every image, mean curves, and axes that stay as they are whichever curves are shown."""

import math
from typing import Any

import numpy as np

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.plots.curves import Curve, Panel, panels, rate_limits, score_limits

MEAN = ""
"""In place of an image's name."""


def curves_of(study: Study, images: list[str]) -> dict[str, Any]:
    """Plain data: `points` by label and image, `means` by metric, `axes` by metric and image."""
    means = panels(study)
    points = {entry.label: _points(entry) for entry in study.entries}
    axes: dict[str, dict[str, Any]] = {}
    for metric in METRICS:
        by_image = {MEAN: means[metric.name]} if metric.name in means else {}
        for image in images:
            if panel := _panel(study, points, metric.name, image):
                by_image[image] = panel
        if by_image:
            axes[metric.name] = {image: _axes(panel) for image, panel in by_image.items()}
    return {
        "points": points,
        "means": {name: _mean(panel) for name, panel in means.items()},
        "axes": axes,
    }


def plain(value: float) -> float | None:
    """As JSON can hold it: what is not finite is None."""
    return float(value) if math.isfinite(value) else None


def _points(entry: Entry) -> dict[str, dict[str, list[float | None]]]:
    names = [metric.name for metric in METRICS if metric.name in entry.points]
    by_image = {}
    for image, rows in entry.points.groupby("image", sort=False):
        ordered = rows.sort_values(["bpp", "quality"], kind="stable")
        columns = ordered[["quality", "bpp", *names]].astype(float)
        by_image[str(image)] = {str(name): [plain(value) for value in columns[name]] for name in columns}
    return by_image


def _panel(study: Study, points: dict[str, Any], metric: str, image: str) -> Panel | None:
    curves = []
    for entry in study.entries:
        columns = points[entry.label].get(image, {})
        pairs = [
            (bpp, score)
            for bpp, score in zip(columns.get("bpp", ()), columns.get(metric, ()), strict=False)
            if bpp is not None and score is not None
        ]
        if pairs:
            bpp, score = np.unique(np.array(pairs), axis=0).T.tolist()
            curves.append(Curve(entry.label, entry.name, entry.kind, tuple(bpp), tuple(score)))
    return Panel(metric, 1, tuple(curves)) if curves else None


def _axes(panel: Panel) -> dict[str, list[float]]:
    linear, logarithmic = rate_limits(panel), rate_limits(panel, from_zero=False)
    return {
        "linear": list(linear),
        "log": list(logarithmic),
        "quality": list(score_limits(panel, (logarithmic[0], linear[1]))),
    }


def _mean(panel: Panel) -> dict[str, Any]:
    drawn = {curve.label: {"bpp": curve.bpp, "quality": curve.score} for curve in panel.curves}
    return {"images": panel.images, "curves": drawn}
