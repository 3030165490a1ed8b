"""Progress of long work on stderr: a bar on a terminal, a line a minute elsewhere and in the logs."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from jpegai_bench import console


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
    """Show the progress of `total` steps; call what is yielded after each, with a note if there is one."""
    with_bar = not console.is_quiet() and not console.is_plain(sys.stderr)
    line = console.log if with_bar else console.report
    start = said = time.monotonic()
    done = 0
    bar: AbstractContextManager[Callable[..., None]] = (
        _bar(what, total) if with_bar else nullcontext(_nothing)
    )
    with bar as advance:

        def step(note: str = "", completed: int | None = None) -> None:
            nonlocal done, said
            done = completed if completed is not None else done + 1
            advance(note, done)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                line(f"{what}: {done} of {total} {unit} {note}".rstrip())

        yield step
    line(f"{what}: {done} of {total} {unit}, {time.monotonic() - start:.0f} s")


def _nothing(note: str, completed: int) -> None:
    pass


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[..., None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console.rich_console(sys.stderr)) as display:
        task = display.add_task(what, total=total, note="")

        def advance(note: str, completed: int) -> None:
            display.update(task, completed=completed, note=note)

        yield advance
