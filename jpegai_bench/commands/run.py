"""Code, measure, store, print."""

import sys

from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings, on_command_line
from jpegai_bench.errors import UsageError


def command(settings: Settings) -> int:
    """Do the main job; 1 where an image was left out."""
    if settings.weights != "train" and on_command_line("training"):
        raise UsageError("training settings need weights=train; without it weights that are there are run")
    from jpegai_bench import runner

    rebuilt, failures = runner.run(settings)
    show_study(settings, rebuilt)
    for line in failures:
        print(f"jpegai-bench: left out: {line}", file=sys.stderr)
    return 1 if failures else 0
