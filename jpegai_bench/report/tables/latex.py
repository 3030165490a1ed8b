"""Sheets and frames as LaTeX tables; a document needs `\\usepackage{booktabs}` and no more."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jpegai_bench.report.tables.sheets import Sheet

if TYPE_CHECKING:
    import pandas as pd

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # at the start of a row it would belong to the one before, as a star would
    "*": "{*}",
    "|": r"\textbar{}",
    '"': "''",
    "…": r"\ldots{}",
    "–": "--",
    "×": r"$\times$",
    "÷": r"$\div$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "²": r"$^2$",
}


def escape(text: str) -> str:
    """Text for LaTeX; letters beyond ASCII stay as they are, which pdflatex takes where they are European."""
    parts = ("".join(_SPECIAL.get(letter, letter) for letter in part) for part in text.split("--"))
    return "-{}-".join(parts)  # two hyphens would become a dash


def to_latex(parts: Sequence[Sheet], label: str = "") -> str:
    """A `table*` for each sheet, reasons and notes below it; `label` begins the labels, before a number.

    Over both columns of a page with two; in one narrow column it stands out on both sides alike.
    """
    tables = []
    for number, sheet in enumerate(parts, 1):
        lines = [
            r"\begin{table*}[tbp]",
            r"\centering\scriptsize",
            rf"\caption{{{escape(sheet.title)}. {escape(sheet.whole_caption)}}}",
            *([rf"\label{{tab:{label}-{number}}}"] if label else []),
            r"\par\smallskip",
            r"\setlength{\tabcolsep}{2.5pt}",
            r"\makebox[\linewidth]{%",
            rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
            r"\toprule",
            *_head(sheet.columns),
            r"\midrule",
            *(line for row in sheet.lines() for line in _row(row)),
            r"\bottomrule",
            r"\end{tabular}}",
            *_notes(sheet.below),
            r"\end{table*}",
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def frame_to_latex(frame: "pd.DataFrame") -> str:
    """A `tabular` of a frame's columns and rows; NA is `NA`."""
    cells = frame.astype(object).where(frame.notna(), "NA")
    rows = [
        [str(name) for name in frame.columns],
        *([str(v) for v in row] for row in cells.to_numpy().tolist()),
    ]
    head, *body = (" & ".join(map(_figure, row)) + r" \\" for row in rows)
    columns = f"l{'r' * (len(frame.columns) - 1)}"
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _head(columns: Sequence[str]) -> list[str]:
    """Names of several lines end on the same one."""
    names = [name.split("\n") for name in columns]
    height = max(map(len, names))
    lines = zip(*([""] * (height - len(name)) + name for name in names), strict=True)
    return [" & ".join(map(escape, line)) + r" \\" for line in lines]


def _row(cells: Sequence[tuple[str, str]]) -> list[str]:
    """The figures, and where there are intervals a line of them in small print."""
    figures, intervals = zip(*cells, strict=True)
    first = " & ".join(map(_figure, figures)) + r" \\"
    if not any(intervals):
        return [first]
    small = " & ".join(rf"\tiny {_figure(text)}" if text else "" for text in intervals)
    return [rf"{first}[-2pt]", rf"{small} \\[2pt]"]


def _figure(text: str) -> str:
    """A hyphen before a number is a minus."""
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escape(text.replace("\n", " ")))


def _notes(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    text = "\\par\n".join(escape(line) for line in lines)
    return [r"\par\smallskip\begin{minipage}{\linewidth}\raggedright\scriptsize", text, r"\end{minipage}"]
