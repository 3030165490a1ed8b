"""Code, measure, store, print."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings, on_command_line
from jpegai_bench.errors import UsageError
from jpegai_bench.jobs import Result
from jpegai_bench.progress import say

if TYPE_CHECKING:
    from jpegai_bench.sweep import How


def command(settings: Settings) -> int:
    """Do the main job; 1 where an image was left out."""
    _check(settings)
    from jpegai_bench import runner

    rebuilt, failures = runner.run(settings)
    show_study(settings.format, [rebuilt])
    for line in failures:
        say(f"left out: {line}")
    return 1 if failures else 0


def job(settings: Settings, how: "How") -> Result:
    """The main job as one of several: tables and plots come when all have ended."""
    _check(settings, how)
    from jpegai_bench import runner

    measured = runner.measure(settings, how)
    value = {
        "results": settings.results,
        "format": settings.format,
        "selection": vars(measured.selection),
        "computed": measured.computed,
    }
    failures = tuple(f"left out: {line}" for line in measured.failures)
    return Result(value, cached=measured.computed == 0, failures=failures)


def finish(values: Sequence[Any]) -> None:
    """Rebuild the tables and plots of everything that the jobs measured, and print them."""
    from jpegai_bench.report.rebuild import Selection, rebuild
    from jpegai_bench.store import Store

    studies = {(value["results"], repr(value["selection"])): value["selection"] for value in values}
    rebuilt = [rebuild(Store(results), Selection(**chosen)) for (results, _), chosen in studies.items()]
    if rebuilt:
        show_study(values[0]["format"], rebuilt)


def _check(settings: Settings, how: "How" = "all") -> None:
    if settings.weights != "train" and on_command_line("training"):
        raise UsageError("training settings need weights=train; without it weights that are there are run")
    if settings.shards > 1 and how == "all":
        raise UsageError("shards=… shares out the images of a sweep: jpegai-bench sweep, or run -m")
