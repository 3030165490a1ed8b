"""Train, print where the weights are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import own_output
from jpegai_bench.config.command_settings import RecipeSettings
from jpegai_bench.errors import UsageError
from jpegai_bench.sweep.job_result import How, Result


@dataclass(kw_only=True)
class TrainSettings(RecipeSettings):
    """What `train` takes."""

    fail_fast: bool


USAGE = Command(
    "train +variant=NAME training.data=[FOLDER,…] [training=smoke|ablation|small|paper]",
    "train a variant; resumes",
    """Trains analysis, entropy model and synthesis together, or with training=ablation the synthesis
alone on the frozen encoder that ships, as the shipped weights were made. Killed, the same command
goes on from the last checkpoint; Ctrl-C and SIGTERM write one. Prints the folder of the weights.

  jpegai-bench train +variant=base training=smoke 'training.data=[photos]'
  jpegai-bench train +variant=combined training=ablation 'training.data=[photos]'
  jpegai-bench train -m +variant=base,combined training=ablation 'training.data=[photos]' training.seed=0,1,2

  training=paper model=paper       the paper's size, for a GPU
  training.train=synthesis training.init_from=WEIGHTS    on the frozen encoder of other weights
  training.devices=2               GPUs, or processes on the CPU
  training.max_minutes=50          stop with a checkpoint; the same command goes on
  training.loggers=[csv,tensorboard,mlflow]""",
    settings=TrainSettings,
    variant="base",
    results="weights, checkpoint, log.csv, validation.csv, log.txt in results/training/VARIANT/KEY.",
)


def command(settings: TrainSettings) -> int:
    """Train the variant."""
    with own_output():
        folder = _train(settings)
    print(folder)
    return 0


def job(settings: TrainSettings, how: How) -> Result:
    """A training as one of several."""
    return Result(str(_train(settings)))


def finish(values: Sequence[Any]) -> None:
    """Print the folders of the weights."""
    print("\n".join(map(str, values)))


def _train(settings: TrainSettings) -> Path:
    from jpegai_bench.config.variants import variant_of
    from jpegai_bench.training.photographs import check_folders

    if not settings.training.data:
        raise UsageError("no training photographs: give their folders with training.data=[PATH,PATH]")
    check_folders(settings.training.data)
    check_folders(settings.training.validation, "validation")
    from jpegai_bench.training.run import train_variant

    return train_variant(settings, variant_of(settings))
