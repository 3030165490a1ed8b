"""Checkpoints of a training, and the way back to the last sound one where it breaks down."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from jpegai_bench.training.module import PATIENCE, Training
from jpegai_bench.training.recipe import Operation

_LOOK_EVERY = 10
"""Steps between two looks at the level of the loss."""


class Keeper(Callback):
    """Writes checkpoints, and goes back to the last one where the training breaks down.

    What is written on the way is known to be good: the gradient at its weights is finite, and their loss is
    not many times the usual one.
    """

    def __init__(
        self,
        path: Path,
        identity: dict[str, Any],
        operation: Operation,
        warn: Callable[[str], None],
        is_interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path = path
        self.identity = identity
        self.operation = operation
        self.warn = warn
        self.is_interrupted = is_interrupted
        self.exploded = False
        self.begun = self.saved = time.monotonic()

    def on_before_optimizer_step(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Write a checkpoint where one is due, of weights that are known to be good."""
        training = cast(Training, module)
        if time.monotonic() - self.saved > self.operation.checkpoint_seconds and training.is_sound():
            self._save(training, trainer.is_global_zero)

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Go back where the training has broken down; stop where its time is over, or it is interrupted."""
        training = cast(Training, module)
        level = training.state.level
        if training.state.step % _LOOK_EVERY == 0 or training.is_over:
            # Each process has crops of its own, and all go back together.
            self.exploded = trainer.strategy.broadcast(level.has_exploded)
        if training.is_over:
            return  # `end` decides
        back = self._why(training)
        if back:
            self._go_back(training, back)
        if training.not_finite:
            return
        minutes = self.operation.max_minutes
        over = minutes is not None and time.monotonic() - self.begun > 60 * minutes
        # The processes of several devices stop at the same step, or each would wait for the other.
        trainer.should_stop = trainer.strategy.broadcast(over or self.is_interrupted())
        calm = training.last is not None and level.is_calm(float(training.last.total))
        if back or (trainer.should_stop and calm):
            self._save(training, trainer.is_global_zero)

    def end(self, training: Training, rank: int) -> None:
        """Keep what the last step left, or take up the training again from the last checkpoint.

        Raises:
            BenchError: it breaks down however small its steps.
        """
        if why := self._why(training):
            self._go_back(training, why, again=True)
        training.not_finite = 0
        self._save(training, rank == 0)

    def _why(self, training: Training) -> str:
        """How the training has broken down; empty where it has not."""
        if training.not_finite >= PATIENCE:
            return f"{PATIENCE} gradients in a row were not finite"
        times = training.state.level.times
        return f"the loss has stayed at {times:.3g} times its usual level" if self.exploded else ""

    def _save(self, training: Training, is_first: bool) -> None:
        if is_first:
            training.state.save(self.path, self.identity)
        self.saved = time.monotonic()

    def _go_back(self, training: Training, why: str, again: bool = False) -> None:
        """To the weights of the last checkpoint; `again` to its step too."""
        training.ease()
        state = training.state
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


class Probe(Callback):
    """Looks at gradients until one is finite, or too many in a row are not."""

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        """Stop where it is clear."""
        trainer.should_stop = cast(Training, module).not_finite in (0, PATIENCE)
