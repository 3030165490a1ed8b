"""The training loop: resumable at any step, the same result as without the interruption."""

import csv
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network
from jpegai_bench.training.data import Photographs
from jpegai_bench.training.loss import Loss, betas, rate_distortion

_CHECKPOINT_KEYS = {"identity", "network", "optimizer", "average", "step"}


@dataclass(frozen=True)
class Recipe:
    """Everything besides data and network that decides the weights."""

    steps: int
    batch_size: int = 8
    crop: int = 128
    seed: int = 0
    learning_rate: float = 1e-3
    final_learning_rate: float = 5e-5
    warmup_steps: int = 200
    beta_lowest: float = 0.0008
    beta_highest: float = 0.045
    ms_ssim_share: float = 0.0
    ms_ssim_from_step: int = 0
    gradient_clip: float = 1.0
    ema: float = 0.998
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    train: Literal["all", "synthesis"] = "all"
    checkpoint_seconds: float = 60.0
    log_every: int = 50


@dataclass
class Progress:
    """What a progress display shows."""

    step: int
    steps: int
    loss: float
    bpp: float
    psnr_y: float
    steps_per_second: float


def train(
    network: Network,
    photographs: Photographs,
    recipe: Recipe,
    folder: Path,
    identity: dict[str, Any],
    report: Callable[[Progress], None],
) -> None:
    """Train `network` in place; on return it holds the averaged (EMA) weights.

    Args:
        network: freshly built, or initialised from other weights.
        photographs: the training data.
        recipe: the recipe.
        folder: takes `checkpoint.pt` and `log.csv`; a checkpoint that is there is resumed.
        identity: what the checkpoint belongs to; a checkpoint of another identity is refused.
        report: is called every `log_every` steps.

    Raises:
        BenchError: the checkpoint belongs to another configuration, the loss or its gradient is not finite,
            or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"{folder}: cannot be made ({error.strerror})") from None
    identity = {**identity, "recipe": _deciding(recipe)}
    trained = network if recipe.train == "all" else network.synthesis
    network.shared.requires_grad_(recipe.train == "all")
    for name, parameter in network.named_parameters():
        if name.endswith("quantiles"):
            parameter.requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    parameters = [p for p in trained.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=recipe.learning_rate)
    average = [p.detach().clone() for p in parameters]
    start = _resume(folder / "checkpoint.pt", identity, network, optimizer, average)
    saved = begun = time.monotonic()
    network.train()
    for step in range(start, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        loss = _step(network, photographs, recipe, step, parameters, optimizer)
        _average(average, parameters, min(recipe.ema, (step + 1) / (step + 10)))
        if step % recipe.log_every == 0 or step + 1 == recipe.steps:
            seconds = max(time.monotonic() - begun, 1e-9)
            progress = Progress(
                step + 1,
                recipe.steps,
                float(loss.total.detach()),
                float(loss.bpp),
                float(loss.psnr_y),
                (step + 1 - start) / seconds,
            )
            _log(folder / "log.csv", progress, float(loss.ms_ssim))
            report(progress)
        if time.monotonic() - saved > recipe.checkpoint_seconds or step + 1 == recipe.steps:
            _save(folder / "checkpoint.pt", identity, network, optimizer, average, step + 1)
            saved = time.monotonic()
    _use(parameters, average)
    network.eval()


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine from the first to the final rate."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return warm * (recipe.final_learning_rate + (recipe.learning_rate - recipe.final_learning_rate) * cosine)


def _step(
    network: Network,
    photographs: Photographs,
    recipe: Recipe,
    step: int,
    parameters: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Loss:
    qualities = network.size.qualities
    batch = photographs.batch(step, recipe.seed, recipe.batch_size, recipe.crop, qualities)
    torch.manual_seed(recipe.seed * 1_000_003 + step)  # the entropy model's noise
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        output = network(batch.planes, batch.quality)
    beta = betas(batch.quality, recipe.beta_lowest, recipe.beta_highest, qualities)
    middle = math.sqrt(recipe.beta_lowest * recipe.beta_highest)
    share = recipe.ms_ssim_share if step >= recipe.ms_ssim_from_step else 0.0
    loss = rate_distortion(output, batch.planes, beta, share, torch.sqrt(middle / beta))
    if not torch.isfinite(loss.total):
        raise _diverged("loss", step)
    optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    if not torch.isfinite(nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)):
        raise _diverged("gradient", step)
    optimizer.step()
    return loss


def _diverged(what: str, step: int) -> BenchError:
    return BenchError(
        f"the {what} is not finite at step {step}: lower learning_rate or gradient_clip, or use another "
        "seed, and train into a new folder"
    )


@torch.no_grad()
def _average(average: list[Tensor], parameters: Sequence[Tensor], decay: float) -> None:
    torch._foreach_lerp_(average, list(parameters), 1 - decay)


@torch.no_grad()
def _use(parameters: list[nn.Parameter], values: list[Tensor]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)


def _deciding(recipe: Recipe) -> dict[str, Any]:
    fields = asdict(recipe)
    for name in ("checkpoint_seconds", "log_every"):
        del fields[name]
    return fields


def _save(
    path: Path,
    identity: dict[str, Any],
    network: Network,
    optimizer: torch.optim.Optimizer,
    average: list[Tensor],
    step: int,
) -> None:
    state = {
        "identity": identity,
        "network": dict(network.named_parameters()),
        "optimizer": optimizer.state_dict(),
        "average": average,
        "step": step,
    }
    beside = path.with_name(f".{path.name}.part")
    try:
        torch.save(state, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        beside.unlink(missing_ok=True)
        reason = f"the checkpoint cannot be written ({error}); the last one is intact"
        raise BenchError(f"{path}: {reason}") from None


def _resume(
    path: Path,
    identity: dict[str, Any],
    network: Network,
    optimizer: torch.optim.Optimizer,
    average: list[Tensor],
) -> int:
    if not path.exists():
        return 0
    try:
        state = torch.load(path, weights_only=True)
        if not isinstance(state, dict) or state.keys() != _CHECKPOINT_KEYS:
            raise ValueError("it holds something else")
    except Exception as error:
        reason = f"not a checkpoint of this program ({error}); remove it to start anew"
        raise BenchError(f"{path}: {reason}") from None
    if state["identity"] != identity:
        differing = ", ".join(_differences(state["identity"], identity))
        raise BenchError(
            f"{path.parent}: holds a training of another configuration ({differing}); "
            "restore that configuration or train into another folder"
        )
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(state["network"][name])
    optimizer.load_state_dict(state["optimizer"])
    for own, saved in zip(average, state["average"], strict=True):
        own.copy_(saved)
    return int(state["step"])


def _differences(was: Any, now: Any, name: str = "") -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted(was.keys() | now.keys()):
            yield from _differences(was.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif was != now:
        yield f"{name} was {was}, is {now}"


def _log(path: Path, progress: Progress, similarity: float) -> None:
    fresh = not path.exists()
    row = (progress.loss, progress.bpp, progress.psnr_y, similarity, progress.steps_per_second)
    try:
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["step", "loss", "bpp", "psnr_y", "ms_ssim", "steps_per_second"])
            writer.writerow([progress.step, *(f"{value:.5g}" for value in row)])
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror})") from None
