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
    rates: str | None = None,
    hvs: str = "hvs_m",
    method: str = "pchip",
) -> Rebuilt:
    """Write tables and plots of every data set, model preset and kind of rates in the store, or of one.

    `hvs` and `method` are as in `Study`: points hold both metrics, so a table may take either.

    Raises:
        BenchError: the store holds no finished run that fits.
    """
    built, files = [], []
    for study, prefix in studies(store, dataset, model, rates, hvs, method):
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
    store: Store, dataset: str | None, model: str | None, rates: str | None, hvs: str, method: str
) -> list[tuple[Study, str]]:
    """Comparable runs together: a study for each data set, model preset and kind of rates, and its prefix.

    For each, the newest run decides on images and anchor; of each variant the newest run on them counts. The
    prefix begins the names of a study's files.
    """
    groups: dict[tuple[str, str, str], list[Run]] = {}
    wanted = (dataset, model, rates)
    for run in store.runs("runs"):
        key = (str(run.manifest.get("dataset")), str(run.manifest.get("model")), run.rates)
        if run.done and all(one in (None, own) for one, own in zip(wanted, key, strict=True)):
            groups.setdefault(key, []).append(run)
    return [(_study(store, runs, hvs, method), _prefix(*key)) for key, runs in sorted(groups.items())]


def _prefix(dataset: str, model: str, rates: str) -> str:
    return f"{_file_name(dataset)}-{_file_name(model)}-{'target-' if rates == 'target' else ''}"


def _study(store: Store, runs: list[Run], hvs: str, method: str) -> Study:
    runs = sorted(runs, key=lambda run: run.manifest["end"])
    newest = runs[-1].manifest
    dataset, model = str(newest.get("dataset")), str(newest.get("model"))
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
    title = f"{dataset} at target rates" if runs[-1].rates == "target" else ""
    return Study(tuple(entries), anchor.label, BASE, dataset, title, hvs, method)


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in text)
