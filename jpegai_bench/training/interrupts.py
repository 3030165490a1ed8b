"""Ctrl-C and SIGTERM while a training is at work: it ends after the step that it is in, with a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Notes the first signal; a second Ctrl-C ends the training where it is.

    Of several processes the first one listens, and tells the others when to stop; these hear nothing.
    """

    def __init__(self, leads: bool) -> None:
        self.noted: signal.Signals | None = None
        self._answer: Any = self._note if leads else signal.SIG_IGN

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs, then do what the noted signal would have; what is ignored stays so.

        Raises:
            KeyboardInterrupt: or what the one who was told before raises.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        before = {
            number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)
        }
        for number in before:
            signal.signal(number, self._answer)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self.noted is not None:
            if callable(handler := before[self.noted]):
                handler(self.noted, None)
            raise KeyboardInterrupt

    def _note(self, number: int, _: Any) -> None:
        if self.noted is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.noted = signal.Signals(number)
