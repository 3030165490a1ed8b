"""Running a program that is not ours: finding it, ending it when it hangs, quoting it when it fails."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import IO

from jpegai_bench.errors import BenchError

_MARK = "JPEGAI_BENCH_PROGRAM"
_KEPT = 1 << 16
"""Bytes that are kept of the start of a log, and as many of its end."""
_MOST = 2 << 30
"""Bytes of the largest file that is read back."""
_TELLING = re.compile(r"\b(errors?|fatal|fail(ed|ure|s)?|cannot|can't|could not|unable)\b", re.IGNORECASE)


def find(names: Sequence[str], wanted_by: str, advice: str) -> str:
    """The absolute path of a program: on PATH, or where it says when it is named with a folder.

    Args:
        names: its name or path, `~` being the home folder; of several the first that is there.
        wanted_by: errors begin with it.
        advice: what to do where it is missing.

    Raises:
        BenchError: there is none, or it is not executable.
    """
    for name in names:
        path = os.path.expanduser(name)
        if found := shutil.which(path):
            return os.path.abspath(found)
        if os.sep in path and os.path.isfile(path):
            raise BenchError(f"{wanted_by}: {name} is not executable; chmod +x {name}")
    where = "" if os.sep in names[-1] else " on PATH"
    raise BenchError(f"{wanted_by}: there is no {' or '.join(names)}{where}; {advice}")


@contextmanager
def workplace(doing: str) -> Iterator[Path]:
    """A temporary folder, gone afterwards with whatever a program left in it.

    Raises:
        BenchError: nothing can be written there, as on a full disk; it begins with `doing`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="jpegai-bench-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        reason = error.strerror or error
        raise BenchError(f"{doing}: no temporary file ({reason}); see to TMPDIR") from None


def make(command: Sequence[str], made: Path, timeout: float, doing: str) -> bytes:
    """Run a program in the folder of `made`, and return that file, which it is to write.

    Args:
        command: the program's path, and its arguments.
        made: does not exist yet.
        timeout: seconds after which the program is killed, with every process that it started.
        doing: what it is run for; errors begin with it.

    Raises:
        BenchError: the program cannot be started, does not finish, ends by a signal or with a status that is
            not 0, or writes no such file, an empty one, or one of more than 2 GiB; or the disk is full then.
    """
    name = Path(command[0]).name
    status, log = _run(command, made.parent, timeout, doing)
    because = f" ({reason})" if (reason := _reason(log, made.parent)) else ""
    if status:
        raise BenchError(f"{doing}: {name} {_ended(status)}{because}")
    disk = shutil.disk_usage(made.parent)
    if disk.total and not disk.free:  # not every program looks at what became of its writing
        raise BenchError(f"{doing}: no space is left beside {made.parent}; see to TMPDIR")
    size = made.stat().st_size if made.is_file() else None
    if size and size <= _MOST:
        return made.read_bytes()
    told = {None: "wrote nothing", 0: "wrote an empty file"}.get(size, f"wrote {size} bytes, too many")
    raise BenchError(f"{doing}: {name} {told}{because}")


@cache
def says(command: tuple[str, ...], content: str, doing: str) -> tuple[int, str]:
    """Exit status of a program and what it tells, as when asked for its version; asked once.

    Args:
        command: the program's path, and its arguments.
        content: a hash of the program; another program at the same path is asked again.
        doing: what it is run for; errors begin with it.

    Raises:
        BenchError: it cannot be started, or does not finish within a minute.
    """
    with workplace(doing) as folder:
        return _run(command, folder, 60.0, doing)


def content_hash(path: str) -> str:
    """SHA-256 of a file, in hexadecimal; computed again when the file has changed."""
    try:
        state = os.stat(path)
        return _hashed(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from None


@cache
def _hashed(path: str, changed: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(command: Sequence[str], folder: Path, timeout: float, doing: str) -> tuple[int, str]:
    """The exit status (negative: a signal), and the log: both outputs together, its middle cut out."""
    mark = uuid.uuid4().hex
    try:
        # Not in a process group of its own: that of the worker is what ends when the bench is stopped.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise BenchError(f"{doing}: {command[0]} cannot be run ({error.strerror})") from None
    assert process.stdout is not None
    # Threads, since a wait with a limit of Popen's own looks every 50 ms only, too seldom for what is timed.
    log, end = _Log(process.stdout), threading.Thread(target=process.wait, daemon=True)
    log.start()
    end.start()
    try:
        end.join(timeout)
        if end.is_alive():
            name = Path(command[0]).name
            raise BenchError(
                f"{doing}: {name} did not finish within {timeout:g} s and was killed; give a longer timeout"
            )
        log.join(0.2)  # at its end at once, unless the program left another behind that could still write
    finally:
        if end.is_alive() or log.is_alive():
            _end_all(mark)
            process.kill()
            end.join()
            log.join(1.0)
    return process.returncode, log.text


class _Log(threading.Thread):
    """Reads a pipe to its end, whatever its length, and keeps the two ends."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe, self._head, self._tail = pipe, b"", b""

    def run(self) -> None:
        with self._pipe:
            for part in iter(partial(self._pipe.read1, _KEPT), b""):  # type: ignore[attr-defined]
                room = _KEPT - len(self._head)
                self._head += part[:room]
                self._tail = (self._tail + part[room:])[-_KEPT:]

    @property
    def text(self) -> str:
        return (self._head + self._tail).decode(errors="replace")


def _end_all(mark: str) -> None:
    """Kill every process that inherited the mark, until none is left: they may start others meanwhile."""
    wanted = f"{_MARK}={mark}".encode()
    for _ in range(50):
        found = [process for process in Path("/proc").glob("[0-9]*") if _carries(process, wanted)]
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
        if not found:
            return
        time.sleep(0.01)


def _carries(process: Path, variable: bytes) -> bool:
    try:
        return variable in (process / "environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or another user's
        return False


def _ended(status: int) -> str:
    if status > 0:
        return f"failed with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _reason(log: str, folder: Path) -> str:
    """The line of a log that tells most: the first that speaks of an error, else the last."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", log)
    shown = ("".join(sign if sign.isprintable() else " " for sign in line) for line in plain.splitlines())
    lines = [" ".join(line.split()) for line in shown if line.strip()]
    told = lines[-1] if lines else ""
    # Python's own traceback has the error in its last line.
    if not any(line.startswith("Traceback (most recent call last)") for line in lines):
        told = next(filter(_TELLING.search, lines), told)
    told = told.replace(f"{folder}/", "")
    return told if len(told) <= 200 else f"{told[:199]}…"
