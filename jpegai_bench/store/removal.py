"""Removing runs: which are meant, what goes with them, and doing it so that it can be done again."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.errors import BenchError, hint
from jpegai_bench.store.store import Run, Store, pretty
from jpegai_bench.store.units_of_run import files_of, inside, total
from jpegai_bench.system.files import write_bytes

STATES = ("failed", "killed", "damaged")
UNNEEDED = "unneeded"
WORDS = (*STATES, UNNEEDED)
"""What stands for several runs beside the names of variants and codecs."""

_SHORTEST = 4
"""Letters that begin a key at least."""
_KINDS = ("runs", "anchors")
_CUT_OFF = "its removal was cut off; jpegai-bench runs remove KEY finishes it"


@dataclass(frozen=True)
class Removal:
    """What is to go."""

    runs: tuple[Run, ...]
    needed: Mapping[Path, Sequence[str]]
    """By the folder of a run the tables that rest on it."""
    files: tuple[Path, ...]
    """Units and pictures that no other run has, found qualities last."""
    size: int
    """Bytes, the runs' folders included."""


def runs_meant(
    store: Store,
    words: Sequence[str],
    needed: Mapping[Path, Sequence[str]],
    dataset: str | None = None,
    model: str | None = None,
) -> list[Run]:
    """The runs that words stand for: keys or how they begin, names of variants and codecs, or `WORDS`.

    Args:
        store: what is looked through.
        words: any of them.
        needed: as `Removal` has it.
        dataset: only runs on it.
        model: and of this preset.

    Raises:
        BenchError: a word stands for no run, for one of another data set or preset, or, as the beginning of
            a key, for several.
    """
    runs = [run for kind in _KINDS for run in (*store.runs(kind), *store.damaged(kind))]
    chosen: dict[Path, Run] = {}
    for word in words:
        for run in _runs_meant(store, word, runs, needed, {"dataset": dataset, "model": model}):
            chosen[run.folder] = run
    return list(chosen.values())


def planned_removal(store: Store, runs: Sequence[Run], needed: Mapping[Path, Sequence[str]]) -> Removal:
    """What goes with these runs.

    Raises:
        BenchError: one is under way.
    """
    for run in runs:
        _refuse_if_under_way(run)
    folders = {run.folder for run in runs}
    owned = dict.fromkeys(path for run in runs for path in files_of(store, run))
    other_runs = [run for kind in _KINDS for run in store.runs(kind) if run.folder not in folders]
    shared_files = {path for run in other_runs for path in files_of(store, run)} if owned else set()
    files = tuple(path for path in owned if path not in shared_files)
    size = total([*files, *(path for folder in folders for path in inside(folder))])
    return Removal(
        tuple(runs), {folder: needed[folder] for folder in folders if folder in needed}, files, size
    )


def carry_out(removal: Removal) -> None:
    """Remove it all; the manifests last, so that what is left of a run by a kill can still be named.

    From the beginning they say that the run is none any more: no table is made of what is left.

    Raises:
        BenchError: a run is under way by now, or something cannot be removed.
    """
    for run in removal.runs:
        _refuse_if_under_way(run)
    try:
        for run in removal.runs:
            _mark(run)
        for path in removal.files:
            path.unlink(missing_ok=True)
            _leave_no_empty(path.parent)
        for run in removal.runs:
            _remove_folder(run.folder)
    except OSError as error:
        where, reason = error.filename, error.strerror or error
        raise BenchError(f"{where}: cannot be removed ({reason}); what was removed before is gone") from None


def _runs_meant(
    store: Store,
    word: str,
    runs: Sequence[Run],
    needed: Mapping[Path, Sequence[str]],
    where: Mapping[str, str | None],
) -> list[Run]:
    conditions = {key: value for key, value in where.items() if value}
    limits = " ".join(f"{key}={value}" for key, value in conditions.items())
    fit = [run for run in runs if all(run.manifest.get(key) == value for key, value in conditions.items())]
    if word == UNNEEDED:
        return [run for run in fit if run.folder not in needed and run.state != "running"]
    if word in STATES:
        return [run for run in fit if run.state == word]
    if any(run.label == word for run in runs):
        if labelled := [run for run in fit if run.label == word]:
            return labelled
        raise BenchError(f"{store.root}: holds no run of {word} with {limits}; jpegai-bench list runs")
    is_long = len(word) >= _SHORTEST
    begun = [run for run in runs if run.folder.name == word or (is_long and run.folder.name.startswith(word))]
    meant = [run for run in begun if run in fit]
    if begun and not meant:
        raise BenchError(f"{word}: is no run with {limits}; jpegai-bench list runs")
    if len(meant) > 1:
        raise BenchError(f"{word}: {len(meant)} runs have a key that begins so; give more of it")
    if not meant:
        names = [*WORDS, *dict.fromkeys(run.label for run in runs)]
        raise BenchError(
            f"{word}: no run of this name or key in {store.root}{hint(word, names)}; jpegai-bench list runs"
        )
    return meant


def _refuse_if_under_way(run: Run) -> None:
    current = Run.at(run.folder)
    if current is not None and current.holder is not None:
        raise BenchError(
            f"{run.label} {run.folder.name}: is being measured by {current.holder}; stop that first"
        )


def _mark(run: Run) -> None:
    if run.state == "damaged":
        return
    manifest = {**run.manifest, "status": "failed", "error": _CUT_OFF}
    with suppress(BenchError):  # on a full disk it goes unmarked
        write_bytes(run.folder / "run.json", pretty(manifest))


def _remove_folder(folder: Path) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: path.name == "run.json"):  # which goes last
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    _leave_no_empty(folder)
    _leave_no_empty(folder.parent)


def _leave_no_empty(folder: Path) -> None:
    with suppress(OSError):  # it is not empty, or another has removed it
        folder.rmdir()
