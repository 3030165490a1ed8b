"""Complexity against BD-rate: a point for each variant, a level for each codec without such a figure."""

from typing import TYPE_CHECKING, Any

from jpegai_bench.report.plots.draw import empty_figure
from jpegai_bench.report.plots.labels import FONT_SIZE, Spot, in_points, place_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_LINE = 8.5
"""Least distance between labels under each other, in points."""


def complexity(data: dict[str, Any]) -> "Figure":
    """kMACs/pixel on a logarithmic axis against mean BD-rate with its interval, a panel for each anchor.

    Each point is labelled; the BD-rates of peers stand at the right edge.
    """
    panels = [panel for panel in data["panels"] if panel["points"]]
    with_peers = any(panel["levels"] for panel in panels)
    figure = empty_figure(5.8 if with_peers else 5.0, 3.4 * len(panels))
    grid = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        axes.set_xscale("log")
        _limits(axes, panel["points"], panel["levels"])
        axes.set_xlabel(f"{panel['cost']} (kMACs/pixel, published counting)")
        axes.set_ylabel(f"mean BD-rate against {panel['anchor']} (%)")
        prefix = f"{data['title']}; " if axes is grid[0] else ""
        axes.set_title(f"{prefix}lower left is better", loc="left")
    anchors = "\n".join(f"Anchor {panel['described']}" for panel in panels)
    figure.supxlabel(anchors, fontsize=6, color="#404040", x=0.01, ha="left")
    levels = [(axes, level) for axes, panel in zip(grid, panels, strict=True) for level in panel["levels"]]
    reserved = [_text(axes, 0.5, f"{_level_text(level)} ↑") for axes, level in levels]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the labels' places hold for these axes only
    for text in reserved:
        text.remove()
    for axes, panel in zip(grid, panels, strict=True):
        _draw(axes, panel)
    return figure


def _draw(axes: "Axes", panel: dict[str, Any]) -> None:
    points = panel["points"]
    for point in points:
        bars = None
        if point["low"] is not None:
            bars = [[point["bd_rate"] - point["low"]], [point["high"] - point["bd_rate"]]]
        style = point["style"] | {
            "linestyle": "none",
            "markersize": 5.5,
            "ecolor": "#606060",
            "elinewidth": 0.8,
            "capsize": 2,
        }
        axes.errorbar(point["kmacs"], point["bd_rate"], yerr=bars, **style)
    place_labels(axes, _spots(axes, points))
    _levels(axes, panel["levels"])


def _levels(axes: "Axes", levels: list[dict[str, Any]]) -> None:
    """A tick and a label at the right edge for each peer; of those beyond the axis the label alone."""
    low, high = axes.get_ylim()
    bottom, top = (edge * in_points(axes) for edge in (axes.bbox.y0, axes.bbox.y1))
    scale = (top - bottom) / (high - low)
    levels = sorted(levels, key=lambda level: level["bd_rate"])
    wanted = [min(max(bottom + (level["bd_rate"] - low) * scale, bottom), top) for level in levels]
    for level, at, y in zip(levels, wanted, spread(wanted, _LINE, bottom, top), strict=True):
        inside = low <= level["bd_rate"] <= high
        share, place = (at - bottom) / (top - bottom), (y - bottom) / (top - bottom)
        if inside:
            axes.plot([0.975, 1.0, 1.02], [share, share, place], transform=axes.transAxes, clip_on=False,
                      color="#808080", linewidth=0.7)  # fmt: skip
        arrow = "" if inside else " ↑" if level["bd_rate"] > high else " ↓"
        _text(axes, place, f"{_level_text(level)}{arrow}")


def _level_text(level: dict[str, Any]) -> str:
    return f"{level['name']} {level['bd_rate'] + 0.0:.0f}%"


def _text(axes: "Axes", place: float, text: str) -> "Text":
    """Right of the axes, at a share of their height."""
    look: dict[str, Any] = {"va": "center", "fontsize": FONT_SIZE, "color": "#404040"}
    return axes.text(1.025, place, text, transform=axes.transAxes, **look)


def spread(wanted: list[float], apart: float, low: float, high: float) -> list[float]:
    """Places as near as may be to the wanted ones, which rise, with a distance between them.

    They stay between low and high where there is room.
    """
    places: list[float] = []
    for want in wanted:
        places.append(max(want, places[-1] + apart) if places else max(want, low))
    ceiling = max(high, low + apart * (len(places) - 1))
    for number in range(len(places) - 1, -1, -1):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - apart
    return places


def _limits(axes: "Axes", points: list[dict[str, Any]], levels: list[dict[str, Any]]) -> None:
    """Room around the points for their labels, and ticks as plain numbers at any width of range.

    Peers are within the limits where they are not far from the points.
    """
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
    room = (max(ends) - min(ends)) or 0.5
    near = [level["bd_rate"] for level in levels]
    near = [value for value in near if min(ends) - room / 2 <= value <= max(ends) + room / 2]
    axes.set_ylim(min(ends + near) - 0.14 * room, max(ends + near) + 0.14 * room)


def _spots(axes: "Axes", points: list[dict[str, Any]]) -> list[Spot]:
    """Where on the page each point and its interval are, in points of the page."""
    spots = []
    for point in points:
        ends = [point["bd_rate"] if point[end] is None else point[end] for end in ("bd_rate", "low", "high")]
        places = axes.transData.transform([(point["kmacs"], end) for end in ends]) * in_points(axes)
        (x, y), (_, low), (_, high) = places.tolist()
        spots.append(Spot(point["label"], x, y, low, high))
    return spots
