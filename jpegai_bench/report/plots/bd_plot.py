"""The two R-D curves behind each BD-rate, with the area between them."""

import math
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jpegai_bench.analysis.bdrate import rates_at
from jpegai_bench.analysis.bdtable import BDTable
from jpegai_bench.analysis.meancurve import mean_curves
from jpegai_bench.analysis.rdpoints import RDPoints
from jpegai_bench.analysis.statistics import Array, MetricSummary, difference, is_higher_better
from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.plots.draw import empty_figure, render
from jpegai_bench.report.plots.style import codec_style, variant_style
from jpegai_bench.report.tables.bdrate_sheet import described, label
from jpegai_bench.report.tables.sheets import metric_label
from jpegai_bench.system.files import write_bytes
from jpegai_bench.system.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEPS = 200
_LESS, _MORE = "#009E73", "#D55E00"


def write_bd_plot(table: BDTable, path: Path) -> None:
    """Draw the curves of each metric that both files have into `path`, whose suffix is the format.

    Of several images the mean curves are drawn, over those that have every point. Equal input gives equal
    bytes.

    Raises:
        BenchError: the file cannot be written.
    """
    form = path.suffix.lower().removeprefix(".")
    [data] = render(_figure, bd_plot_data(table), [form])
    write_bytes(path, data, "give another file in a folder that exists")


def bd_plot_data(table: BDTable) -> dict[str, Any]:
    """All that decides the figure, as plain data."""
    shown = [row for row in table.rates if row.metric in table.anchor.metrics]
    shown = [row for row in shown if row.metric in table.test.metrics]
    panels = [_panel(table, row) for row in shown]
    counts = {panel["images"] for panel in panels} - {0}
    return {
        "anchor": _short(label(table.anchor)),
        "described": described(table.anchor),
        "test": _short(label(table.test)),
        "title": _subtitle(table, counts),
        "counted": len(counts) > 1,
        "panels": panels,
    }


def _subtitle(table: BDTable, counts: set[int]) -> str:
    how = table.options.method if table.options.method == "cubic" else table.options.method.upper()
    if counts <= {1}:
        return f"BD-rate, {how}"
    over = "of the mean curves" if table.options.curve == "mean" else "mean over images"
    drawn = count(counts.copy().pop(), "image") if len(counts) == 1 else "as many images as [in brackets]"
    return f"BD-rate, {how}, {over}; drawn and shaded: mean curves of {drawn}"


def _panel(table: BDTable, row: MetricSummary) -> dict[str, Any]:
    higher = is_higher_better(row.metric, table.options.lower_is_better)
    curves, images, why_none = _curves(table, row.metric)
    anchor, test = curves
    sampled = [_sampled(curve, higher, table.options.method) for curve in curves]
    area = None
    if row.images and not difference(anchor, test, higher, table.options.method, "bd_rate")[2]:
        low, high = max(anchor[:, 1].min(), test[:, 1].min()), min(anchor[:, 1].max(), test[:, 1].max())
        at = np.linspace(low, high, _STEPS).tolist()
        with suppress(ValueError):  # a cubic can leave the range of floats between points
            area = {"scores": at, "rates": [_rates(c, at, higher, table.options.method) for c in curves]}
    interval = row.bd_rate
    unit = next((f" ({listed.unit})" for listed in METRICS if listed.name == row.metric and listed.unit), "")
    return {
        "label": metric_label(row.metric),
        "axis": f"{metric_label(row.metric)}{unit}{'' if higher else ', lower is better'}",
        "bd_rate": None if math.isnan(interval.mean) else interval.mean,
        "interval": None if math.isnan(interval.low) else [interval.low, interval.high],
        "reason": why_none or (table.reason(row) if math.isnan(interval.mean) else ""),
        "images": images,
        "points": [curve.tolist() for curve in curves],
        "sampled": sampled,
        "area": area,
    }


def _curves(table: BDTable, metric: str) -> tuple[tuple[Array, Array], int, str]:
    """Anchor's and test's `[points, (bpp, score)]` by rate, the number of images, why there are none."""
    sides = (table.anchor, table.test)
    if all(len(points.images) == 1 for points in sides):
        low, high = table.options.bpp_range or (-math.inf, math.inf)
        return (_only(sides[0], metric, low, high), _only(sides[1], metric, low, high)), 1, ""
    means = mean_curves(*sides, metric, table.options.bpp_range)
    if not means.images:
        return (np.empty((0, 2)), np.empty((0, 2))), 0, f"no mean curve: {'; '.join(means.left_out)}"
    return means.curves(), len(means.images), ""


