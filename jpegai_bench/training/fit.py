"""Carry out a training: resumable at any step, the same result as without the interruption."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network
from jpegai_bench.training import validation
from jpegai_bench.training.checkpoint import CHECKPOINT
from jpegai_bench.training.checkpoint_guard import Keeper
from jpegai_bench.training.data import Batch, Steps, loader, read
from jpegai_bench.training.descent import PATIENCE, Descent
from jpegai_bench.training.fabric import DDPStrategy, Fabric, LightningEnvironment
from jpegai_bench.training.interrupts import Interrupts
from jpegai_bench.training.logs import VALIDATION, Log, opened, record
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
    accelerator = accelerator_of(operation.accelerator)
    fabric = _fabric(accelerator, operation.devices)
    descent = Descent(network, recipe, fabric, precision_of(recipe, accelerator) == "bf16")
    state, checkpoint = descent.state, folder / CHECKPOINT
    state.restore(checkpoint, identity)
    if rank == 0 and not checkpoint.exists():
        state.save(checkpoint, identity)  # what a first bad step goes back to; and can the folder be written?
    if state.step:
        report.resumed(state.step)
    watch = _Watch(descent, operation, report)
    interrupts = Interrupts(leads=rank == 0)
    keeper = Keeper(descent, checkpoint, identity, operation, report.warn, interrupts)
    wanted = photographs.held_out if rank == 0 and not descent.is_over else ()
    held_out = validation.load(wanted, recipe.crop, recipe.reduction, watch.leave_out).to(fabric.device)

    def batches(recipe: Recipe) -> Iterator[Batch]:
        """Of the steps that are left."""
        steps = Steps(state.step, recipe, rank, operation.devices)
        return read(loader(photographs.training, recipe, operation, network.size.qualities, steps), fabric)

    def stopped(logs: Sequence[Log]) -> bool:
        """Go on to the last step; whether it was stopped before."""
        for batch in watch.waiting_for(batches(recipe)):
            descent.gradient(batch)
            keeper.before_descent()
            descent.descend()
            if len(held_out) and (state.step % operation.validate_every == 0 or descent.is_over):
                record(logs, _validated(descent, held_out), state.step)
            watch.after_step(logs)
            # The checkpoint comes last: once it is written, no row of a log is missing.
            if keeper.after_step():
                return True
        return False

    with _quiet(), _quick(), _errors_in_one_line(), interrupts.listening():
        if not descent.is_over:
            descent.meet()
        while not descent.is_over:
            asked = operation.loggers if rank == 0 else ()
            with opened(asked, folder, report.mlflow or folder, identity, state.step) as logs:
                if stopped(logs):
                    break
            if descent.not_finite >= recipe.steps:
                raise BenchError(
                    f"none of the {recipe.steps} gradients was finite: nothing was learned; "
                    "lower training.learning_rate or training.gradient_clip, or use another seed"
                )
            # Bad crops, or bad weights? Those of the steps that would come next tell.
            further = batches(replace(recipe, steps=recipe.steps + PATIENCE))
            while 0 < descent.not_finite < PATIENCE:
                descent.gradient(next(further))
                descent.descend()
                descent.look()
            keeper.end()
    descent.finish()
    return Outcome(
        state.step,
        watch.seconds,
        watch.speed() if watch.seconds else None,
        watch.waiting() if watch.seconds else None,
        torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        watch.unreadable,
        state.eased,
    )


@dataclass
class _Watch:
    """Measures speed and waiting; tells and logs them with the loss."""

    descent: Descent
    operation: Operation
    report: Report
    unreadable: list[str] = field(default_factory=list)
    first: int = 0
    begun: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0

    def speed(self) -> float:
        """Steps per second."""
        return (self.descent.state.step - self.first) / max(self.seconds, 1e-9)

    def waiting(self) -> float:
        """Share of the time spent waiting."""
        return self.waited / max(self.seconds, 1e-9)

    def leave_out(self, message: str) -> None:
        """Name a photograph that could not be decoded, once."""
        if message not in self.unreadable:
            self.unreadable.append(message)
            self.report.warn(f"{message}; left out")

    def waiting_for(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches; how long they take to come is measured."""
        self.first, self.waited = self.descent.state.step, 0.0
        self.begun = asked = time.monotonic()
        for batch in batches:
            self.waited += time.monotonic() - asked
            for message in batch.unreadable:
                self.leave_out(message)
            yield batch
            asked = time.monotonic()

    def after_step(self, logs: Sequence[Log]) -> None:
        """Tell and log the figures of a step, where that is due."""
        self.seconds = time.monotonic() - self.begun
        descent, loss = self.descent, self.descent.last
        step, steps = descent.state.step, descent.recipe.steps
        is_logged = step % self.operation.log_every == 0 or step == steps
        if not (is_logged and descent.fabric.is_global_zero and loss):
            return
        total, bpp, psnr_y, _, _, ms_ssim = torch.stack(loss).tolist()
        figures = {
            "loss": total,
            "bpp": bpp,
            "psnr_y": psnr_y,
            "steps_per_second": self.speed(),
            "waiting": self.waiting(),
        }
        rate = descent.state.optimizer.param_groups[0]["lr"]
        record(logs, {**figures, "ms_ssim": ms_ssim, "learning_rate": rate}, step)
        self.report.progress(Progress(step, steps, **figures))


def _validated(descent: Descent, pictures: Tensor) -> dict[str, float]:
    """R-D points of the averaged weights on held-out photographs, for the logs."""
    descent.swap()
    compiled = descent.recipe.compile  # for the crops of a step, in training
    eager = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    with descent.as_at(descent.state.step - 1), eager:
        points = validation.points(descent.network, pictures)
    descent.swap()
    return {f"{VALIDATION}{name}": value for name, value in points.items()}


def _fabric(accelerator: str, devices: int) -> Fabric:
    gpu = accelerator == "gpu"
    strategy = DDPStrategy(process_group_backend="nccl" if gpu else "gloo") if devices > 1 else "auto"
    return Fabric(
        accelerator=accelerator, devices=devices, strategy=strategy, plugins=[LightningEnvironment()]
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
    except SystemExit:  # of a job that Slurm ends
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


@contextmanager
def _quick() -> Iterator[None]:
    """On a GPU, cuDNN tries which of its convolutions is the quickest: all crops are of one size."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Fabric's notices."""
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(lightning_fabric|torch)\.")
        yield
