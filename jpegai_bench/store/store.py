"""Results on disk: units of finished work, runs that refer to them, atomic writes.

    results/units/<aa>/<key>.json            one image at one rate under one codec, or the quality that
                                             meets a target rate
    results/runs/<variant>/<key>/            run.json  points.csv  complexity.json  log.txt
    results/anchors/<codec>/<key>/           run.json  points.csv
    results/units/<aa>/<key>.claim           which process is measuring an image, while it does

A unit's key is a hash of contents (codec, weights, settings, sources, pixels, quality, metric versions),
never of names; so work is found again whatever it was called, and never mistaken for other work.
"""

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.store.leases import Holder, touched
from jpegai_bench.system.files import json_object, make_folder, write_bytes

LOG = "log.txt"
"""Beside a run's manifest: what was told while it was measured, and what `-v` would have told."""
POINT_COLUMNS = (
    "image",
    "width",
    "height",
    "quality",
    "target_bpp",
    "bpp",
    "estimated_bpp",
    *NAMES,
    "encode_s",
    "decode_s",
)

_TEXTS = ("label", "dataset", "model", "status", "rates", "start", "end", "note", "weights", "key", "hvs")
_MAPPINGS = ("images", "codec", "metrics", "versions", "trained", "config", "sources")
_LISTS = ("anchors", "not_applicable", "out_of_reach", "failures")
"""Of a manifest, what is text, by name, or one after the other; any of it may be missing."""


