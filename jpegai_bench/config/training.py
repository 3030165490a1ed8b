"""The `training` group of the configuration."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from jpegai_bench.errors import BenchError, one_of

TRAINING_WORDS = {
    "train": ("all", "synthesis", "entropy"),
    "optimizer": ("adam", "soap"),
    "precision": ("auto", "bf16", "float32"),
    "accelerator": ("auto", "cpu", "gpu"),
}
"""What a setting may be, where that is one of a few words."""
LOGGERS = ("csv", "tensorboard", "mlflow")
_COUNTS = ("steps", "batch_size", "log_every", "validate_every", "devices", "threads")
_POSITIVE = (
    "learning_rate",
    "final_learning_rate",
    "beta_lowest",
    "beta_highest",
    "attention_rate",
    "gradient_clip",
    "max_minutes",
)
_NOT_NEGATIVE = (
    "held_out",
    "warmup_steps",
    "ms_ssim_from_step",
    "attention_from_step",
    "data_workers",
    "cache_gb",
    "checkpoint_seconds",
)
_MOST = 2**31 - 1
"""Of what is counted: enough for anybody, and no overflow."""
_RANGES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (_COUNTS, lambda value: value >= 1, "must be at least 1"),
    (_POSITIVE, lambda value: 0 < value < math.inf, "must be above 0, and finite"),
    (_NOT_NEGATIVE, lambda value: value >= 0, "must be at least 0"),
    (
        (*_COUNTS, *_NOT_NEGATIVE),
        lambda value: isinstance(value, float) or value <= _MOST,
        f"must be at most {_MOST}",
    ),
    (("ms_ssim_share",), lambda value: 0 <= value <= 1, "must be from 0 to 1"),
    (("ema",), lambda value: 0 <= value < 1, "must be at least 0 and below 1"),
    (("seed",), lambda value: 0 <= value < 2**32, "must be from 0 to 4294967295"),
)
"""Settings, what is right of the value of each, and how that is said."""


@dataclass
class TrainingSettings:
    """Data and start of a training; the rest as in `training.recipe`: what decides the weights, then how."""

    data: list[str]
    validation: list[str]
    held_out: int
    init_from: str | None
    init_variant: str | None
    folder: str | None

    train: str
    steps: int
    batch_size: int
    crop: int
    reduction: list[float]
    seed: int
    optimizer: str
    learning_rate: float
    final_learning_rate: float
    warmup_steps: int
    beta_lowest: float
    beta_highest: float
    ms_ssim_share: float
    ms_ssim_from_step: int
    attention_from_step: int
    attention_rate: float
    gradient_clip: float
    ema: float
    precision: str
    compile: bool

    accelerator: str
    devices: int
    threads: int | None
    data_workers: int | None
    cache_gb: float
    checkpoint_seconds: float
    log_every: int
    validate_every: int
    max_minutes: float | None
    loggers: list[str]

    def __post_init__(self) -> None:
        for name, words in TRAINING_WORDS.items():
            one_of(f"training.{name}", getattr(self, name), words)
        for logger in self.loggers:
            one_of("training.loggers", logger, LOGGERS)
        if self.train != "all" and not self.init_from:
            raise BenchError(
                f"training.train={self.train} needs training.init_from=FOLDER, whose encoder is kept"
            )
        if self.train == "entropy" and not self.init_variant:
            raise BenchError(
                "training.train=entropy needs training.init_variant=NAME, whose synthesis is kept"
            )
        if self.init_variant and not self.init_from:
            raise BenchError(
                "training.init_variant is of the weights of training.init_from=FOLDER: give both"
            )
        if self.crop < 64 or self.crop % 64:
            raise BenchError(f"training.crop={self.crop}: must be a multiple of 64, at least 64")
        for names, is_right, rule in _RANGES:
            for name in names:
                value = getattr(self, name)
                if value is not None and not is_right(value):
                    raise BenchError(f"training.{name}={value}: {rule}")
        if self.warmup_steps > self.steps:
            raise BenchError(
                f"training.warmup_steps={self.warmup_steps}: must not be above training.steps, "
                f"which is {self.steps}"
            )
        for lower, upper in (("beta_lowest", "beta_highest"), ("final_learning_rate", "learning_rate")):
            least, most = getattr(self, lower), getattr(self, upper)
            if least > most:
                raise BenchError(
                    f"training.{lower}={least:g}: must not be above training.{upper}, which is {most:g}"
                )
        late = {
            "attention": "the attention would not be trained",
            "ms_ssim": "MS-SSIM would have no part in it",
        }
        for part, lost in late.items():
            begins = getattr(self, f"{part}_from_step")
            is_wanted = part != "ms_ssim" or self.ms_ssim_share > 0
            if is_wanted and begins and begins >= self.steps:
                raise BenchError(
                    f"training.{part}_from_step={begins}: must be below training.steps, "
                    f"which is {self.steps}: {lost}"
                )
        if len(self.reduction) != 2 or not 0 < self.reduction[0] <= self.reduction[1] <= 1:
            raise BenchError(
                f"training.reduction={self.reduction}: give the lowest and the highest factor, above 0 and "
                "at most 1, as [0.45,0.75]"
            )
        if self.batch_size % self.devices:
            raise BenchError(
                f"training.batch_size={self.batch_size}: must be a multiple of training.devices, "
                f"which is {self.devices}"
            )
