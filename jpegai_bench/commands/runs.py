"""Keep the store in order."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jpegai_bench.commands.command import Command
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system import console
from jpegai_bench.system.wording import count

if TYPE_CHECKING:
    from pathlib import Path

    from jpegai_bench.store.removal import Removal
    from jpegai_bench.store.store import Store


@dataclass(kw_only=True)
class RunsSettings(Settings):
    """What `runs` takes."""

    ask: bool


USAGE = Command(
    "runs remove WHICH… [dataset=…] [model=…] [ask=false] [results=PATH]",
    "remove runs from the store; asks first",
    """WHICH is a run's key or how it begins, the name of a variant or codec, or failed, killed,
damaged or unneeded; the last is what no table, plot or comparison over seeds of the store rests on.
With a run go its finished units and decoded pictures, unless another run has them too. What is to go,
which tables need it, and how much room it takes is told before you are asked. A run that is under way
is left alone.

  jpegai-bench runs remove failed killed
  jpegai-bench runs remove unneeded ask=false
  jpegai-bench runs remove mine dataset=kodak
  jpegai-bench runs remove 53c20e5e

  dataset=, model=     of a name or word, only the runs on it
  ask=false            do not ask, as in a script
  What there is, with its keys: jpegai-bench list runs""",
    settings=RunsSettings,
    words=("remove", "WHICH"),
    repeats=True,
    results="their folders on stdout.",
)


def command(settings: RunsSettings, action: str, *which: str) -> int:
    """Remove runs, once it has been said what goes and a person or `ask=false` has agreed."""
    from jpegai_bench.commands.selection import dataset, model
    from jpegai_bench.config.experiment import variants_of_experiments
    from jpegai_bench.report.gather.needed_runs import needed_by, unknown_experiments
    from jpegai_bench.store.removal import UNNEEDED, carry_out, planned_removal, runs_meant
    from jpegai_bench.store.store import Store

    if action != "remove":
        raise UsageError(f"runs: no {action!r}; there is runs remove WHICH, and jpegai-bench list runs")
    store = Store(settings.results)
    experiments = variants_of_experiments(settings.config_folders)
    needed = needed_by(store, experiments)
    _warn_of_unknown(unknown_experiments(store, experiments), refuse=UNNEEDED in which)
    runs = runs_meant(store, which, needed, dataset(settings), model(settings))
    if not runs:
        console.say(f"nothing to remove: {settings.results} holds no run that is {' or '.join(which)}")
        return 0
    removal = planned_removal(store, runs, needed)
    _report_removal(store, removal)
    if settings.ask and not _agreed(len(runs)):
        raise BenchError("nothing was removed")
    carry_out(removal)
    print("\n".join(str(run.folder) for run in removal.runs))
    return 0


def _warn_of_unknown(tables: "list[Path]", refuse: bool) -> None:
    """Of tables of experiments whose YAML is not here nobody can tell what they need.

    Raises:
        BenchError: it is to be refused.
    """
    if not tables:
        return
    message = (
        f"{', '.join(map(str, tables))}: of an experiment that is not known here, so what its tables need "
        "cannot be told; add --config-dir FOLDER with its YAML"
    )
    if refuse:
        raise BenchError(f"{message}, remove these tables, or name the runs")
    console.report(message, always=True)


def _report_removal(store: "Store", removal: "Removal") -> None:
    """What is to go; and, whatever `-q` says, which tables lose by it."""
    from jpegai_bench.commands.inventory import amount, line_of

    for run in removal.runs:
        console.report(line_of(store, run))
        if tables := removal.needed.get(run.folder):
            console.report(f"  needed by the tables of {'; of '.join(tables)}", always=True)
    with_them = f" with {len(removal.files)} units and pictures" if removal.files else ""
    console.report(f"{count(len(removal.runs), 'run')}{with_them}: {amount(removal.size)}")
    if removal.needed:
        console.report(
            "Tables and plots that are written stay as they are; made again, they lack what is removed.",
            always=True,
        )


def _agreed(runs: int) -> bool:
    """Ask the person at the keyboard.

    Raises:
        UsageError: there is none.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("runs remove: asks first, and there is nobody to ask here; add ask=false")
    print(f"Remove {count(runs, 'run')}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
