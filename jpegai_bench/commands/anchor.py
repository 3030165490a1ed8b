"""Measure a conventional codec again."""

import sys

from jpegai_bench.commands.output import print_frame
from jpegai_bench.config import Settings


def command(settings: Settings) -> int:
    """Code and measure; print the folder and the mean over images at each quality, or all points."""
    from jpegai_bench import runner

    folder, points, failures = runner.measure_anchor(settings)
    if settings.format == "table":
        print(folder)
        points = points.groupby("quality", as_index=False).mean(numeric_only=True).dropna(axis=1, how="all")
        points = points.drop(columns=["width", "height"]).round(4)
    print_frame(points, "markdown" if settings.format == "table" else settings.format)
    for line in failures:
        print(f"jpegai-bench: left out: {line}", file=sys.stderr)
    return 1 if failures else 0
