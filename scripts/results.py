#!/usr/bin/env python3
"""All of results/ that the weights that ship can make: `make results`, or in its environment

    python scripts/results.py [WORD ...]

The work is the first table of results/README.md, row after row: its commands run as they stand there, then
its files are copied from the folder that `results=` names. Words choose the rows that have one of them in the
name of their first file. Finished work is kept in that folder: the same command goes on where a killed one
stopped.

Rows without files, which bring something into a folder, are chosen with those that take it from there.

A row with something in its last column is left out, and said to be, where that is not given: `NAME=…` is a
variable of the environment, `dataset=…` photographs. Where nothing else was chosen, that is an error. The
exit status is that of the command that failed.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import load
from jpegai_bench.store.store import Store
from jpegai_bench.system.files import make_folder, write_bytes

RESULTS = Path("results")
HEADING = "## Made by `make results`"


@dataclass(frozen=True)
class Row:
    """Files, and what makes them."""

    files: tuple[str, ...]
    """Patterns of paths below `RESULTS`."""
    commands: tuple[str, ...]
    condition: str
    """What it needs beside the Kodak photographs, as `NAME=…`; empty where nothing."""

    @property
    def name(self) -> str:
        """Of its first file; empty where it has none."""
        return self.files[0] if self.files else ""

    @property
    def words(self) -> list[str]:
        """Of all its commands."""
        return [word for command in self.commands for word in shlex.split(command)]

    def values(self, setting: str) -> list[str]:
        """What its commands give for a setting."""
        return [word.partition("=")[2] for word in self.words if word.startswith(f"{setting}=")]


def rows(text: str) -> Iterator[Row]:
    """Those of the table under `HEADING`."""
    section = text.partition(HEADING)[2].partition("\n## ")[0]
    for line in section.splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | ")]
        if line.startswith("| ") and len(cells) >= 2 and cells[1]:
            yield Row(tuple(cells[0]), tuple(cells[1]), "".join(cells[2][:1] if cells[2:] else []))


def lack(row: Row) -> str:
    """What keeps a row from being made here; empty where nothing does."""
    name = row.condition.partition("=")[0]
    if name.isupper() and not os.environ.get(name):
        return f"{name} is not set"
    for dataset in row.values("dataset"):
        try:
            load(dataset, next(iter(row.values("dataset.path")), None))
        except BenchError as error:
            return str(error)
    return ""


def carry_out(command: str) -> None:
    """Run a command as it stands, its progress on stderr; what it prints goes where `>` says, or nowhere.

    Raises:
        BenchError: the program is not there, or what it prints cannot be written.
        subprocess.CalledProcessError: it failed; a file that it was to print into is as before.
    """
    words = [os.path.expandvars(word) for word in shlex.split(command)]
    program = {"python": sys.executable, "jpegai-bench": str(Path(sys.executable).with_name("jpegai-bench"))}
    if not Path(program[words[0]]).exists():
        raise BenchError(f"{program[words[0]]} is not there: run it by `make results`, or in its environment")
    words, target = (words[:-2], Path(words[-1])) if words[-2:-1] == [">"] else (words, Path(os.devnull))
    printed = subprocess.run([program[words[0]], *words[1:]], stdout=subprocess.PIPE, check=True).stdout
    make_folder(target.parent)
    write_bytes(target, printed)


def take(row: Row) -> None:
    """Copy the files of a row from the folder of its commands; `…-points.csv` may be those of the newest run.

    Raises:
        BenchError: a file is not there.
    """
    folder = Path((row.values("results") or ["."])[-1])
    for pattern in row.files:
        place = Path(os.path.normpath(RESULTS / pattern))
        if str(place) in row.words:  # a command has written it
            sources = []
        elif not (sources := list(folder.glob(pattern))) and pattern.endswith("-points.csv"):
            sources = [newest_points(folder)]
        elif not sources:
            raise BenchError(f"{folder} holds no {pattern} after: {row.commands[-1]}")
        for source in sources:
            name = place.name if "*" not in place.name else source.name
            make_folder(place.parent)
            shutil.copyfile(source, place.with_name(name))


def newest_points(folder: Path) -> Path:
    """`points.csv` of the run of a variant that ended last, or where there is none, of a codec's.

    Raises:
        BenchError: there is no finished run.
    """
    store = Store(folder)
    done = [run for run in store.runs("runs") or store.runs("anchors") if run.done]
    if not done:
        raise BenchError(f"{folder} holds no finished run")
    return max(done, key=lambda run: str(run.manifest.get("end"))).folder / "points.csv"


def say(message: str) -> None:
    """A line on stderr."""
    print(f"results: {message}", file=sys.stderr, flush=True)


def main(chosen: Sequence[str]) -> int:
    """Make the rows that are chosen.

    Raises:
        BenchError: something is missing for a row that needs nothing special; nothing was begun.
    """
    table = RESULTS / "README.md"
    if not table.is_file():
        raise UsageError(f"{table} is not here: run it in the repository")
    listed = list(rows(table.read_text()))
    named = [row for row in listed if not chosen or any(word in row.name for word in chosen)]
    stores = {store for row in named for store in row.values("results")}
    wanted = [row for row in listed if row in named or (not row.files and stores & {*row.values("results")})]
    if not wanted:
        raise UsageError(f"no row of {table} has a first file with {' or '.join(chosen)} in its name")
    lacking = {row: reason for row in wanted if (reason := lack(row))}
    todo = [row for row in wanted if row not in lacking]
    for row, reason in lacking.items():
        if not row.condition or not todo:
            raise BenchError(f"{', '.join(row.files)}: {reason}")
        say(f"left out: {', '.join(row.files) or row.commands[0]}: {reason}")
    for number, row in enumerate(todo, 1):
        for command in row.commands:
            say(f"{number} of {len(todo)}: {command}")
            carry_out(command)
        take(row)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        say(str(error))
        sys.exit(error.status)
    except subprocess.CalledProcessError as error:
        say(f"exit status {error.returncode}; what is finished is kept, the same command goes on")
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        say("interrupted; what is finished is kept, the same command goes on")
        sys.exit(130)
