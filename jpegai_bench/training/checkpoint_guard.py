"""Checkpoints of a training, and the way back to the last sound one where it breaks down."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jpegai_bench.training.descent import PATIENCE, Descent
from jpegai_bench.training.interrupts import Interrupts
from jpegai_bench.training.recipe import Operation

_SELDOM = 10
LOOK_EVERY = {"cpu": 1}
"""Steps between two looks at what the steps have found; elsewhere `_SELDOM`: a look keeps a GPU waiting. At
whether the loss has exploded it is looked that seldom everywhere."""


@dataclass
class Keeper:
    """Writes checkpoints, and goes back to the last one where the training breaks down.

    What is written on the way is known to be good: the gradient at its weights is finite, and their loss is
    not many times the usual one.
    """

    descent: Descent
    path: Path
    identity: dict[str, Any]
    operation: Operation
    warn: Callable[[str], None]
    interrupts: Interrupts
    exploded: bool = False
    begun: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)

    def before_descent(self) -> None:
        """Write a checkpoint where one is due, of weights that are known to be good."""
        if time.monotonic() - self.saved > self.operation.checkpoint_seconds and self.descent.is_sound():
            self._save()

    def after_step(self) -> bool:
        """Go back where the training has broken down.

        Returns:
            Whether to stop: its time is over, or it is interrupted.
        """
        descent, fabric = self.descent, self.descent.fabric
        step, is_over = descent.state.step, descent.is_over
        if step % LOOK_EVERY.get(fabric.device.type, _SELDOM) and not is_over:
            return False
        descent.look()
        if step % _SELDOM == 0 or is_over:
            # Each process has crops of its own, and all go back together.
            self.exploded = fabric.broadcast(descent.state.level.has_exploded)
        if is_over:
            return False  # `end` decides
        back = self._why()
        if back:
            self._go_back(back)
        if descent.not_finite:
            return False
        minutes = self.operation.max_minutes
        over = minutes is not None and time.monotonic() - self.begun > 60 * minutes
        # The processes of several devices stop at the same step, or each would wait for the other.
        stops = fabric.broadcast(over or self.interrupts.noted is not None)
        if back or (stops and descent.is_calm()):
            self._save()
        return stops

    def end(self) -> None:
        """Keep what the last step left, or take up the training again from the last checkpoint.

        Raises:
            BenchError: it breaks down however small its steps.
        """
        if why := self._why():
            self._go_back(why, again=True)
        self.descent.not_finite = 0
        self._save()

    def _why(self) -> str:
        """How the training has broken down; empty where it has not."""
        if self.descent.not_finite >= PATIENCE:
            return f"{PATIENCE} gradients in a row were not finite"
        times = self.descent.state.level.times
        return f"the loss has stayed at {times:.3g} times its usual level" if self.exploded else ""

    def _save(self) -> None:
        if self.descent.fabric.is_global_zero:
            self.descent.state.save(self.path, self.identity)
        self.saved = time.monotonic()

    def _go_back(self, why: str, again: bool = False) -> None:
        """To the weights of the last checkpoint; `again` to its step too."""
        self.descent.ease()
        state = self.descent.state
        broken, eased = state.step, state.eased
        state.restore(self.path, self.identity)
        state.eased = eased
        if not again:
            state.step = broken
        self.exploded = False
        whence = f", step {state.step}" if again else ""
        self.warn(
            f"{why} at step {broken}: back to the last checkpoint{whence}, "
            f"going on at {state.eased:g} of the learning rate"
        )
