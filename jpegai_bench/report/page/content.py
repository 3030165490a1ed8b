"""All that a page shows, gathered from the store as plain data."""

from dataclasses import replace
from typing import Any

import pandas as pd

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.errors import BenchError
from jpegai_bench.report.gather.codec_points import images_of
from jpegai_bench.report.gather.part_counts import OTHER_PARTS
from jpegai_bench.report.gather.reproduce import first_run_command
from jpegai_bench.report.gather.studies import Selection, finished_groups, studies
from jpegai_bench.report.gather.study import Study
from jpegai_bench.report.page.figures import figures
from jpegai_bench.report.page.picture_choice import Scene, scenes
from jpegai_bench.report.page.provenance import (
    about,
    commands_of,
    lack,
    lacks_of,
    name_of,
    runs_of,
    unfinished,
)
from jpegai_bench.report.tables.results import Tables, build_tables
from jpegai_bench.report.tables.text_files import to_csv
from jpegai_bench.store.store import Store
from jpegai_bench.store.times import latest_times
from jpegai_bench.version import __version__


def content(
    store: Store, selection: Selection, results: str, experiment: Experiment, is_whole: bool = True
) -> tuple[dict[str, Any], list[list[Scene]]]:
    """The studies of the store, and what is missing; of an empty store nothing but that.

    Args:
        store: what is shown.
        selection: which studies; all of the store's unless it says.
        results: the folder as the user gives it.
        experiment: whose paper's figures stand beside.
        is_whole: show all variants, not only those of the experiment.

    Returns:
        All as plain data but the pictures, and for each study the scenes that there are.

    Raises:
        BenchError: what was asked for by name is not there.
    """
    prefixed, missing = _studies(store, selection, results)
    studies_shown, all_scenes = [], []
    for whole, prefix in prefixed:
        study = whole if is_whole else _of_experiment(whole, experiment)
        tables, hashes = build_tables(study), _hashes(study)
        study_scenes = scenes(store, study, hashes)
        all_scenes.append(study_scenes)
        pictured = {label for scene in study_scenes for label in scene.shots}
        studies_shown.append(
            {
                "name": name_of(study),
                "about": about(study, len(hashes)),
                **figures(tables, list(hashes), results, experiment),
                "times": _times(store, study),
                "runs": runs_of(study, results),
                "commands": commands_of(study, results),
                "lacks": lacks_of(study, pictured, results),
                "csv": _files(tables, prefix),
            }
        )
    lacks = [*missing, *unfinished(store, results)]
    return {"version": __version__, "studies": studies_shown, "missing": lacks}, all_scenes


def _studies(
    store: Store, selection: Selection, results: str
) -> tuple[list[tuple[Study, str]], list[dict[str, str]]]:
    """Each study that can be made, and why others cannot."""
    selections = [
        replace(selection, dataset=dataset, model=model, rates=rates)
        for dataset, model, rates in sorted(finished_groups(store, replace(selection, only=None)))
    ]
    if not selections and selection.model is None:
        alone = {str(run.manifest.get("dataset")) for run in store.runs("anchors") if run.done}
        selections = [
            replace(selection, dataset=name) for name in sorted(alone) if selection.dataset in (None, name)
        ]
    is_named = selection.anchors or (selection.peers and selection.peers != "all")
    prefixed: list[tuple[Study, str]] = []
    missing = []
    for candidate in selections or [selection]:
        try:
            prefixed += studies(store, candidate)
        except BenchError as error:
            if is_named:
                raise
            subject = ", ".join(filter(None, (candidate.dataset, candidate.model)))
            why_not = lack("study", subject, why=str(error))
            missing.append(why_not if selections else _nothing(selection, results))
    return prefixed, missing


def _nothing(selection: Selection, results: str) -> dict[str, str]:
    """Said of a store, or of a choice, without a finished run."""
    fits = f" of {selection.dataset}" if selection.dataset else ""
    fits += f" with model={selection.model}" if selection.model else ""
    command = first_run_command(selection.dataset, selection.model, results)
    return lack("study", f"A finished run{fits}", command, f"{results} holds none")


def _of_experiment(study: Study, experiment: Experiment) -> Study:
    entries = tuple(e for e in study.entries if e.kind != "variant" or e.label in experiment.variants)
    return replace(study, entries=entries)


def _hashes(study: Study) -> dict[str, str]:
    """Name and pixel hash of every image that the study is of."""
    run = next((entry.run for entry in (*study.variants, *study.anchor_entries) if entry.run), None)
    names = {str(name) for entry in study.entries for name in entry.points["image"].unique()}
    hashes = images_of(run) if run else {}
    return {name: hashes.get(name, "") for name in sorted(names)}


def _times(store: Store, study: Study) -> dict[str, dict[str, float]]:
    """The fastest and the slowest repeat, mean over images, beside each decode time."""
    ranges = {}
    for entry in study.variants:
        if entry.run and entry.decode_s is not None:
            times = latest_times(store, entry.run.manifest["codec"], entry.run.manifest.get("images_key"))
            summary = times["summary"] if times else {}
            if "decode_lowest_s" in summary:
                ranges[entry.label] = {"low": summary["decode_lowest_s"], "high": summary["decode_highest_s"]}
    return ranges


def _files(tables: Tables, prefix: str) -> list[dict[str, str]]:
    """Each table as CSV, as `jpegai-bench tables` writes those that it writes."""
    study = tables.study
    points = [entry.points.assign(codec=entry.label) for entry in study.entries]
    joined = pd.concat(points, ignore_index=True)
    frames = {
        "results": tables.results,
        "per_image": tables.per_image,
        "points": joined[["codec", *(name for name in joined if name != "codec")]],
        "complexity": _complexity(study),
    }
    return [
        {"table": table, "name": f"{prefix}{table}.csv", "text": to_csv(frame)}
        for table, frame in frames.items()
        if len(frame)
    ]


def _complexity(study: Study) -> pd.DataFrame:
    rows = []
    for entry in study.variants:
        detail = (entry.complexity or {}).get("detail") or {}
        others = {part.replace("_", " "): detail[part] for part in OTHER_PARTS if part in detail}
        for part, counts in {**(detail.get("luma") or {}), **others}.items():
            rows.append({"variant": entry.label, "model": entry.model, "part": part, **counts})
    return pd.DataFrame(rows)
