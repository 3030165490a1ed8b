"""The other processes of a training on several devices."""

import ctypes
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple

from jpegai_bench.errors import BenchError
from jpegai_bench.network import places
from jpegai_bench.system.console import complain
from jpegai_bench.system.environment import environment
from jpegai_bench.system.processes import let_programs_import, own_imports

_GRACE = 10.0
"""Seconds in which a process must notice by itself that another one is gone; with NCCL it waits for ever."""


class _Follower(NamedTuple):
    rank: int
    process: SpawnProcess
    reasons: Connection
    """Gives the reason of a follower that fails."""


@contextmanager
def followers(devices: int, work: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Run `work(rank, *arguments)` in a process for each further device while this one is rank 0.

    Args:
        devices: all of them; 1 starts nothing.
        work: of a module, so that a fresh process finds it.
        arguments: plain data.

    Raises:
        BenchError: a follower failed; this process is ended where it hangs for want of it.
    """
    if devices == 1:
        yield
        return
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(devices)}
    started = [_start(rank, meeting, work, arguments) for rank in range(1, devices)]
    over = threading.Event()
    watcher = threading.Thread(target=_end_if_stuck, args=(started, over), daemon=True)
    watcher.start()
    try:
        with environment({**meeting, "LOCAL_RANK": "0", "NODE_RANK": "0"}):
            yield
        for follower in started:
            follower.process.join(60)
    except RuntimeError as error:  # what a collective operation raises when a partner is gone
        gone = wait([follower.process.sentinel for follower in started], _GRACE)
        for follower in started:
            if follower.process.sentinel in gone:  # what it had open is closed, and it may still be ending
                follower.process.join(_GRACE)
        raise _reason(started) or error from None
    finally:
        over.set()
        watcher.join()
        for follower in started:
            follower.process.kill()
        _leave_group()


def _start(
    rank: int, meeting: dict[str, str], work: Callable[..., None], arguments: tuple[Any, ...]
) -> _Follower:
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_follow, args=(rank, os.getpid(), meeting, writer, work, arguments))
    with own_imports():
        process.start()
    writer.close()
    return _Follower(rank, process, reader)


def _follow(
    rank: int,
    leader: int,
    meeting: dict[str, str],
    writer: Connection,
    work: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    with suppress(OSError, AttributeError):  # Linux: a leader that is killed takes its followers with it
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != leader:
            os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_programs_import()
    os.environ.update({**meeting, "LOCAL_RANK": str(rank), "NODE_RANK": "0"})
    try:
        work(rank, *arguments)
    except BaseException as error:
        writer.send(str(error) if isinstance(error, BenchError) else places.in_one_line(error))
        os._exit(1)


def _end_if_stuck(started: Sequence[_Follower], over: threading.Event) -> None:
    while not over.wait(1):
        if _failed(started) and not over.wait(_GRACE):
            complain(str(_reason(started)))
            for follower in started:
                follower.process.kill()
            os._exit(1)


def _failed(started: Sequence[_Follower]) -> _Follower | None:
    """The first one that ended other than it should."""
    return next((follower for follower in started if follower.process.exitcode not in (None, 0)), None)


def _reason(started: Sequence[_Follower]) -> BenchError | None:
    failed = _failed(started)
    if failed is None:
        return None
    code = failed.process.exitcode or 0
    reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    with suppress(EOFError, OSError):
        if failed.reasons.poll():
            reason = failed.reasons.recv()
    return BenchError(
        f"the training process of device {failed.rank} ended ({reason}); the same command goes on from the "
        "last checkpoint"
    )


def _leave_group() -> None:
    """So that another training of this process, as in a sweep, can meet others."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
