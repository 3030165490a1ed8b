"""Drawing with matplotlib: each function takes plain data and returns a figure."""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jpegai_bench.report.plots.style import RC
from jpegai_bench.system.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_NO_DATES: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


_RATES = (0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8)
"""Ticks of a logarithmic axis of rates, in bpp: JPEG AI's, and on in octaves."""


def render(
    make: Callable[[dict[str, Any]], "Figure"], data: dict[str, Any], formats: Sequence[str]
) -> list[bytes]:
    """The figure in each format; equal data gives equal bytes."""
    from matplotlib import rc_context, rcParamsDefault

    defaults: Any = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
    files = []
    with rc_context({**defaults, **RC}):  # whatever the user's own matplotlibrc says
        figure = make(data)
        for suffix in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, metadata=_NO_DATES[suffix])
            files.append(buffer.getvalue())
            figure.set_layout_engine(None)  # laid out by the first; again would take as long as drawing
    return files


def rate_distortion(data: dict[str, Any]) -> "Figure":
    """One metric over the rate, the legend beside it, from the upper curve to the lower."""
    panel = data["panels"][0]
    many = len(panel["curves"]) > 8
    figure = empty_figure(6.3 if many else 5.4, 3.7 if many else 3.3)
    axes = figure.subplots()
    curves = _panel(axes, panel)
    axes.set_xlabel("rate (bpp)")
    axes.set_ylabel(panel["label"])
    axes.set_title(f"{data['title']}, mean of {count(panel['images'], 'image')}", loc="left")
    figure.legend(handles=[curves[label] for label in panel["order"]], loc="outside right upper")
    return figure


def overview(data: dict[str, Any]) -> "Figure":
    """All metrics of the mean of seven and luma PSNR, one legend for all."""
    across = 4 if len(data["panels"]) > 4 else 2
    down = math.ceil(len(data["panels"]) / across)
    figure = empty_figure(1.9 * across, 0.6 + 1.75 * down)
    grid = figure.subplots(down, across, squeeze=False)
    images = {panel["images"] for panel in data["panels"]}
    curves: dict[str, Line2D] = {}
    for place, axes in enumerate(grid.flat):
        if place >= len(data["panels"]):
            axes.set_visible(False)
            continue
        panel = data["panels"][place]
        curves |= _panel(axes, panel, scale=0.75)
        counted = "" if len(images) == 1 else f" [{count(panel['images'], 'image')}]"
        axes.set_title(panel["label"] + counted, loc="left", fontsize=7.5)
        if place + across >= len(data["panels"]):
            axes.set_xlabel("rate (bpp)")
    averaged = f", mean of {count(images.pop(), 'image')}" if len(images) == 1 else ""
    figure.suptitle(f"{data['title']}{averaged}", fontsize=8, color="#404040", x=0.01, ha="left")
    handles = [curves[label] for label in _best_first(data["panels"])]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(curves)))
    return figure


def empty_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _best_first(panels: Sequence[dict[str, Any]]) -> list[str]:
    """The curves by their mean rank over the panels, the best first."""
    ranks: dict[str, list[int]] = {}
    for panel in panels:
        order = panel["order"] if panel["higher_is_better"] else panel["order"][::-1]
        for rank, label in enumerate(order):
            ranks.setdefault(label, []).append(rank)
    return sorted(ranks, key=lambda label: (sum(ranks[label]) / len(ranks[label]), label))


def _panel(axes: "Axes", panel: dict[str, Any], scale: float = 1.0) -> "dict[str, Line2D]":
    """Draw the curves; by label."""
    drawn = {}
    for curve in panel["curves"]:
        style = curve["style"]
        style = style | {size: scale * style[size] for size in ("markersize", "linewidth")}
        [drawn[curve["label"]]] = axes.plot(curve["bpp"], curve["score"], label=curve["name"], **style)
    if panel["logarithmic"]:
        _logarithmic(axes)
    axes.set_xlim(panel["xlim"])
    axes.set_ylim(panel["ylim"])
    return drawn


def _logarithmic(axes: "Axes") -> None:
    """Many curves keep apart at low rates too, and equal distances across are equal shares of the rate."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(_RATES))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
