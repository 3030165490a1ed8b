"""Progress of long work on stderr: a bar on a terminal, a line a minute elsewhere; and single lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """What a person should know of, on stderr: under the name of the program, as errors are."""
    print(f"jpegai-bench: {message}", file=sys.stderr, flush=True)


def report(message: str) -> None:
    """How the work goes on, on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Callable[..., None]]:
    """Show the progress of `total` steps; call what is yielded after each, with a note if there is one."""
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
        return
    start = said = time.monotonic()
    done = 0

    def step(note: str = "", completed: int | None = None) -> None:
        nonlocal done, said
        done = completed if completed is not None else done + 1
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"{what}: {done} of {total} {unit} {note}".rstrip(), file=sys.stderr, flush=True)

    yield step
    print(f"{what}: {done} of {total} {unit}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[..., None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(what, total=total, note="")

        def advance(note: str = "", completed: int | None = None) -> None:
            display.update(task, completed=completed, advance=1 if completed is None else None, note=note)

        yield advance
