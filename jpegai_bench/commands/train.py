"""Train, print where the weights are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.config.schema import Settings
from jpegai_bench.config.variants import variant_of
from jpegai_bench.errors import UsageError
from jpegai_bench.sweep.job_notes import Result
from jpegai_bench.training.photographs import check_folders

if TYPE_CHECKING:
    from jpegai_bench.sweep.sweep import How


def command(settings: Settings) -> int:
    """Train the variant."""
    if settings.is_typed("weights"):
        raise UsageError("weights= is of run; a training starts from those of training.init_from=FOLDER")
    print(_train(settings))
    return 0


def job(settings: Settings, how: "How") -> Result:
    """A training as one of several."""
    return Result(str(_train(settings)))


def finish(values: Sequence[Any]) -> None:
    """Print the folders of the weights."""
    print("\n".join(map(str, values)))


def _train(settings: Settings) -> Path:
    if not settings.training.data:
        raise UsageError("no training photographs: give their folders with training.data=[PATH,PATH]")
    check_folders(settings.training.data)
    check_folders(settings.training.validation, "validation")
    from jpegai_bench.training.run import train_variant

    return train_variant(settings, variant_of(settings))
