"""What decides the weights (`Recipe`), and what only decides how fast and how visibly (`Operation`).

Their values are those of a YAML in `conf/training/`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Recipe:
    """Everything besides data, network and starting weights that decides the result."""

    steps: int
    batch_size: int
    """Crops a step, over all processes."""
    crop: int
    reduction: tuple[float, float]
    """Range of the random factor by which photographs are reduced in size, which removes JPEG artefacts."""
    seed: int
    optimizer: Literal["adam", "soap"]
    learning_rate: float
    final_learning_rate: float
    warmup_steps: int
    beta_lowest: float
    beta_highest: float
    ms_ssim_share: float
    ms_ssim_from_step: int
    attention_from_step: int
    """Before it both attention places of the synthesis pass on what comes: steps a third as long."""
    attention_rate: float
    """Learning rate of the attention of the synthesis, as a share of that of the rest."""
    gradient_clip: float
    ema: float
    precision: Literal["auto", "bf16", "float32"]
    compile: bool
    train: Literal["all", "synthesis", "entropy"]

    def learning_rate_at(self, step: int, joined: int = 0) -> float:
        """A cosine from the first to the final rate, with a linear warm-up from the step of joining."""
        warm = min(1.0, max(0, step - joined + 1) / max(1, self.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return warm * (self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * cosine)

    def attention_learning_rate_at(self, step: int) -> float:
        """The same of the attention of the synthesis, which joins late and has a share of it."""
        return self.attention_rate * self.learning_rate_at(step, self.attention_from_step)

    def ema_decay_at(self, step: int) -> float:
        """Shorter at the start, so that the first weights are soon forgotten."""
        return min(self.ema, (step + 1) / (step + 10))

    def ms_ssim_share_at(self, step: int) -> float:
        """0 before `ms_ssim_from_step`."""
        return self.ms_ssim_share if step >= self.ms_ssim_from_step else 0.0

    def stage_at(self, step: int) -> tuple[float, bool]:
        """What a loss depends on besides the weights: share of MS-SSIM, and whether attention takes part."""
        return self.ms_ssim_share_at(step), step >= self.attention_from_step

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as it comes back from JSON."""
        return {**asdict(self), "reduction": list(self.reduction)}


MOST_READERS = 16
"""Processes that read photographs for a GPU, where there are as many cores."""


@dataclass(frozen=True)
class Operation:
    """How a training is carried out; it may change between a kill and the resumption."""

    accelerator: Literal["auto", "cpu", "gpu"]
    devices: int
    """GPUs, or processes on the CPU; `batch_size` is shared out among them."""
    data_workers: int
    """Processes that read photographs, for each device."""
    cache_gb: float
    """Decoded photographs kept in memory, for each device; its `data_workers` share it."""
    checkpoint_seconds: float
    log_every: int
    validate_every: int
    max_minutes: float | None
    """Stop with a checkpoint after so long; the same command goes on."""
    loggers: tuple[str, ...]
