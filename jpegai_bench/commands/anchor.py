"""Measure codecs of the `anchor` group again."""

from pathlib import Path

import pandas as pd

from jpegai_bench.commands.output import print_frame
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.console import complain, say


def command(settings: Settings) -> int:
    """Code and measure; print each folder and the mean over images at each quality, or all points.

    One codec that fails or cannot be used here leaves the others running. Of `codec=all` what cannot be used
    is left out and no failure.
    """
    from jpegai_bench.runner import inputs
    from jpegai_bench.runner.recorded_run import measure_anchor
    from jpegai_bench.store.store import Store

    _take_qualities(settings)
    codecs, dataset = inputs.anchor_codecs(settings), inputs.images(settings)
    store = Store(settings.results)
    store.prepare()
    measured: list[tuple[str, Path, pd.DataFrame]] = []
    failures: list[str] = []
    for codec in codecs:
        try:
            codec.check()
        except BenchError as error:
            if len(codecs) == 1:
                raise
            (say if settings.codec == "all" else complain)(f"cannot be used here: {error}")
            failures += [] if settings.codec == "all" else [str(error)]
            continue
        try:
            folder, evaluation = measure_anchor(settings, codec, dataset, store, settings.worker_count)
        except BenchError as error:
            if len(codecs) == 1:
                raise
            complain(str(error))
            failures.append(str(error))
            continue
        measured.append((codec.name, folder, evaluation.points))
        for failure in evaluation.failures:
            complain(f"left out: {failure.message}")
            failures.append(failure.message)
    if measured:
        _print(measured, settings.format)
    return 1 if failures else 0


def _take_qualities(settings: Settings) -> None:
    """`qualities=` are those of the one codec that is measured; of several each has a scale of its own."""
    if settings.qualities is None:
        return
    label, *more = settings.anchor
    if more:
        raise UsageError(
            f"qualities: each codec has its own scale; give anchor.{label}.qualities=[…] and so on"
        )
    settings.anchor[label]["qualities"] = settings.qualities


def _print(measured: list[tuple[str, Path, pd.DataFrame]], layout: str) -> None:
    points = pd.concat([frame.assign(codec=name) for name, _, frame in measured], ignore_index=True)
    points = points[["codec", *(column for column in points if column != "codec")]]
    if layout == "table":
        for _, folder, _ in measured:
            print(folder)
        points = points.groupby(["codec", "quality"], as_index=False, sort=False).mean(numeric_only=True)
        points = points.dropna(axis=1, how="all").drop(columns=["width", "height"]).round(4)
    print_frame(points, "markdown" if layout == "table" else layout)
