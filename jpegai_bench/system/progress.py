"""Progress of long work on stderr: a bar on a terminal, a line a minute elsewhere and in the logs."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from jpegai_bench.system import console

_WIDE = 150
"""Columns of a terminal that has room for a bar."""


@contextmanager
def progress(title: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
    """Show the progress of `total` steps.

    What is yielded is called after each, with a note if there is one; or with how many are `completed`,
    `resumed` where they were before.
    """
    with_bar = not console.is_quiet() and not console.is_plain(sys.stderr)
    line = console.log if with_bar else console.report
    start = last_line = time.monotonic()
    done = first = 0
    bar: AbstractContextManager[Callable[..., None]] = (
        _bar(title, total) if with_bar else nullcontext(lambda note, completed: None)
    )
    with bar as advance:

        def step(note: str = "", completed: int | None = None, resumed: bool = False) -> None:
            nonlocal done, last_line, first
            done = completed if completed is not None else done + 1
            first = done if resumed else first
            advance(note, done)
            now = time.monotonic()
            if now - last_line > 60:
                last_line = now
                remaining = _time_left(now - start, done - first, total - done)
                line(", ".join(filter(None, [f"{title}: {done} of {total} {unit}", remaining, note])))

        yield step
    line(f"{title}: {done} of {total} {unit}, {time.monotonic() - start:.0f} s")


def _time_left(seconds: float, steps: int, remaining: int) -> str:
    """At the speed until now, as `2:05 h left`, or `7 min left`."""
    if steps <= 0 or remaining <= 0:
        return ""
    minutes = math.ceil(remaining * seconds / steps / 60)
    return f"{minutes // 60}:{minutes % 60:02} h left" if minutes >= 60 else f"{minutes} min left"


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[..., None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    output = console.rich_console(sys.stderr)
    one_line = Column(no_wrap=True)
    columns = (
        TextColumn("{task.description}", table_column=one_line),
        *([BarColumn()] if output.width >= _WIDE else []),
        MofNCompleteColumn(table_column=one_line),
        TimeRemainingColumn(table_column=one_line),
        TextColumn("{task.fields[note]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=output, expand=True) as display:
        task = display.add_task(title, total=total, note="")

        def advance(note: str, completed: int) -> None:
            display.update(task, completed=completed, note=note)

        yield advance
