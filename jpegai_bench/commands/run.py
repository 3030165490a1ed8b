"""Code, measure, store, print."""

import sys

from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings


def command(settings: Settings) -> int:
    """Do the main job; 1 where an image was left out."""
    from jpegai_bench import runner

    rebuilt, failures = runner.run(settings)
    show_study(settings, rebuilt)
    for line in failures:
        print(f"jpegai-bench: left out: {line}", file=sys.stderr)
    return 1 if failures else 0
