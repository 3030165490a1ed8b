"""kMACs/pixel by part: a stacked bar for each variant, at the paper's size and at the run's."""

from typing import TYPE_CHECKING, Any

from jpegai_bench.report.plots.draw import empty_figure
from jpegai_bench.report.plots.style import part_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ORDER = ("attention", "upsampling", "residual blocks", "activation")
"""From the axis outward: what is studied most stands on the axis, where lengths compare best."""
_ALL = "all MACs"
_MARK: dict[str, Any] = {"marker": "D", "markersize": 4.5, "markerfacecolor": "white", "color": "black"}


def parts(data: dict[str, Any]) -> "Figure":
    """A panel for each size, a bar for each variant from the top; a mark on it is its count of all MACs."""
    panels = data["panels"]
    most = max(len(panel["bars"]) for panel in panels)
    figure = empty_figure(6.6 if len(panels) > 1 else 4.2, 1.3 + 0.26 * most)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        _panel(axes, panel)
    handles = {name: handle for handle, name in zip(*grid[0].get_legend_handles_labels(), strict=True)}
    names = sorted(handles, key=lambda name: name == _ALL)
    figure.legend([handles[n] for n in names], names, loc="outside lower center", ncols=len(names))
    figure.suptitle("Luma synthesis by part", fontsize=8, color="#404040", x=0.01, ha="left")
    return figure


def _panel(axes: "Axes", panel: dict[str, Any]) -> None:
    bars = panel["bars"]
    drawn = {part for bar in bars for part in bar["parts"]}
    names = [*(part for part in _ORDER if part in drawn), *sorted(drawn - set(_ORDER))]
    places = list(range(len(bars)))
    starts = [0.0] * len(bars)
    for number, name in enumerate(names):
        widths = [float(bar["parts"].get(name, 0.0)) for bar in bars]
        axes.barh(places, widths, left=starts, height=0.7, label=name, **part_style(number))
        starts = [start + width for start, width in zip(starts, widths, strict=True)]
    alls = [float(bar["all"]) for bar in bars]
    axes.plot(alls, places, linestyle="none", label=_ALL, **_MARK)
    widest = max(*starts, *alls)
    for place, total, count in zip(places, starts, alls, strict=True):
        axes.text(max(total, count) + 0.04 * widest, place, f"{total:.1f}", va="center", fontsize=7)
    axes.set_yticks(places, [bar["label"] for bar in bars])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.22 * widest)
    axes.set_xlabel("kMACs/pixel, published counting")
    axes.set_title(f"model={panel['model']}", loc="left")
