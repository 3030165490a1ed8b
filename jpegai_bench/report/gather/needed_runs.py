"""Which runs of the store its tables rest on."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jpegai_bench.errors import BenchError
from jpegai_bench.report.gather.codec_points import fitting
from jpegai_bench.report.gather.matching_runs import anchor_names, conditions_of
from jpegai_bench.report.gather.replicates import trainings_of
from jpegai_bench.report.gather.studies import Selection, finished_groups, measured_alike
from jpegai_bench.store.store import Run, Store


def counted(runs: Sequence[Run]) -> list[Run]:
    """Of the finished runs of one study those that count: of each variant the newest, and its other seeds."""
    by_variant = trainings_of(measured_alike(runs))
    return [run for trainings in by_variant.values() for run in trainings.runs]


def unknown_experiments(store: Store, experiments: Collection[str]) -> list[Path]:
    """Folders of tables that an experiment left which is none of these."""
    return [
        folder
        for folder in sorted((store.root / "tables").glob("*"))
        if folder.is_dir() and folder.name not in experiments
    ]


def _has_points(run: Run) -> bool:
    try:
        run.points()
    except BenchError:
        return False
    return True


def needed_by(store: Store, experiments: Mapping[str, Collection[str]]) -> dict[Path, list[str]]:
    """By the folder of a run the tables that rest on it.

    Codecs count that tables of the same pictures can show: the anchors of the newest run, and all others
    that are measured on them.

    Args:
        store: what is looked through.
        experiments: the variants of each, by its name.
    """
    tables: dict[Path, list[str]] = {}
    codecs = [run for run in store.runs("anchors") if run.done and _has_points(run)]
    newest_first = sorted(codecs, key=lambda run: str(run.manifest.get("end")), reverse=True)
    for (dataset, model, rates), runs in sorted(finished_groups(store, Selection()).items()):
        study_name = f"{dataset}, model {model}{', target rates' if rates == 'target' else ''}"
        for name, variants in {"": None, **experiments}.items():
            selected = [run for run in runs if variants is None or run.label in variants]
            if not selected:
                continue
            newest = measured_alike(selected)[-1]
            made_with = {store.root / anchor for anchor in anchor_names(newest)}
            anchors = [run for run in codecs if run.folder in made_with]
            peers = fitting(newest_first, conditions_of(newest)).values()
            for run in (*counted(selected), *anchors, *peers):
                tables_of_run = tables.setdefault(run.folder, [])
                text = f"{name} on {study_name}" if name else study_name
                if text not in tables_of_run:
                    tables_of_run.append(text)
    return tables
