"""Work spread over processes that share a machine: one thread each, gone when the one who asked is gone."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from multiprocessing import connection, forkserver
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from jpegai_bench.errors import BenchError
from jpegai_bench.system.environment import environment
from jpegai_bench.system.signals import answered

Task = TypeVar("Task")
Result = TypeVar("Result")
_SAFE_PATH, _BY_US = "PYTHONSAFEPATH", "jpegai-bench"
_GRACE = 1.0
"""Seconds in which a signal to all processes of a job, as Slurm sends, ends this one before it complains."""


def spread(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int, preload: Sequence[str] = ()
) -> Generator[tuple[Task, Result], None, None]:
    """Yield each task with what `work` made of it, in whatever order they end; close it to stop.

    Args:
        work: a function of a module; it, tasks and results must be picklable where there are several workers.
        tasks: what to work on.
        workers: processes; with 1 the work is done in this one, in order.
        preload: modules that the server of the processes imports once, before they are forked off it.

    Raises:
        BenchError: a process died.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            yield task, work(task)
        return
    pool = ProcessPoolExecutor(workers, mp_context=_forkserver(preload), initializer=join_work)
    try:
        futures: dict[Future[Result], Task] = {pool.submit(work, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except (BrokenProcessPool, EOFError, ConnectionError):  # the latter two where their server died
        time.sleep(_GRACE)
        raise BenchError(
            "a worker process died, perhaps for want of memory; "
            "run the same command again, with workers=1 if it dies again"
        ) from None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            _end_server()
        for process in list((pool._processes or {}).values()):
            kill_group(process.pid)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _forkserver(preload: Sequence[str]) -> BaseContext:
    """A server that has imported the libraries, but run nothing, forks workers quickly and safely."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # Ctrl-C reaches every process of the terminal: only this one shall answer, in one line.
    with answered(signal.SIGINT, signal.SIG_IGN), own_imports():
        forkserver.ensure_running()
    return context


def _end_server() -> None:
    """The one that is still importing would fork a worker later, which nobody waits for any more."""
    server: Any = forkserver._forkserver
    with suppress(ProcessLookupError):
        if server._forkserver_pid is not None:
            os.kill(server._forkserver_pid, signal.SIGKILL)
    server._stop()


def own_imports() -> AbstractContextManager[None]:
    """Processes of Python that are started inside do not take modules of the current folder for their own."""
    return environment({_SAFE_PATH: os.environ.get(_SAFE_PATH) or _BY_US})


def let_programs_import() -> None:
    """In such a process: programs of the user's that it runs import as ever, beside their own script too."""
    if os.environ.get(_SAFE_PATH) == _BY_US:
        del os.environ[_SAFE_PATH]


def join_work() -> None:
    """Make this worker the head of a process group, which ends with the process that asked for the work.

    What a user's module or program prints here goes to stderr: stdout is for results.
    """
    let_programs_import()
    os.dup2(2, 1)
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    kill_group(os.getpid())


def kill_group(pid: int | None) -> None:
    """End a worker and the encoders that it runs; one that has not yet a group of its own, alone."""
    if pid is None:
        return
    with suppress(ProcessLookupError):
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(pid, signal.SIGKILL)
