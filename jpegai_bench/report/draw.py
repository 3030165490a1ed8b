"""Drawing with matplotlib: each function takes plain data and returns a figure."""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jpegai_bench.report.labels import Spot, in_points, place_labels
from jpegai_bench.report.style import RC, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NO_DATES: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}


_APART = 8.0
"""Least distance between points side by side, in points of the page: room for two markers."""


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
            figure.set_layout_engine("none")  # laid out by the first; again would take as long as drawing
    return files


def rate_distortion(data: dict[str, Any]) -> "Figure":
    """One metric over the rate, the legend beside it."""
    figure = _figure(5.4, 3.3)
    axes = figure.subplots()
    panel = data["panels"][0]
    _panel(axes, panel)
    axes.set_xlabel("rate (bpp)")
    axes.set_ylabel(panel["label"])
    axes.set_title(f"{data['title']}, mean of {_count(panel['images'])}", loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def overview(data: dict[str, Any]) -> "Figure":
    """All metrics of the mean of seven and luma PSNR, one legend for all."""
    across = 4 if len(data["panels"]) > 4 else 2
    down = math.ceil(len(data["panels"]) / across)
    figure = _figure(1.9 * across, 0.6 + 1.75 * down)
    grid = figure.subplots(down, across, squeeze=False)
    images = {panel["images"] for panel in data["panels"]}
    curves: dict[str, Any] = {}
    for place, axes in enumerate(grid.flat):
        if place >= len(data["panels"]):
            axes.set_visible(False)
            continue
        panel = data["panels"][place]
        _panel(axes, panel, scale=0.75)
        counted = "" if len(images) == 1 else f" [{_count(panel['images'])}]"
        axes.set_title(panel["label"] + counted, loc="left", fontsize=7.5)
        curves |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        if place + across >= len(data["panels"]):
            axes.set_xlabel("rate (bpp)")
    of = f", mean of {_count(images.pop())}" if len(images) == 1 else ""
    figure.suptitle(f"{data['title']}{of}", fontsize=8, color="#404040", x=0.01, ha="left")
    figure.legend(curves.values(), curves.keys(), loc="outside lower center", ncols=min(5, len(curves)))
    return figure


def complexity(data: dict[str, Any]) -> "Figure":
    """kMACs/pixel on a logarithmic axis against mean BD-rate with its interval; each point is labelled."""
    figure = _figure(5.0, 3.4)
    axes = figure.subplots()
    points = data["points"]
    axes.set_xscale("log")
    _limits(axes, points)
    axes.set_xlabel("luma synthesis (kMACs/pixel, published counting)")
    axes.set_ylabel(f"mean BD-rate against {data['anchor']} (%)")
    axes.set_title(f"{data['title']}; lower left is better", loc="left")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the labels' places hold for these axes only

    spots, moved = _side_by_side(axes, points)
    if moved:
        axes.set_title(f"{axes.get_title(loc='left')}; close points set side by side", loc="left")
    for point, spot in zip(points, spots, strict=True):
        style = line_style("variant", point["number"])
        x, _ = axes.transData.inverted().transform((spot.x / in_points(axes), spot.y / in_points(axes)))
        bars = None
        if point["low"] is not None:
            bars = [[point["bd_rate"] - point["low"]], [point["high"] - point["bd_rate"]]]
        style |= {
            "linestyle": "none",
            "markersize": 5.5,
            "ecolor": "#606060",
            "elinewidth": 0.8,
            "capsize": 2,
        }
        axes.errorbar(x, point["bd_rate"], yerr=bars, **style)
    place_labels(axes, spots)
    return figure


def _figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _panel(axes: "Axes", panel: dict[str, Any], scale: float = 1.0) -> None:
    for curve in panel["curves"]:
        style = line_style(curve["kind"], curve["number"])
        style |= {size: scale * style[size] for size in ("markersize", "linewidth")}
        axes.plot(curve["bpp"], curve["quality"], label=curve["label"], **style)
    axes.set_xlim(panel["xlim"])
    axes.set_ylim(panel["ylim"])


def _count(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def _limits(axes: "Axes", points: list[dict[str, Any]]) -> None:
    """Room around the points for their labels, and ticks as plain numbers at any width of range."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    kmacs = [point["kmacs"] for point in points]
    room = max((max(kmacs) / min(kmacs)) ** 0.25, 1.25)
    axes.set_xlim(min(kmacs) / room, max(kmacs) * room)
    wide = max(kmacs) / min(kmacs) > 30
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, 2, 3, 4, 5, 6, 8), numticks=20)
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    ends = [p[end] for p in points for end in ("bd_rate", "low", "high") if p[end] is not None]
    margin = 0.14 * (max(ends) - min(ends)) or 0.5
    axes.set_ylim(min(ends) - margin, max(ends) + margin)


def _side_by_side(axes: "Axes", points: list[dict[str, Any]]) -> tuple[list[Spot], bool]:
    """Where on the page to draw each point, and whether any had to move.

    Variants of nearly equal complexity are moved apart sideways, as little as will do: their intervals
    would cover each other.
    """
    spots: list[Spot] = []
    moved = False
    for point in points:
        ends = [point["bd_rate"] if point[end] is None else point[end] for end in ("bd_rate", "low", "high")]
        places = axes.transData.transform([(point["kmacs"], end) for end in ends]) * in_points(axes)
        (x, y), (_, low), (_, high) = places.tolist()
        beside = [spot.x for spot in spots if low - 4 < spot.high and spot.low < high + 4]
        shifts = sorted(range(-80, 81), key=abs)
        shift = next((s for s in shifts if all(abs(x + s - other) >= _APART for other in beside)), 0)
        moved |= shift != 0
        spots.append(Spot(point["label"], x + shift, y, low, high))
    return spots, moved
