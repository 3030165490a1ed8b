"""What a signal does while a block runs."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def answered(number: signal.Signals, answer: Callable[..., Any] | signal.Handlers) -> Iterator[None]:
    """A signal is answered so while the block runs."""
    before = signal.signal(number, answer)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """SIGTERM, as schedulers, containers and `kill` send it, raises KeyboardInterrupt as Ctrl-C does.

    Where it is ignored it stays so.
    """
    is_ignored = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    if is_ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    with answered(signal.SIGTERM, signal.default_int_handler):
        yield
