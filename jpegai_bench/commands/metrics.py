"""Measure one picture against another, or a folder's pictures against those of another."""

import io
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import print_sheets
from jpegai_bench.config.command_settings import FormatSettings, OnlySettings, WorkerSettings
from jpegai_bench.config.schema import chosen_metrics
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.failures import is_failure
from jpegai_bench.system.console import complain, say
from jpegai_bench.version import __version__

if TYPE_CHECKING:
    from jpegai_bench.analysis.pairs import Measured, Pairing


@dataclass(kw_only=True)
class MetricsSettings(WorkerSettings, OnlySettings, FormatSettings):
    """What `metrics` takes."""


USAGE = Command(
    "metrics REFERENCE DISTORTED [only=[NAME,…]] [format=table|csv|json|markdown|latex]",
    "seven quality metrics of a pair of pictures, or of two folders",
    """Two files, or two folders whose pictures are paired by name without the suffix. The original
comes first. What has no partner or cannot be read is named; the rest goes on.

  jpegai-bench metrics photo.png photo.jpg
  jpegai-bench metrics originals decoded format=csv > scores.csv
  jpegai-bench metrics originals decoded 'only=[ms_ssim,vmaf,psnr_y]'

  workers=2            processes, one a core unless given; less memory with fewer
  device=cuda          where torch computes        format=json             with reasons and versions
  metrics.backend=piq  MS-SSIM, FSIM, IW-SSIM and VIF by piq itself""",
    settings=MetricsSettings,
    words=("REFERENCE", "DISTORTED"),
)


def command(settings: MetricsSettings, reference: str, distorted: str) -> int:
    """Measure and print; 1 where a picture was left out."""
    from jpegai_bench.analysis.pairs import find_pairs

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file can be any bytes
    only = settings.wanted
    names = chosen_metrics("only", only)
    pairing = find_pairs(reference, distorted)
    if os.path.samefile(reference, distorted):
        say(f"{reference} is compared with itself")
    for line in pairing.left_out:
        complain(f"left out: {line}")
    alone = os.path.isfile(reference)
    try:
        measurements = _measure(settings, names, pairing, alone)
    except KeyboardInterrupt:
        outcome = "the rows that were printed are whole" if settings.format == "csv" else "nothing is kept"
        raise BenchError(f"interrupted; {outcome}") from None
    good = [measured for measured in measurements if not measured.failure]
    failures = [measured.failure for measured in measurements if measured.failure]
    if settings.format == "json":
        print(_as_json(good, names, [*pairing.left_out, *failures], settings))
    elif settings.format != "csv" and good:
        from jpegai_bench.report.tables.scores import BESIDE_NAMES, as_list, as_table

        by = ", four by piq" if settings.metrics.backend == "piq" else ""
        title = f"{distorted} against {reference}{by}"
        sheet = as_list(good[0], title) if alone else as_table(good, only or BESIDE_NAMES, title)
        print_sheets([sheet], settings.format, end="")
    if settings.format == "csv":
        for line in _not_applicable(good, lambda reason: not is_failure(reason)):
            say(line)
    if alone and failures:
        raise BenchError(failures[0])
    for line in failures:
        complain(f"left out: {line}")
    failed = _not_applicable(good, is_failure)
    for line in failed:
        complain(line)
    return 1 if failures or pairing.left_out or failed else 0


def _measure(
    settings: MetricsSettings, names: Sequence[str], pairing: "Pairing", alone: bool
) -> "list[Measured]":
    """Measure all pairs, and in CSV print each as soon as it is there."""
    import csv

    from jpegai_bench.analysis.pairs import measure_pairs
    from jpegai_bench.system.progress import progress

    rows = settings.format == "csv"
    write = csv.writer(sys.stdout, lineterminator="\n").writerow  # a progress bar replaces sys.stdout
    flush = sys.stdout.flush
    # Rows on a terminal show the progress themselves; a bar would tear them.
    quiet = alone or (rows and sys.stdout.isatty())
    watched: AbstractContextManager[Callable[..., None]]
    watched = nullcontext(lambda note: None) if quiet else progress("metrics", len(pairing.pairs), "pairs")
    measurements = []
    if rows:
        write(["reference", "distorted", *names])
    with (
        watched as advance,
        closing(
            measure_pairs(
                pairing.pairs,
                names,
                settings.device,
                settings.worker_count,
                advance,
                settings.metrics.backend,
            )
        ) as results,
    ):
        for measured in results:
            measurements.append(measured)
            if rows and not measured.failure:
                values = measured.values.values()
                cells = ["" if math.isnan(value) else repr(value) for value in values]
                write([measured.pair.reference, measured.pair.distorted, *cells])
                flush()
    return measurements


def _not_applicable(good: "Sequence[Measured]", is_wanted: Callable[[str], bool]) -> list[str]:
    """A line for each reason why a metric is NA, of the reasons that are wanted."""
    cases = Counter(
        (name, reason) for measured in good for name, reason in measured.reasons.items() if is_wanted(reason)
    )
    return [
        f"{name} is NA{f' for {count} of {len(good)} pairs' if len(good) > 1 else ''}: {reason}"
        for (name, reason), count in cases.items()
    ]


def _as_json(
    good: "Sequence[Measured]", names: Sequence[str], left_out: Sequence[str], settings: MetricsSettings
) -> str:
    import json

    from jpegai_bench.metrics.fingerprint import fingerprint

    pairs = [
        {
            "reference": measured.pair.reference,
            "distorted": measured.pair.distorted,
            "width": measured.width,
            "height": measured.height,
            **{name: None if math.isnan(value) else value for name, value in measured.values.items()},
            "reasons": measured.reasons,
        }
        for measured in good
    ]
    versions = {"jpegai-bench": __version__, **fingerprint(settings.metrics.backend)}
    content = {
        "versions": versions,
        "device": settings.device,
        "backend": settings.metrics.backend,
        "metrics": list(names),
        "pairs": pairs,
        "left_out": list(left_out),
    }
    return json.dumps(content, indent=1)
