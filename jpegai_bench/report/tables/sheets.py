"""Tables as people read them: on the terminal and in Markdown, NA with numbered reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.system.files import make_folder, write_bytes

if TYPE_CHECKING:
    from rich.console import Group

TERMINAL_WIDTH = 100
"""Columns that the terminal tables are laid out for."""


@dataclass
class Sheet:
    """A table of finished cells; a cell's second line is its interval."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    caption: str
    reasons: list[str] = field(default_factory=list)
    """Why cells are NA, in the order of their numbers."""
    notes: list[str] = field(default_factory=list)


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
            left = number == 0
            table.add_column(
                Text(name),
                justify="left" if left else "right",
                overflow="fold",
                vertical="top",
                no_wrap=False,
            )
        for row in sheet.rows:
            table.add_row(*(Text(cell) for cell in row))
        below = [
            sheet.caption,
            *(f"({i}) {reason}" for i, reason in enumerate(sheet.reasons, 1)),
            *sheet.notes,
        ]
        shown += [Text(sheet.title, style="bold"), table]
        shown.append(Padding(Text("\n".join(below), style="dim"), (0, 0, 1, 0)))
    return Group(*shown)


def to_markdown(parts: Sequence[Sheet]) -> str:
    """As Markdown, one section a sheet."""
    sections = []
    for sheet in parts:
        head = [_cell(name, interval=False) for name in sheet.columns]
        body = [[_cell(cell) for cell in row] for row in sheet.rows]
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        reasons = "\n".join(f"{i}. {reason}" for i, reason in enumerate(sheet.reasons, 1))
        below = [sheet.caption, reasons, *sheet.notes]
        sections.append("\n\n".join([f"## {sheet.title}", table, *filter(None, below)]))
    return "\n\n".join(sections) + "\n"


def write_markdown(parts: Sequence[Sheet], path: str | Path) -> Path:
    """Write the sheets as Markdown.

    Raises:
        BenchError: the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    write_bytes(path, to_markdown(parts).encode())
    return path


def _cell(text: str, interval: bool = True) -> str:
    first, *more = text.replace("|", "\\|").split("\n")
    return " ".join([first, *(f"({line})" if interval else line for line in more)])
