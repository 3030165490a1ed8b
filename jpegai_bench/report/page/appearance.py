"""The styles of the figures as a browser draws them, on light and on dark ground."""

from typing import Any

from jpegai_bench.report.gather.study import Study
from jpegai_bench.report.plots.plot_set import style_of

_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross",
    "X": "x", "p": "pentagon", "x": "x-thin", "<": "triangle-left", ">": "triangle-right",
    "d": "diamond-tall", "h": "hexagon", "+": "cross-thin", "*": "star", "1": "y-down", "2": "y-up",
    "3": "y-left", "4": "y-right", "8": "octagon", "|": "line-ns", "_": "line-ew",
}  # fmt: skip
_WIDER = 1.35
"""What a line of print needs on a screen."""
_DARK_GROUND = "#14171a"
_CONTRAST = 6.0
"""Least contrast of a line with dark ground, as WCAG 2 computes it; text needs 4.5."""

PARTS = {  # of the decoder's luma synthesis, then of the rest; Okabe and Ito's, apart in lightness
    "attention": "#0072B2",
    "activation": "#E69F00",
    "upsampling": "#D55E00",
    "residual blocks": "#56B4E9",
}
OTHER_PARTS = ("#009E73", "#CC79A7", "#999933", "#882255")


def appearance(study: Study, label: str) -> dict[str, Any]:
    """Colours, marker and dashes of an entry: those that it has in every figure."""
    style = style_of(study, label)
    width = _WIDER * style["linewidth"]
    dashes = style["linestyle"]
    return {
        "light": style["color"],
        "dark": on_dark(style["color"]),
        "symbol": _SYMBOLS[style["marker"]],
        "hollow": style["markerfacecolor"] == "white",
        "size": round(_WIDER * style["markersize"], 2),
        "width": round(width, 2),
        "dash": [] if dashes == "-" else [round(width * length, 2) for length in dashes[1]],
    }


def on_dark(colour: str) -> str:
    """A colour of the same hue, as much lighter as dark ground needs."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    for share in range(0, 101, 4):
        mixed = [round(value + (255 - value) * share / 100) for value in (red, green, blue)]
        lighter = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(lighter, _DARK_GROUND) >= _CONTRAST:
            return lighter
    return "#ffffff"


def contrast(first: str, second: str) -> float:
    """Of two colours, from 1 to 21: WCAG 2.2, `contrast ratio`."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
