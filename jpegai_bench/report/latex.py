"""Sheets and frames as LaTeX tables; a document needs `\\usepackage{booktabs}` and no more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jpegai_bench.report.sheets import Sheet

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
    """A `table` for each sheet, reasons and notes below it; `label` begins the labels, before a number."""
    tables = []
    for number, sheet in enumerate(parts, 1):
        head = " & ".join(_stacked(name) for name in sheet.columns)
        body = [" & ".join(map(_cell, row)) + r" \\" for row in sheet.rows]
        below = [f"({i}) {reason}" for i, reason in enumerate(sheet.reasons, 1)]
        lines = [
            r"\begin{table*}[tbp]",
            r"\centering\scriptsize",
            rf"\caption{{{escape(sheet.title)}. {escape(sheet.caption)}}}",
            *([rf"\label{{tab:{label}-{number}}}"] if label else []),
            r"\setlength{\tabcolsep}{2.5pt}",
            r"\makebox[\linewidth]{%",  # in a narrow column it stands out on both sides alike
            rf"\begin{{tabular}}{{l{'r' * (len(sheet.columns) - 1)}}}",
            r"\toprule",
            rf"{head} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            *_notes([*below, *sheet.notes]),
            r"\end{table*}",
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def frame_to_latex(frame: "pd.DataFrame") -> str:
    """A `tabular` of a frame's columns and rows at full precision; NA is `NA`."""
    cells = frame.astype(object).where(frame.notna(), "NA")
    rows = [
        [str(name) for name in frame.columns],
        *([str(v) for v in row] for row in cells.to_numpy().tolist()),
    ]
    head, *body = (" & ".join(map(_cell, row)) + r" \\" for row in rows)
    columns = f"l{'r' * (len(frame.columns) - 1)}"
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cell(text: str) -> str:
    """A figure, and under it in small print its interval."""
    first, *more = text.split("\n")
    if not more:
        return _minus(escape(first))
    small = rf"\tiny {_minus(escape(' '.join(more)))}"
    return rf"\shortstack[r]{{{_minus(escape(first))}\\{small}}}"


def _stacked(name: str) -> str:
    lines = [escape(line) for line in name.split("\n")]
    return lines[0] if len(lines) == 1 else "".join([r"\shortstack[r]{", r"\\".join(lines), "}"])


def _minus(text: str) -> str:
    """A hyphen before a digit, at the start or after a range's dots, is a minus."""
    words = text.split(r"\ldots{}")
    return r"\ldots{}".join(
        f"$-${word[1:]}" if word[:1] == "-" and word[1:2].isdigit() else word for word in words
    )


def _notes(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    told = "\\par\n".join(escape(line) for line in lines)
    return [r"\par\smallskip\begin{minipage}{\linewidth}\raggedright\scriptsize", told, r"\end{minipage}"]
