"""Carry out a training: resumable at any step, the same result as without the interruption."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network, Planes
from jpegai_bench.training import validation
from jpegai_bench.training.checkpoint import CHECKPOINT
from jpegai_bench.training.checkpoint_guard import Keeper, Probe
from jpegai_bench.training.data import Batch, Steps, loader
from jpegai_bench.training.interrupts import Interrupts
from jpegai_bench.training.logs import VALIDATION, loggers, record
from jpegai_bench.training.module import PATIENCE, Training
from jpegai_bench.training.photographs import Photographs
from jpegai_bench.training.recipe import Operation, Recipe

_NAME = f"{BenchError.__module__}.{BenchError.__qualname__}"


@dataclass(frozen=True)
class Progress:
    """What a progress display shows."""

    step: int
    steps: int
    loss: float
    bpp: float
    psnr_y: float
    steps_per_second: float
    waiting: float
    """Share of the time spent waiting for photographs."""


@dataclass(frozen=True)
class Outcome:
    """How far a training came, and how."""

    step: int
    seconds: float
    steps_per_second: float | None
    """None where every step had been done before."""
    waiting: float | None
    peak_gpu_bytes: int
    unreadable: Sequence[str]
    """Photographs that could not be decoded."""
    eased: float
    """Factor on the learning rate at the end; below 1 the training had to go back."""


@dataclass(frozen=True)
class Report:
    """Who is told what."""

    progress: Callable[[Progress], None]
    warn: Callable[[str], None]
    mlflow: Path | None = None
    """Folder of MLflow's database, which trainings may share; without, the training's own."""
    resumed: Callable[[int], None] = lambda step: None
    """Is told the step that a training goes on from."""


def fit(
    network: Network,
    photographs: Photographs,
    recipe: Recipe,
    operation: Operation,
    folder: Path,
    identity: dict[str, Any],
    report: Report,
    rank: int = 0,
) -> Outcome:
    """Train `network` in place; on return it holds the averaged (EMA) weights.

    Args:
        network: freshly built, or initialised from other weights.
        photographs: the training data.
        recipe: what decides the weights.
        operation: how it is carried out; `max_minutes` may end it before its last step.
        folder: exists; takes the checkpoint and the logs; a checkpoint that is there is resumed.
        identity: what the checkpoint belongs to; a checkpoint of another identity is refused.
        report: is told of progress every `log_every` steps, and of what goes wrong.
        rank: which of `operation.devices` processes this is; the first one writes.

    Raises:
        BenchError: the checkpoint belongs to another configuration, the training diverges however small its
            steps, the photographs cannot be decoded, or the folder cannot be written.
    """
    module = Training(network, recipe)
    state = module.state
    checkpoint = folder / CHECKPOINT
    state.restore(checkpoint, identity)
    first = state.step
    if rank == 0 and not checkpoint.exists():
        state.save(checkpoint, identity)  # what a first bad step goes back to; and can the folder be written?
    if first:
        report.resumed(first)
    watch = _Watch(first, operation, report)
    interrupts = Interrupts(leads=rank == 0)
    keeper = Keeper(checkpoint, identity, operation, report.warn, lambda: interrupts.noted is not None)
    # The checkpoint comes last: once it is written, no row of a log is missing.
    callbacks: list[Callback] = [watch, interrupts, keeper]
    if first < recipe.steps and rank == 0 and photographs.held_out:
        held_out = validation.load(photographs.held_out, recipe.crop, recipe.reduction, watch.leave_out)
        callbacks.insert(0, _Validation(held_out, operation.validate_every))

    def go(steps: Steps, callbacks: list[Callback], logs: Any) -> None:
        batches = loader(photographs.training, recipe, operation, network.size.qualities, steps)
        _trainer(recipe, operation, callbacks, logs, folder).fit(module, batches)

    while not module.is_over:
        steps = Steps(state.step, recipe, rank, operation.devices)
        with _quiet(), interrupts.listening(), _errors_in_one_line():
            shared = report.mlflow or folder
            logs = rank == 0 and loggers(operation.loggers, folder, shared, identity, state.step)
            go(steps, callbacks, logs)
            if not module.is_over:
                interrupts.pass_on()
                break  # its time is over
            if module.not_finite >= recipe.steps:
                raise BenchError(
                    f"none of the {recipe.steps} gradients was finite: nothing was learned; "
                    "lower training.learning_rate or training.gradient_clip, or use another seed"
                )
            if 0 < module.not_finite < PATIENCE:
                # Bad crops, or bad weights? Those of the steps that would come next tell.
                longer = replace(recipe, steps=recipe.steps + PATIENCE)
                go(replace(steps, first=recipe.steps, recipe=longer), [Probe(), interrupts], False)
            keeper.end(module, rank)
            interrupts.pass_on()
    module.to("cpu")
    state.average = [value.to("cpu") for value in state.average]
    module.swap()
    network.eval()
    has_stepped = watch.seconds > 0
    return Outcome(
        state.step,
        watch.seconds,
        watch.speed(state.step) if has_stepped else None,
        watch.waiting() if has_stepped else None,
        torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        watch.unreadable,
        state.eased,
    )


class _Watch(Callback):
    """Measures speed and waiting; tells and logs them with the loss."""

    def __init__(self, first: int, operation: Operation, report: Report) -> None:
        self.first = first
        self.operation = operation
        self.report = report
        self.unreadable: list[str] = []
        self.seconds = self.waited = 0.0
        self.begun = self.ended = time.monotonic()

    def speed(self, step: int) -> float:
        """Steps per second."""
        return (step - self.first) / max(self.seconds, 1e-9)

    def waiting(self) -> float:
        """Share of the time spent waiting."""
        return self.waited / max(self.seconds, 1e-9)

    def leave_out(self, message: str) -> None:
        """Name a photograph that could not be decoded, once."""
        if message not in self.unreadable:
            self.unreadable.append(message)
            self.report.warn(f"{message}; left out")

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.first = cast(Training, module).state.step
        self.waited = 0.0
        self.begun = self.ended = time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: Batch, _: int) -> None:
        self.waited += time.monotonic() - self.ended
        for message in batch.unreadable:
            self.leave_out(message)

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        self.ended = time.monotonic()
        self.seconds = self.ended - self.begun
        training = cast(Training, module)
        step, steps = training.state.step, training.recipe.steps
        is_logged = step % self.operation.log_every == 0 or step == steps
        if not (is_logged and trainer.is_global_zero and training.last):
            return
        loss = training.last
        figures = {
            "loss": float(loss.total),
            "bpp": float(loss.bpp),
            "psnr_y": float(loss.psnr_y),
            "steps_per_second": self.speed(step),
            "waiting": self.waiting(),
        }
        extra = {
            "ms_ssim": float(loss.ms_ssim),
            "learning_rate": training.state.optimizer.param_groups[0]["lr"],
        }
        record(trainer.loggers, {**figures, **extra}, step)
        self.report.progress(Progress(step, steps, **figures))


class _Validation(Callback):
    """Logs R-D points of the averaged weights on held-out photographs."""

    def __init__(self, pictures: Sequence[Planes], every: int) -> None:
        self.pictures = pictures
        self.every = every

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        training = cast(Training, module)
        step = training.state.step
        if not self.pictures or not (step % self.every == 0 or step == training.recipe.steps):
            return
        training.swap()
        with training.as_at(step - 1):
            points = validation.points(training.network, self.pictures)
        training.swap()
        record(trainer.loggers, {f"{VALIDATION}{name}": value for name, value in points.items()}, step)


def _trainer(
    recipe: Recipe, operation: Operation, callbacks: list[Callback], logs: Any, folder: Path
) -> Trainer:
    gpu = accelerator_of(operation.accelerator) == "gpu"
    several = operation.devices > 1
    return Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=operation.devices,
        strategy=DDPStrategy(process_group_backend="nccl" if gpu else "gloo") if several else "auto",
        precision="bf16-mixed" if precision_of(recipe, "gpu" if gpu else "cpu") == "bf16" else "32-true",
        plugins=[LightningEnvironment()],
        callbacks=callbacks,
        logger=logs,
        max_epochs=1,
        default_root_dir=folder,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def accelerator_of(chosen: str) -> str:
    """`cpu` or `gpu`."""
    if chosen == "auto":
        return "gpu" if torch.cuda.is_available() else "cpu"
    return chosen


def precision_of(recipe: Recipe, accelerator: str) -> str:
    """`bf16` or `float32`; of `auto`, bf16 where the device multiplies in it: elsewhere it is slower."""
    if recipe.precision != "auto":
        return recipe.precision
    if accelerator == "gpu":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if native else "float32"


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """What ends a training from outside, in the words of this program."""
    try:
        yield
    except SystemExit:  # what Lightning makes of Ctrl-C; or that of a job that Slurm ends
        raise KeyboardInterrupt from None
    except BenchError as error:  # that of a process that reads photographs comes with its traceback
        raise BenchError(str(error).strip().splitlines()[-1].removeprefix(f"{_NAME}: ")) from None
    except torch.OutOfMemoryError:
        raise BenchError(
            "the memory of the GPU is full: lower training.batch_size or training.crop, or use more of "
            "training.devices"
        ) from None
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise BenchError(
            "a process that reads photographs was killed, as where memory runs out: the same command goes on "
            "from the last checkpoint; training.data_workers and training.cache_gb say how much is used"
        ) from None
    except Exception as error:  # of a logger that was told of what broke
        cause = next((cause for cause in _causes(error) if isinstance(cause, BenchError)), None)
        if cause is None:
            raise
        raise cause from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    while error.__context__ is not None:
        error = error.__context__
        yield error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's notices."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(lightning|torch)\.")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)
