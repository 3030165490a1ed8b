"""Mean R-D curves over images: what an R-D plot shows."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.study import Entry, Study


@dataclass(frozen=True)
class Curve:
    """Mean rate (bpp) and mean quality at each operating point, by rising rate."""

    label: str
    kind: str
    bpp: tuple[float, ...]
    quality: tuple[float, ...]


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
    found = {}
    for column, metric in enumerate(METRICS, 1):
        complete = []
        for entry, table in tables:
            pairs = {image: values[:, [0, column]] for image, values in table.items()}
            whole = {image: pair for image, pair in pairs.items() if pair.size and np.isfinite(pair).all()}
            if whole:
                complete.append((entry, whole))
        shared = sorted(set.intersection(*(set(whole) for _, whole in complete))) if complete else []
        if shared:
            curves = tuple(_mean(entry, [whole[image] for image in shared]) for entry, whole in complete)
            found[metric.name] = Panel(metric.name, len(shared), curves)
    return found


def rate_limit(panel: Panel) -> float:
    """The highest bpp worth showing: a little beyond the variants' own, whatever the anchors' reach.

    Without variants: as far as all anchors go.
    """
    reach = [curve.bpp[-1] for curve in panel.curves if curve.kind == "variant"]
    limit = 1.03 * (max(reach) if reach else min(curve.bpp[-1] for curve in panel.curves))
    step = 0.5 * 10.0 ** math.floor(math.log10(limit))  # ends on a tick
    return step * math.ceil(limit / step)


def quality_limits(panel: Panel) -> tuple[float, float]:
    """Lowest and highest quality that any curve has up to the rate limit, and a margin."""
    limit = rate_limit(panel)
    seen: list[float] = []
    for curve in panel.curves:
        seen += [q for b, q in zip(curve.bpp, curve.quality, strict=True) if b <= limit]
        if curve.bpp[0] <= limit:
            seen.append(float(np.interp(limit, curve.bpp, curve.quality)))
    low, high = min(seen), max(seen)
    margin = 0.06 * (high - low) or 0.06 * max(abs(high), 1e-3)
    return low - margin, high + margin


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
    found = {}
    for image, rows in points.groupby("image").indices.items():
        found[str(image)] = np.full((len(steps), len(names)), np.nan)
        found[str(image)][step[rows]] = values[rows]
    return found


def _mean(entry: Entry, tables: list[npt.NDArray[np.float64]]) -> Curve:
    """Mean of images' tables `[operating point, (bpp, quality)]`, by rate, and where two are one, once."""
    bpp, quality = np.unique(np.mean(tables, axis=0), axis=0).T.tolist()
    return Curve(entry.label, entry.kind, tuple(bpp), tuple(quality))
