"""Train, print where the weights are."""

from jpegai_bench.config import Settings, on_command_line, variant_of
from jpegai_bench.errors import UsageError


def command(settings: Settings) -> int:
    """Train the variant."""
    if on_command_line("weights"):
        raise UsageError("weights= is of run; a training starts from those of training.init_from=FOLDER")
    if not settings.training.data:
        raise UsageError("no training photographs: give their folders with training.data=[PATH,PATH]")
    from jpegai_bench.training.run import train_variant

    print(train_variant(settings, variant_of(settings)))
    return 0