def _only(points: RDPoints, metric: str, low: float, high: float) -> Array:
    curve = points.frame[["bpp", metric]].to_numpy(float)
    curve = curve[np.isfinite(curve).all(axis=1) & (curve[:, 0] >= low) & (curve[:, 0] <= high)]
    curve = curve[curve[:, 0] > 0]  # the axis of rates is logarithmic
    return curve[np.argsort(curve[:, 0], kind="stable")]


def _sampled(curve: Array, higher: bool, method: str) -> list[list[float]]:
    """The interpolated curve as rates and scores; straight lines where it has no BD-rate."""
    if not len(curve):
        return [[], []]
    at = np.linspace(curve[:, 1].min(), curve[:, 1].max(), _STEPS).tolist()
    try:
        return [_rates(curve, at, higher, method), at]
    except ValueError:
        return [curve[:, 0].tolist(), curve[:, 1].tolist()]


def _rates(curve: Array, at: list[float], higher: bool, method: str) -> list[float]:
    if higher:
        return rates_at(curve[:, 0].tolist(), curve[:, 1].tolist(), at, method)
    return rates_at(curve[:, 0].tolist(), (1.0 - curve[:, 1]).tolist(), [1.0 - score for score in at], method)


def _short(text: str) -> str:
    return text if len(text) <= 44 else f"…{text[-43:]}"


def _figure(data: dict[str, Any]) -> "Figure":
    from matplotlib.patches import Patch

    count = len(data["panels"])
    across = min(count, 4 if count > 4 else 2)
    down = math.ceil(count / across)
    size = (5.0, 3.5) if count == 1 else (max(2.1 * across, 4.6), 0.7 + 1.95 * down)
    figure = empty_figure(*size)
    grid = figure.subplots(down, across, squeeze=False)
    for place, panel in enumerate(data["panels"]):
        _draw(grid.flat[place], panel, data, small=count > 1)
        if place + across >= count:
            grid.flat[place].set_xlabel("rate (bpp)")
    caption = textwrap.wrap(f"Anchor {data['described']}", round(16 * size[0]))
    figure.suptitle("\n".join([data["title"], *caption]), fontsize=8, color="#404040", x=0.01, ha="left")
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    signs = {sign for panel in data["panels"] for sign in _signs(panel)}
    for sign, colour, meaning in (
        (-1, _LESS, "less rate than the anchor"),
        (1, _MORE, "more rate than the anchor"),
    ):
        if sign in signs:
            handles.append(Patch(facecolor=colour, alpha=0.35))
            labels.append(meaning)
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw(axes: "Axes", panel: dict[str, Any], data: dict[str, Any], small: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    styles = (codec_style("vvc", 0) | {"zorder": 3.1}, variant_style(0) | {"zorder": 3.0})
    if panel["area"] is not None:
        scores, (anchor, test) = panel["area"]["scores"], map(np.array, panel["area"]["rates"])
        for colour, where in ((_LESS, test <= anchor), (_MORE, test >= anchor)):
            axes.fill_betweenx(
                scores, anchor, test, where=where, interpolate=True, color=colour, alpha=0.35, linewidth=0
            )
    for role, style, points, (rates, scores) in zip(
        ("anchor", "test"), styles, panel["points"], panel["sampled"], strict=True
    ):
        style = style | {"markersize": style["markersize"] * (0.6 if small else 0.9), "linewidth": 1.1}
        axes.plot(rates, scores, **{**style, "marker": ""})
        point_rates, point_scores = zip(*points, strict=True) if points else ((), ())
        axes.plot(point_rates, point_scores, **{**style, "linestyle": "none"})
        axes.plot([], [], label=f"{role}: {data[role]}", **style)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(panel["axis"])
    axes.set_title(_title(panel, data, small), loc="left", fontsize=7 if small else 8)


def _title(panel: dict[str, Any], data: dict[str, Any], small: bool) -> str:
    value = "NA" if panel["bd_rate"] is None else f"{panel['bd_rate'] + 0.0:.2f}%"
    interval = "" if panel["interval"] is None else " ({:.2f}…{:.2f})".format(*panel["interval"])
    counted = f" [{panel['images']}]" if data["counted"] else ""
    title = f"{panel['label']}: {value}{'' if small else interval}{counted}"
    return "\n".join([title, *textwrap.wrap(panel["reason"], 38 if small else 80, max_lines=2)])


def _signs(panel: dict[str, Any]) -> set[int]:
    if panel["area"] is None:
        return set()
    anchor, test = map(np.array, panel["area"]["rates"])
    near = 1e-9 * anchor
    return {int(sign) for sign in np.sign(np.where(np.abs(test - anchor) > near, test - anchor, 0)) if sign}