@dataclass(frozen=True)
class Run:
    """A finished or unfinished run as it stands on disk."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def at(cls, folder: Path) -> "Run | None":
        """The run in a folder; None where there is none, or one that cannot be read."""
        manifest = json_object(folder / "run.json")
        return None if manifest is None or not _is_sound(manifest) else cls(folder, manifest)

    @property
    def label(self) -> str:
        """The variant's or codec's name."""
        return str(self.manifest.get("label", self.folder.parent.name))

    @property
    def done(self) -> bool:
        """All its points are there."""
        return self.manifest.get("status") == "done"

    @property
    def rates(self) -> str:
        """What was coded at: `quality`, or `target` rates."""
        return str(self.manifest.get("rates", "quality"))

    @property
    def state(self) -> str:
        """`done`, `failed`, `running`, or `killed` where its process is gone."""
        status = str(self.manifest.get("status"))
        return "killed" if status == "running" and self.holder is None else status

    @property
    def holder(self) -> Holder | None:
        """Who is at work on it; None where nobody is."""
        try:
            host, pid = str(self.manifest["host"]), int(self.manifest["pid"])
        except (KeyError, TypeError, ValueError):
            return None
        holder = Holder(host, pid, str(self.manifest.get("began", "")))
        at_work = self.manifest.get("status") == "running" and holder.is_alive(self.folder / "run.json")
        return holder if at_work else None

    def points(self) -> pd.DataFrame:
        """`points.csv`."""
        return read_points(self.folder / "points.csv")

    def complexity(self) -> dict[str, Any] | None:
        """`complexity.json`, where the run has one that can be read."""
        return json_object(self.folder / "complexity.json")


@dataclass(frozen=True)
class Record:
    """A run under way: its folder, and how it is told that it is done."""

    store: "Store"
    folder: Path
    manifest: dict[str, Any]

    def finish(
        self, outcome: dict[str, Any], points: pd.DataFrame, complexity: dict[str, Any] | None = None
    ) -> None:
        """Write what came out, and with it the status `done`."""
        manifest = {**self.manifest, **outcome, "status": "done", "end": now()}
        self.store.write_run(self.folder, manifest, points, complexity)


class Store:
    """The results folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def prepare(self) -> None:
        """Make the folder, and find out now whether it can be written."""
        folder = make_folder(self.root)
        probe = folder / f".write-test-{os.getpid()}"
        write_bytes(probe, b"")
        probe.unlink(missing_ok=True)

    def unit(self, key: str) -> dict[str, Any] | None:
        """A finished unit, or None; a damaged one counts as not finished."""
        unit = self._read_unit(key)
        values = [unit.get(column) for column in POINT_COLUMNS]
        is_whole = "bpp" in unit and isinstance(unit.get("reasons", {}), dict)
        return unit if is_whole and all(isinstance(value, float | int | None) for value in values) else None

    def put_unit(self, key: str, unit: dict[str, Any]) -> None:
        """Keep a finished unit."""
        path = self.unit_path(key)
        make_folder(path.parent)
        write_bytes(path, json.dumps(unit).encode())

    def found_quality(self, key: str) -> float | None:
        """The quality that a search for a target rate found, or None where there was none."""
        quality = self._read_unit(key).get("found_quality")
        return float(quality) if isinstance(quality, int | float) else None

    def put_found_quality(self, key: str, quality: float) -> None:
        """Keep what a search for a target rate found."""
        self.put_unit(key, {"found_quality": quality})

    def unit_path(self, key: str) -> Path:
        """Where a unit, or what a search found, is kept."""
        return self.root / "units" / key[:2] / f"{key}.json"

    def claim_path(self, key: str) -> Path:
        """Where a process notes that it is at work on something; see `leases`."""
        return self.unit_path(key).with_suffix(".claim")

    def run_folder(self, kind: str, label: str, key: str) -> Path:
        """`kind` is `runs` or `anchors`."""
        return self.root / kind / label / key

    def write_run(
        self,
        folder: Path,
        manifest: dict[str, Any],
        points: pd.DataFrame | None = None,
        complexity: dict[str, Any] | None = None,
    ) -> None:
        """Write a run's files; the manifest last, so that what says `done` is whole."""
        make_folder(folder)
        if points is not None:
            write_bytes(folder / "points.csv", points.to_csv(index=False).encode())
        if complexity is not None:
            write_bytes(folder / "complexity.json", pretty(complexity))
        write_bytes(folder / "run.json", pretty(manifest))

    @contextmanager
    def recorded(self, folder: Path, manifest: dict[str, Any]) -> Iterator[Record]:
        """Mark a run in `folder` as running, and if what is done inside raises, as failed with the traceback.

        A finished run of the same key stays as it is until the new one has finished: it holds the same.
        """
        before = Run.at(folder)
        finished = before is not None and before.done
        started = {**manifest, "start": now(), **vars(Holder.this_process())}
        if not finished:
            self.write_run(folder, {**started, "status": "running"})
        try:
            with touched(folder / "run.json"):
                yield Record(self, folder, started)
        except BaseException as error:
            now_there = Run.at(folder)
            if now_there is None or not now_there.done:  # else another process has finished the same
                failure = {"error": str(error) or type(error).__name__, "traceback": traceback.format_exc()}
                with suppress(BenchError):  # a full disk: the first error is the one to tell
                    self.write_run(folder, {**started, **failure, "status": "failed", "end": now()})
            raise

    def runs(self, kind: str = "runs") -> list[Run]:
        """All runs of a kind, by label and then by end."""
        loaded = (Run.at(path.parent) for path in (self.root / kind).glob("*/*/run.json"))
        runs = [run for run in loaded if run is not None]
        return sorted(runs, key=lambda run: (run.label, run.manifest.get("end") or "", run.folder.name))

    def damaged(self, kind: str = "runs") -> list[Run]:
        """What stands in the folders of runs and has no manifest that can be read; its state is `damaged`."""
        folders = sorted(path for path in (self.root / kind).glob("*/*") if path.is_dir())
        return [Run(folder, {"status": "damaged"}) for folder in folders if Run.at(folder) is None]

    def latest(self, kind: str, **conditions: Any) -> Iterator[Run]:
        """For each label the finished run that ended last, among those whose manifest holds `conditions`."""
        by_label: dict[str, Run] = {}
        for run in self.runs(kind):
            if run.done and all(run.manifest.get(key) == value for key, value in conditions.items()):
                by_label[run.label] = run
        yield from by_label.values()

    def _read_unit(self, key: str) -> dict[str, Any]:
        """Nothing where there is no such file, or a damaged one."""
        return json_object(self.unit_path(key)) or {}


def _is_sound(manifest: dict[str, Any]) -> bool:
    """Whether what a manifest holds is of the kinds that it is written in."""
    kinds = {str: _TEXTS, dict: _MAPPINGS, list: _LISTS}
    return all(isinstance(manifest.get(name), kind | None) for kind, names in kinds.items() for name in names)


def read_points(path: Path) -> pd.DataFrame:
    """A `points.csv`; the name of an image is text, also where it is `NA` or `007`.

    Raises:
        BenchError: it cannot be read, or is not of one image and rate a row.
    """
    try:
        points = pd.read_csv(path, converters={"image": str})
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from None
    if missing := {"image", "bpp"} - set(points):
        raise BenchError(f"{path}: cannot be read (it has no column {min(missing)})")
    for column in POINT_COLUMNS[1:]:
        if column in points and not is_numeric_dtype(points[column]):
            raise BenchError(f"{path}: cannot be read (column {column} holds what is no number)")
    return points


def now() -> str:
    """The time of day for manifests, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def pretty(content: Any) -> bytes:
    """Plain data as JSON for files that people read."""
    return (json.dumps(content, indent=1, sort_keys=True, default=str) + "\n").encode()
