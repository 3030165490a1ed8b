"""What goes to stderr and into a run's log, how much of it, and whether with colours: decided here alone.

Results go to stdout, whatever is asked for here. On stderr `-q` shows only errors, and `-v` adds details.
Worker processes and the jobs of a sweep learn of it by an environment variable.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from unicodedata import category

from jpegai_bench.system.environment import environment

if TYPE_CHECKING:
    from rich.console import Console

VERBOSITY = "JPEGAI_BENCH_VERBOSITY"
"""-1 quiet, 0, 1 verbose."""

_LOGS: list[Path] = []


def verbosity(level: int | None) -> AbstractContextManager[None]:
    """Tell less (-1) or more (1) while the block runs, here and in the processes that it starts."""
    return environment({} if level is None else {VERBOSITY: str(level)})


def is_quiet() -> bool:
    """Whether errors alone are told."""
    return os.environ.get(VERBOSITY) == "-1"


def is_verbose() -> bool:
    """Whether details are told."""
    return os.environ.get(VERBOSITY) == "1"


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Append what is told while the block runs to a file too, each line with its time, details included."""
    _LOGS.append(path)
    try:
        yield
    except KeyboardInterrupt:
        log("interrupted")
        raise
    except BaseException as error:
        log("".join(traceback.format_exception(error)).rstrip())
        raise
    finally:
        _LOGS.pop()


def complain(message: str) -> None:
    """An error or a failure, in one line under the name of the program; `-q` shows it too."""
    _print_and_log(f"jpegai-bench: {' '.join(message.split())}")


def say(message: str) -> None:
    """What a person should know of, under the name of the program."""
    _print_and_log(f"jpegai-bench: {message}", shown=not is_quiet())


def report(message: str, always: bool = False) -> None:
    """How the work goes on; `always`, where it tells of a failure."""
    _print_and_log(message, shown=always or not is_quiet())


def detail(message: str) -> None:
    """What `-v` tells beside the rest: why, which files, which versions."""
    _print_and_log(message, shown=is_verbose())


def trace(error: BaseException) -> None:
    """The traceback of an error that nobody foresaw, with `-v`."""
    if is_verbose():
        traceback.print_exception(error)


def log(message: str) -> None:
    """Write a line into the logs alone."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    for path in _LOGS:
        with suppress(OSError):  # a full disk: the work itself tells of it
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{now} {message}\n")


def is_plain(stream: IO[str]) -> bool:
    """Whether a stream takes text alone: no terminal, a dumb one, or NO_COLOR is set."""
    dumb = os.environ.get("TERM") == "dumb"
    return bool(os.environ.get("NO_COLOR")) or dumb or not stream.isatty()


def rich_console(stream: IO[str], width: int | None = None) -> "Console":
    """Rich's console on a stream; without any escape codes where the stream is plain."""
    from rich.console import Console

    plain: dict[str, Any] = {"force_terminal": False, "color_system": None} if is_plain(stream) else {}
    return Console(file=stream, width=width, **plain)


BYTES = "".join(map(chr, range(0xDC80, 0xDD00)))
"""What stands for bytes of a name that are no UTF-8: as they are, stdout can be read as a path again."""


def escaped(text: str, allowed: str = "") -> str:
    """A text with the escapes of control characters and half characters, but for those that are `allowed`.

    A file's name may hold what moves a terminal's cursor.
    """
    harmful = {sign for sign in text if category(sign) in ("Cc", "Cs")} - set(allowed)
    return "".join(repr(sign)[1:-1] if sign in harmful else sign for sign in text)


def _print_and_log(message: str, shown: bool = True) -> None:
    message = escaped(message, allowed="\n\t")
    log(message)
    if shown:
        print(message, file=sys.stderr, flush=True)
