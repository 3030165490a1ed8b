"""How a figure looks: readable in gray, in print size, and to the colour-blind."""

from collections.abc import Sequence
from typing import Any

RC: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 8,
    "text.parse_math": False,  # names may hold a $
    "axes.titlesize": 8,
    "axes.titlecolor": "#404040",
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "figure.dpi": 72,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,  # text stays text, as publishers ask
    "svg.hashsalt": "jpegai-bench",  # else names inside the file are random
}

# Okabe and Ito's palette, without its yellow, and four of Paul Tol's; the lightness differs as well.
_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933", "#663333",
    "#EE3377",
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "*")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (4, 1.2, 1, 1.2)))
# What ships looks the same in every figure: colour, marker, dashes. Formats of one family share a colour.
_CODECS = {
    "vvc": ("#000000", "x", (0, (6, 2))),
    "hevc": ("#332288", "<", "-"),
    "hevc_444": ("#332288", ">", (0, (1.2, 1.2))),
    "av1": ("#117733", "d", "-"),
    "av1_444": ("#117733", "h", (0, (1.2, 1.2))),
    "avif": ("#117733", "+", (0, (4, 1.2, 1, 1.2))),
    "jpegxl": ("#AA4499", "*", "-"),
    "webp": ("#6699CC", "1", (0, (5, 1.5))),
    "jpeg2000": ("#997700", "2", (0, (4, 1.2, 1, 1.2))),
    "jpeg": ("#994455", "3", (0, (1.2, 1.2))),
}
_VARIANTS = (
    "base", "attention_cs", "attention_ds", "upsampling", "activation", "combined", "combined_ds",
    "sop", "bop", "hop",
)  # fmt: skip
_OTHERS = (
    ("#666666", "4", "-"),
    ("#004488", "|", (0, (5, 1.5))),
    ("#44AA99", "8", (0, (4, 1.2, 1, 1.2))),
    ("#CC6677", "_", "-"),
    ("#666666", "+", (0, (1.5, 1.5))),
    ("#a0a0a0", "2", (0, (6, 2))),
)


def is_known(label: str) -> bool:
    """Whether a codec has a style of its own."""
    return label in _CODECS


def codec_style(label: str, number: int) -> dict[str, Any]:
    """Keyword arguments for the curve of a codec; `number` counts those that do not ship, from 0.

    Finer than any variant, and below them.
    """
    colour, marker, dashes = _CODECS.get(label) or _OTHERS[number % len(_OTHERS)]
    return {
        "color": colour,
        "marker": marker,
        "linestyle": dashes,
        "markerfacecolor": "white",
        "markersize": 5.5 if marker in "1234+x|_*" else 4.0,
        "linewidth": 1.0,
        "markeredgewidth": 0.8,
        "zorder": 2.0,
    }


def variant_number(label: str, labels: Sequence[str]) -> int:
    """The number of a variant's style among `labels`: those that ship have theirs, others the next ones."""
    unlisted = [name for name in labels if name not in _VARIANTS]
    return _VARIANTS.index(label) if label in _VARIANTS else len(_VARIANTS) + unlisted.index(label)


def variant_style(number: int) -> dict[str, Any]:
    """Keyword arguments for the curve of the variant of that number, from 0.

    Colours, markers and dashes run in cycles of different length, so that no two of many curves are alike.
    Each curve is a little finer than the one before and lies on top of it: curves that coincide, as those
    of an ablation do, still all show.
    """
    return {
        "color": _COLOURS[number % len(_COLOURS)],
        "marker": _MARKERS[(number + number // len(_COLOURS)) % len(_MARKERS)],
        "linestyle": _DASHES[(number + number // len(_COLOURS)) % len(_DASHES)],
        "markerfacecolor": "white" if number % 2 else _COLOURS[number % len(_COLOURS)],
        "markersize": max(6.0 - 0.45 * number, 3.0),
        "linewidth": max(1.7 - 0.12 * number, 0.8),
        "markeredgewidth": 0.8,
        "zorder": 3.0 + 0.01 * number,
    }


def part_style(number: int) -> dict[str, Any]:
    """Keyword arguments for the bars of the part of that number, from 0: lightness and hatching differ."""
    shades = ("#0072B2", "#E69F00", "#F0E442", "#7f7f7f", "#56B4E9", "#CC79A7")
    hatches = ("", "////", "....", "xxxx", "\\\\\\\\", "----")
    return {
        "facecolor": shades[number % len(shades)],
        "hatch": hatches[number % len(hatches)],
        "edgecolor": "#202020",
        "linewidth": 0.5,
    }
