"""Tables as people read them: on the terminal and in Markdown, NA with numbered reasons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.report.tables.cells import Cell
from jpegai_bench.system.files import make_folder, write_bytes

if TYPE_CHECKING:
    from rich.console import Group

TERMINAL_WIDTH = 100
"""Columns that the terminal tables are laid out for."""


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
    from rich import box
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    shown: list[Any] = []
    for sheet in parts:
        table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
        for number, name in enumerate(sheet.columns):
            is_first = number == 0
            table.add_column(
                Text(name),
                justify="left" if is_first else "right",
                overflow="fold",
                vertical="top",
                no_wrap=False,
            )
        for row in sheet.lines():
            table.add_row(*(Text("\n".join(filter(None, lines))) for lines in row))
        shown += [Text(sheet.title, style="bold"), table]
        below = "\n".join(filter(None, [sheet.caption, *sheet.below]))
        shown.append(Padding(Text(below, style="dim"), (0, 0, 1, 0)) if below else "")
    if common := _common(parts):
        shown.append(Padding(Text("\n".join(common), style="dim"), (0, 0, 1, 0)))
    return Group(*shown)


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


def write_markdown(parts: Sequence[Sheet], path: str | Path) -> Path:
    """Write the sheets as Markdown.

    Raises:
        BenchError: the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    write_bytes(path, to_markdown(parts).encode())
    return path


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
