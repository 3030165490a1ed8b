"""Ctrl-C and SIGTERM while a training is at work: it ends after the step that it is in, with a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(Callback):
    """Notes the first signal; a second Ctrl-C ends the training where it is.

    Of several processes the first one listens, and tells the others when to stop; these hear nothing.
    """

    def __init__(self, leads: bool) -> None:
        self.noted: int | None = None
        self._answer: Any = self._note if leads else signal.SIG_IGN
        self._before: dict[signal.Signals, Any] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs; what is ignored stays so."""
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._before = {
            number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)
        }
        self._set({number: self._answer for number in self._before if number != signal.SIGINT})
        try:
            yield
        finally:
            self._set(self._before)

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Listen again: Lightning has just made itself the one that is told."""
        self._set(dict.fromkeys(self._before, self._answer))

    def pass_on(self) -> None:
        """Where a signal was noted, do what it would have done.

        Raises:
            KeyboardInterrupt: or what the one who was told before raises.
        """
        if self.noted is None:
            return
        handler = self._before.get(signal.Signals(self.noted))
        if callable(handler):
            handler(self.noted, None)
        raise KeyboardInterrupt

    def _note(self, number: int, _: Any) -> None:
        if self.noted is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.noted = number

    @staticmethod
    def _set(handlers: dict[signal.Signals, Any]) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
