"""Tables as people read them: on the terminal and in Markdown, NA with numbered reasons."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL
from jpegai_bench.metrics.catalogue import METRICS

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

TERMINAL_WIDTH = 100
"""Columns that the terminal tables are laid out for."""
NONE = "–"
"""There can be no figure, as of kMACs/pixel of a codec that is no network."""
NOT_TIMED = "not timed on an idle machine"
"""Why there are no seconds: what was timed beside other work counts for nothing."""
TOO_FEW = f"too few for 95% intervals, which take {FEWEST_FOR_INTERVAL}"
"""What a caption says of images."""
LABELS = {metric.name: metric.label for metric in METRICS}
"""What tables call the metrics."""


def metric_label(name: str) -> str:
    """The catalogue's label, else the column's name."""
    return LABELS.get(name, name)


@dataclass(frozen=True)
class Cell:
    """A number until a renderer writes it, with its interval; NaN is NA, or with an interval that alone."""

    value: float
    digits: int | Callable[[float], str] = 1
    """Digits after the point, or how such a number is written."""
    low: float = math.nan
    high: float = math.nan
    deviation: float = math.nan
    reason: str = ""
    """Why it is NA."""

    @property
    def is_na(self) -> bool:
        """Whether there is nothing to write."""
        return math.isnan(self.value) and math.isnan(self.low)

    def lines(self, reasons: Sequence[str]) -> tuple[str, str]:
        """The figure, or NA with the number of its reason, and the interval below it where there is one."""
        if self.is_na:
            return f"NA ({reasons.index(self.reason) + 1})" if self.reason else "NA", ""
        interval = "" if math.isnan(self.low) else f"{self._formatted(self.low)}…{self._formatted(self.high)}"
        if math.isnan(self.value):
            return interval, ""
        spread = "" if math.isnan(self.deviation) else f" ± {self._formatted(self.deviation)}"
        return f"{self._formatted(self.value)}{spread}", interval

    def _formatted(self, value: float) -> str:
        if callable(self.digits):
            return self.digits(value)
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"  # no minus before zero


@dataclass
class Sheet:
    """A table: numbers are cells, all else is text."""

    title: str
    columns: list[str]
    rows: list[list[Cell | str]]
    caption: str = ""
    notes: list[str] = field(default_factory=list)
    common: tuple[str, ...] = ()
    """What the caption has in common with those of other sheets: said once, below the last."""

    @property
    def whole_caption(self) -> str:
        """Of a sheet that stands alone."""
        return " ".join(filter(None, (*self.common, self.caption)))

    @property
    def reasons(self) -> list[str]:
        """Why cells are NA, in the order of their numbers."""
        cells = [cell for row in self.rows for cell in row if isinstance(cell, Cell) and cell.is_na]
        return list(dict.fromkeys(cell.reason for cell in cells if cell.reason))

    @property
    def below(self) -> list[str]:
        """The numbered reasons, then the notes."""
        return [*(f"({i}) {reason}" for i, reason in enumerate(self.reasons, 1)), *self.notes]

    def lines(self) -> Iterator[list[tuple[str, str]]]:
        """Row by row what each cell says, and its interval; empty where it has none."""
        reasons = self.reasons
        for row in self.rows:
            yield [(cell, "") if isinstance(cell, str) else cell.lines(reasons) for cell in row]


def to_rich(parts: Sequence[Sheet]) -> "Group":
    """For the terminal, `TERMINAL_WIDTH` columns wide at most where labels are of common length."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    def dim(lines: Iterable[str]) -> Padding:
        return Padding(Text("\n".join(lines), style="dim"), (0, 0, 1, 0))

    shown: list[Any] = []
    for sheet in parts:
        table = rich_table(sheet, padding=0, show_edge=False)
        below = [text for text in (sheet.caption, *sheet.below) if text]
        shown += [Text(sheet.title, style="bold"), table, dim(below) if below else ""]
    common = _common(parts)
    return Group(*shown, *([dim(common)] if common else []))


def rich_table(sheet: Sheet, **look: Any) -> "Table":
    """A sheet's cells for the terminal, names at the left and figures at the right; `look` goes to rich."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    heads = [
        Column(Text(name), justify="right" if at else "left", overflow="fold")
        for at, name in enumerate(sheet.columns)
    ]
    table = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, **look)
    for row in sheet.lines():
        table.add_row(*(Text("\n".join(filter(None, lines))) for lines in row))
    return table


def rich_titled(sheet: Sheet, **look: Any) -> "list[Table | Text]":
    """As `rich_table`, under its title, with the reasons of NA below where there are any."""
    from rich.text import Text

    title = Text(sheet.title, style="bold") if sheet.title else None
    below: list[Table | Text] = [Text("\n".join(sheet.below))] if sheet.below else []
    return [rich_table(sheet, title=title, title_justify="left", **look), *below]


def to_markdown(parts: Sequence[Sheet]) -> str:
    """As Markdown, one section a sheet."""
    sections = []
    for sheet in parts:
        head = [_escaped(name.replace("\n", " ")) for name in sheet.columns]
        body = [[_escaped(f"{figure} ({interval})" if interval else figure) for figure, interval in row]
                for row in sheet.lines()]  # fmt: skip
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        reasons = "\n".join(f"{i}. {reason}" for i, reason in enumerate(sheet.reasons, 1))
        below = [sheet.caption, reasons, *sheet.notes]
        sections.append("\n\n".join([f"## {sheet.title}", table, *filter(None, below)]))
    return "\n\n".join([*sections, *_common(parts)]) + "\n"


def _common(parts: Sequence[Sheet]) -> list[str]:
    return list(dict.fromkeys(text for sheet in parts for text in sheet.common))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
