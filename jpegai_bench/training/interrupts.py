"""Ctrl-C and SIGTERM while a training is at work: it ends after the step that it is in, with a checkpoint."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(Callback):
    """Notes the first signal; a second one ends the training where it is."""

    def __init__(self) -> None:
        self.noted: int | None = None
        self._before: dict[int, Any] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Restore afterwards who is told of signals.

        Whatever goes wrong after one came goes wrong for it: processes that were told too are gone.
        """
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        try:
            yield
        except Exception:
            if self.noted is None:
                raise
            self.pass_on()
        finally:
            self._tell({number: self._before[number] for number in _SIGNALS})

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Listen; only now, since Lightning has just made itself the one that is told."""
        self._tell(dict.fromkeys(_SIGNALS, self._note))

    def pass_on(self) -> None:
        """Where a signal was noted, do what it would have done.

        Raises:
            KeyboardInterrupt: or what the one who was told before raises.
        """
        if self.noted is None:
            return
        told = self._before.get(self.noted)
        if callable(told):
            told(self.noted, None)
        raise KeyboardInterrupt

    def _note(self, number: int, _: Any) -> None:
        if self.noted is not None:
            raise KeyboardInterrupt
        self.noted = number

    @staticmethod
    def _tell(handlers: dict[signal.Signals, Any]) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
