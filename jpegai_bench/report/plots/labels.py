"""Labels beside points, where they cover neither each other nor what they label."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

FONT_SIZE = 7
_GAP = 6.0
_MARKER = 4.0
"""Half of the room that a marker takes."""


@dataclass(frozen=True)
class Spot:
    """A point with its interval, which has a label to come. All in points (1/72 inch) on the page."""

    text: str
    x: float
    y: float
    low: float
    high: float


def place_labels(axes: "Axes", spots: Sequence[Spot]) -> None:
    """Write each text beside its point; a text that has to stand away gets a thin line to the point.

    The axes must have their final place.
    """
    scale = in_points(axes)
    left, bottom, right, top = (edge * scale for edge in axes.bbox.extents)
    marks: list[Box] = []
    for spot in spots:
        marks.append((spot.x - 2.5, spot.low - 1, spot.x + 2.5, spot.high + 1))
        marks.append((spot.x - _MARKER, spot.y - _MARKER, spot.x + _MARKER, spot.y + _MARKER))
    for spot in sorted(spots, key=lambda spot: (spot.x, spot.y)):
        neighbours = [neighbour for neighbour in spots if neighbour is not spot]

        def cost(place: tuple[Box, float], spot: Spot = spot, neighbours: list[Spot] = neighbours) -> float:
            box, far = place
            covered = sum(_covered(box, mark) for mark in marks)
            over = (
                max(left - box[0], 0)
                + max(bottom - box[1], 0)
                + max(box[2] - right, 0)
                + max(box[3] - top, 0)
            )
            return far + covered + 1000.0 * over + _ambiguity(box, spot, neighbours)

        x, y = axes.transData.inverted().transform((spot.x / scale, spot.y / scale)).tolist()
        box, far = min(_places(spot, *_size(axes, spot.text)), key=cost)
        marks.append(box)
        axes.annotate(
            spot.text,
            (x, y),
            xytext=(box[0] - spot.x, box[1] - spot.y),
            textcoords="offset points",
            fontsize=FONT_SIZE,
            ha="left",
            va="bottom",
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "#808080", "shrinkB": 3}
            if far > 2 * _GAP
            else None,
        )


def in_points(axes: "Axes") -> float:
    """Factor from display coordinates to points."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return 72.0 / figure.dpi


def _size(axes: "Axes", text: str) -> tuple[float, float]:
    drawn = axes.text(0, 0, text, fontsize=FONT_SIZE)
    extent = drawn.get_window_extent()
    drawn.remove()
    return extent.width * in_points(axes), extent.height * in_points(axes)


def _places(spot: Spot, width: float, height: float) -> list[tuple[Box, float]]:
    """Boxes around a point, and at the ends of its interval, with what each costs in distance."""
    boxes = []
    for gap in (_GAP, 2 * _GAP, 4 * _GAP, 7 * _GAP):
        for across, up in ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            left = spot.x + across * gap - (width if across < 0 else 0)
            bottom = spot.y + up * gap - (0 if up > 0 else height if up < 0 else height / 2)
            boxes.append(((left, bottom, left + width, bottom + height), gap))
    for bottom in (spot.high + 3, spot.low - 3 - height):
        boxes.append(((spot.x - width / 2, bottom, spot.x + width / 2, bottom + height), 1.5 * _GAP))
    return boxes


def _covered(a: Box, b: Box) -> float:
    across, up = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return 50.0 + across * up if across > 0 and up > 0 else 0.0


def _ambiguity(box: Box, spot: Spot, neighbours: list[Spot]) -> float:
    """What it costs that a text, or its line, can be taken for another point's."""
    distance = _distance(box, spot)
    cost = sum(40.0 for neighbour in neighbours if _distance(box, neighbour) < distance + 2)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return cost + sum(40.0 for neighbour in neighbours if _crosses(middle, spot, neighbour))


def _distance(box: Box, spot: Spot) -> float:
    """From a box to the nearest place of a point's interval."""
    across = max(box[0] - spot.x, spot.x - box[2], 0.0)
    up = max(box[1] - spot.high, spot.low - box[3], 0.0)
    return math.hypot(across, up)


def _crosses(start: tuple[float, float], spot: Spot, neighbour: Spot) -> bool:
    """Whether the line from a text to its point runs over another point's marker."""
    dx, dy = spot.x - start[0], spot.y - start[1]
    length = math.hypot(dx, dy) or 1.0
    along = ((neighbour.x - start[0]) * dx + (neighbour.y - start[1]) * dy) / length
    beside = abs((neighbour.x - start[0]) * dy - (neighbour.y - start[1]) * dx) / length
    return 0 < along < length and beside < _MARKER + 1
