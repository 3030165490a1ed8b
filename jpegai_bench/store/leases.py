"""Claims on work that several processes, here or on other machines, could do on one results folder.

A claim saves work that would be done twice; nothing depends on it, since results are the same whoever writes
them. It names its process and is touched every `BEAT` seconds: on the same machine a claim is void as soon as
its process is gone, on another one when it has not been touched for `SILENCE` seconds.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.system.files import json_object, make_folder, write_bytes

BEAT = 15.0
"""Seconds between two signs of life."""
SILENCE = 180.0
"""Seconds without one after which a process of another machine counts as gone."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim."""

    host: str
    pid: int
    began: str
    """When that process began, as the system counts: a process id is used again."""

    @classmethod
    def this_process(cls) -> "Holder":
        """The one that asks."""
        return cls(socket.gethostname(), os.getpid(), began(os.getpid()) or "")

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    def is_alive(self, path: Path) -> bool:
        """Whether it is still at work; `path` is what it touches."""
        if self.is_here:
            return self.began == began(self.pid) is not None
        try:
            return time.time() - path.stat().st_mtime < SILENCE
        except OSError:
            return False

    def __str__(self) -> str:
        return f"process {self.pid}" if self.is_here else f"process {self.pid} on {self.host}"


@contextmanager
def claimed(path: Path) -> Iterator[Holder | None]:
    """Claim `path` while the block runs; yield None where that succeeded, else who holds it.

    Raises:
        BenchError: the folder cannot be written.
    """
    claimant = Holder.this_process()
    make_folder(path.parent)
    holder = _take(path, claimant)
    if holder is not None:
        yield holder
        return
    with touched(path):
        try:
            yield None
        finally:
            path.unlink(missing_ok=True)


def holder_of(path: Path) -> Holder | None:
    """Who is at work under a claim; None where it is free or void."""
    holder = _holder(path)
    return holder if holder is not None and holder.is_alive(path) else None


@contextmanager
def touched(path: Path) -> Iterator[None]:
    """Touch a file every `BEAT` seconds while the block runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def began(pid: int) -> str | None:
    """When a process of this machine began; None where there is none, empty where nobody can tell."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return None if after_name[0] in "ZX" else after_name[19]


def _take(path: Path, claimant: Holder) -> Holder | None:
    """Make the claim, over one that is void; else say who holds it."""
    temporary = path.with_name(f".{path.name}.{claimant.pid}.{threading.get_ident()}")
    write_bytes(temporary, json.dumps(vars(claimant)).encode())
    try:
        while True:
            try:
                os.link(temporary, path)  # fails where there is one, unlike a rename
                return None
            except FileExistsError:
                holder = _holder(path)
            except OSError:  # a file system without links: work may be done twice
                return None
            if holder is not None and holder.is_alive(path):
                return holder
            _put_aside(path, holder)
    finally:
        temporary.unlink(missing_ok=True)


def _holder(path: Path) -> Holder | None:
    try:
        return Holder(**(json_object(path) or {}))
    except TypeError:
        return None


def _put_aside(path: Path, void: Holder | None) -> None:
    """Remove a void claim; one that another process put there in the meantime is put back."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.void")
    with suppress(FileNotFoundError):
        path.rename(aside)
        if _holder(aside) != void:
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink(missing_ok=True)
