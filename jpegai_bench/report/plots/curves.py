"""Mean R-D curves over images: what an R-D plot shows."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.study import Entry, Study

LOWEST, FURTHEST = 0.05, 1.25
"""Rates in bpp between which codecs alone are drawn: those of interest are 0.06 to 1 bpp."""


@dataclass(frozen=True)
class Curve:
    """Mean rate (bpp) and mean score at each operating point, by rising rate."""

    label: str
    name: str
    """As figures print it."""
    kind: str
    bpp: tuple[float, ...]
    score: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """The curves of one metric, over the images that every curve has."""

    metric: str
    images: int
    curves: tuple[Curve, ...]


def panels(study: Study) -> dict[str, Panel]:
    """By metric, in the catalogue's order; a metric that no entry has is absent.

    A mean over different images would bend a curve, so an image enters only where every entry that has
    the metric has it at each of its operating points.
    """
    tables = [(entry, _by_image(entry)) for entry in study.entries]
    by_metric = {}
    for column, metric in enumerate(METRICS, 1):
        complete = []
        for entry, table in tables:
            pairs = {image: values[:, [0, column]] for image, values in table.items()}
            valid = {image: pair for image, pair in pairs.items() if pair.size and np.isfinite(pair).all()}
            if valid:
                complete.append((entry, valid))
        shared = sorted(set.intersection(*(set(valid) for _, valid in complete))) if complete else []
        if shared:
            curves = tuple(_mean(entry, [valid[image] for image in shared]) for entry, valid in complete)
            by_metric[metric.name] = Panel(metric.name, len(shared), curves)
    return by_metric


def rate_limits(panel: Panel, from_zero: bool = True) -> tuple[float, float]:
    """The rates in bpp worth showing: a little beyond the variants' own, whatever the codecs' reach.

    Without variants as far as any codec goes, and not beyond `FURTHEST`. Unless they are to begin at 0,
    `LOWEST` is the first, or a little below the variants' own.
    """
    variants = [curve for curve in panel.curves if curve.kind == "variant"]
    low = 0.0 if from_zero else min([LOWEST, *(0.95 * curve.bpp[0] for curve in variants)])
    if not variants:
        return low, min(FURTHEST, max(curve.bpp[-1] for curve in panel.curves))
    reach = max(curve.bpp[-1] for curve in variants)
    if not from_zero:
        return low, 1.06 * reach
    limit = 1.03 * reach
    step = 0.5 * 10.0 ** math.floor(math.log10(limit))  # ends on a tick
    return low, step * math.ceil(limit / step)


def score_limits(panel: Panel, rates: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest score that any curve has between two rates, and a margin."""
    scores: list[float] = []
    for curve in panel.curves:
        scores += [
            score for bpp, score in zip(curve.bpp, curve.score, strict=True) if rates[0] <= bpp <= rates[1]
        ]
        cut = [rate for rate in rates if curve.bpp[0] <= rate <= curve.bpp[-1]]
        scores += np.interp(cut, curve.bpp, curve.score).tolist()
    low, high = min(scores), max(scores)
    margin = 0.06 * (high - low) or 0.06 * max(abs(high), 1e-3)
    return low - margin, high + margin


def by_height(panel: Panel) -> list[str]:
    """The curves' labels from the upper to the lower, at a middle of the rates that all have."""
    limit = rate_limits(panel)[1]
    low = max(curve.bpp[0] for curve in panel.curves)
    high = min(limit, *(curve.bpp[-1] for curve in panel.curves))
    middle = math.sqrt(low * high) if low < high else 0.5 * limit
    heights = {  # over log rate, where curves are straighter
        curve.label: np.interp(math.log(middle), np.log(curve.bpp), curve.score) for curve in panel.curves
    }
    return sorted(heights, key=lambda label: (-heights[label], label))


def _by_image(entry: Entry) -> dict[str, npt.NDArray[np.float64]]:
    """Each image's table `[operating point, 1 + metric]`, bpp first; what was not measured is NaN.

    Operating points are the rates that were aimed at, where they are known, else the codec's qualities.
    """
    points = entry.points
    by_target = "target_bpp" in points and points.target_bpp.notna().all()
    steps, step = np.unique(
        points["target_bpp" if by_target else "quality"].to_numpy(float), return_inverse=True
    )
    names = ["bpp", *(metric.name for metric in METRICS)]
    values = points.reindex(columns=names).to_numpy(float)
    by_image = {}
    for image, rows in points.groupby("image").indices.items():
        by_image[str(image)] = np.full((len(steps), len(names)), np.nan)
        by_image[str(image)][step[rows]] = values[rows]
    return by_image


def _mean(entry: Entry, tables: list[npt.NDArray[np.float64]]) -> Curve:
    """Mean of images' tables `[operating point, (bpp, score)]`, by rate, and where two are one, once."""
    bpp, score = np.unique(np.mean(tables, axis=0), axis=0).T.tolist()
    return Curve(entry.label, entry.name, entry.kind, tuple(bpp), tuple(score))
