"""Tables and plots from the store alone: without torch, and without measuring anything."""

from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.errors import BenchError
from jpegai_bench.report.sheets import Sheet, sheets, write_tables
from jpegai_bench.report.study import Entry, Study
from jpegai_bench.report.tables import Tables, build_tables
from jpegai_bench.store import Run, Store, read_points

BASE = "base"


@dataclass(frozen=True)
class Rebuilt:
    """Studies of the store, with the files that were written."""

    tables: list[Tables]
    files: list[Path]

    def sheets(self) -> list[Sheet]:
        """What a terminal shows."""
        return [sheet for tables in self.tables for sheet in sheets(tables)]


def rebuild(
    store: Store,
    dataset: str | None = None,
    model: str | None = None,
    tables: bool = True,
    plots: bool = True,
    hvs: str = "hvs_m",
    method: str = "pchip",
) -> Rebuilt:
    """Write tables and plots of every data set and model preset in the store, or of one.

    `hvs` and `method` are as in `Study`: points hold both metrics, so a table may take either.

    Raises:
        BenchError: the store holds no finished run that fits.
    """
    built, files = [], []
    for study, prefix in studies(store, dataset, model, hvs, method):
        made = build_tables(study)
        built.append(made)
        if tables:
            files += write_tables(made, store.root / "tables", prefix)
        if plots:
            from jpegai_bench.report.plots import write_plots

            files += write_plots(study, store.root / "plots", prefix, made)
    if not built:
        raise BenchError(
            f"{store.root}: holds no finished run; make one with: jpegai-bench run +variant=combined"
        )
    return Rebuilt(built, files)


def studies(
    store: Store, dataset: str | None, model: str | None, hvs: str, method: str
) -> list[tuple[Study, str]]:
    """Comparable runs together: one study for each data set and model preset, with its file-name prefix.

    For each, the newest run decides on images and anchor; of each variant the newest run on them counts.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in store.runs("runs"):
        key = (str(run.manifest.get("dataset")), str(run.manifest.get("model")))
        if run.done and dataset in (None, key[0]) and model in (None, key[1]):
            groups.setdefault(key, []).append(run)
    return [
        (_study(store, runs, *key, hvs, method), f"{_file_name(key[0])}-{_file_name(key[1])}-")
        for key, runs in sorted(groups.items())
    ]


def _study(store: Store, runs: list[Run], dataset: str, model: str, hvs: str, method: str) -> Study:
    runs = sorted(runs, key=lambda run: run.manifest["end"])
    newest = runs[-1].manifest
    same = {key: newest.get(key) for key in ("images_key", "anchor", "metrics")}
    latest = {run.label: run for run in runs if {k: run.manifest.get(k) for k in same} == same}
    order = sorted(latest.values(), key=lambda run: (run.label != BASE, run.label))
    anchor_folder = store.root / newest["anchor"]
    anchor = next((run for run in store.runs("anchors") if run.folder == anchor_folder), None)
    if anchor is None:
        raise BenchError(f"{anchor_folder}: the anchor's points are gone; run the variant again")
    entries = [Entry(run.label, "variant", run.points(), run.complexity(), None, "", model) for run in order]
    entries.append(
        Entry(
            anchor.label,
            "anchor",
            read_points(anchor.folder / "points.csv"),
            note=str(anchor.manifest.get("note", "")),
        )
    )
    return Study(tuple(entries), anchor.label, BASE, dataset, hvs=hvs, method=method)


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in text)
