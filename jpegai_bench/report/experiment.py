"""The tables and plots of an experiment from the store alone: without torch, and without measuring."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.errors import BenchError
from jpegai_bench.report.gather.matching_runs import anchors_of, chosen_anchors
from jpegai_bench.report.gather.missing_variants import missing
from jpegai_bench.report.gather.published_figures import PublishedFigures, published_figures
from jpegai_bench.report.gather.reproduce import run_command
from jpegai_bench.report.gather.studies import (
    Selection,
    finished_groups,
    measured_alike,
    of_other_pictures,
    prefix_of,
    study_of,
)
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.report.gather.training_noise import (
    MeasuredNoise,
    SeedSpread,
    by_seeds,
    measured_noise,
    read_spreads,
    seed_spreads,
)
from jpegai_bench.report.tables.experiment_sheets import study_sheets, write_spreads, write_study
from jpegai_bench.report.tables.experiment_tables import Experimental, Timing
from jpegai_bench.report.tables.results import build_tables
from jpegai_bench.report.tables.sheets import Sheet
from jpegai_bench.store.store import Run, Store
from jpegai_bench.store.times import latest_times
from jpegai_bench.system.files import make_folder


@dataclass(frozen=True)
class RebuiltExperiment:
    """An experiment on each data set, model preset and kind of rates of the store, and what was written."""

    parts: list[Experimental]
    files: list[Path]

    def sheets(self) -> list[Sheet]:
        """What a terminal shows: every study of every part."""
        return [sheet for part in self.parts for study in part.experiment.studies
                for sheet in study_sheets(part, study)]  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """All rows at full precision."""
        return pd.concat([part.frame(study) for part in self.parts for study in part.experiment.studies])


def rebuild_experiment(
    store: Store, experiment: Experiment, selection: Selection, tables: bool = True, plots: bool = True
) -> RebuiltExperiment:
    """Write the tables of each study into `tables/<experiment>/`, plots of all into `plots/<experiment>/`.

    Variants that have no finished run beside the others have rows that say why.

    Raises:
        BenchError: the store holds no finished run of any variant that fits, a codec that is chosen lacks
            points, or the paper's figures cannot be read.
    """
    parts, files = [], []
    for part, prefix in experimental(store, experiment, selection):
        parts.append(part)
        if tables:
            folder = make_folder(store.root / "tables" / experiment.name)
            for study in experiment.studies:
                files += write_study(part, study, folder, prefix)
            files += write_spreads(part, folder, prefix)
        if plots:
            from jpegai_bench.report.plots.plot_set import write_plots

            folder = store.root / "plots" / experiment.name
            files += write_plots(part.tables, folder, prefix, parts=True)
    return RebuiltExperiment(parts, files)


def experimental(
    store: Store, experiment: Experiment, selection: Selection
) -> list[tuple[Experimental, str]]:
    """An experiment on each data set, model preset and kind of rates, with the prefix of its files' names.

    Raises:
        BenchError: as `rebuild_experiment`.
    """
    figures = published_figures(experiment)
    groups = {
        key: [run for run in runs if run.label in experiment.variants]
        for key, runs in sorted(finished_groups(store, selection).items())
    }
    parts = [(_part(store, experiment, figures, selection, runs), prefix_of(*key))
             for key, runs in groups.items() if runs]  # fmt: skip
    if not parts:
        raise _nothing_finished(store, experiment, selection)
    return parts


def _nothing_finished(store: Store, experiment: Experiment, selection: Selection) -> BenchError:
    """The store has nothing to make a table from."""
    runs = [run for run in store.runs() if run.label in experiment.variants]
    unfinished = ", ".join(sorted({f"{run.label} {run.state}" for run in runs if not run.done}))
    fits = " that fits" if any(run.done for run in runs) else f" ({unfinished})" if unfinished else ""
    words = [f"experiment={experiment.name}", *selection.words]
    words += [f"'metrics.only=[{','.join(selection.only)}]'"] if selection.only else []
    return BenchError(
        f"{store.root}: holds no finished run of {experiment.name}{fits}; make them with: "
        f"jpegai-bench sweep {' '.join(words)}"
    )


def _part(
    store: Store, experiment: Experiment, figures: PublishedFigures, selection: Selection, runs: list[Run]
) -> Experimental:
    comparable_runs = measured_alike(runs, selection.only)
    latest = {run.label: run for run in comparable_runs}
    shown = [latest[label] for label in experiment.variants if label in latest]
    anchors, notes = _anchors(store, experiment, selection, comparable_runs[-1])
    notes = (*notes, *of_other_pictures(runs, comparable_runs[-1]))
    study = study_of(store, shown, anchors, selection, experiment.reference, notes)
    spreads = seed_spreads(study, comparable_runs)
    missing_variants = missing(store, experiment.variants, comparable_runs)
    model_run = latest.get(experiment.reference, comparable_runs[-1])
    remedy = _remedy(store, experiment, model_run, missing_variants) if missing_variants else ""
    return Experimental(
        experiment,
        build_tables(study),
        figures,
        missing_variants,
        remedy,
        by_seeds(study, comparable_runs),
        _measured_noises(experiment, spreads, latest),
        spreads,
        {run.label: str(run.manifest.get("weights", "")) for run in shown},
        {run.label: timing for run in shown if (timing := _timing(store, run))},
    )


def _measured_noises(
    experiment: Experiment, spreads: Sequence[SeedSpread], latest: Mapping[str, Run]
) -> dict[str, MeasuredNoise]:
    """The noise of each variant's training and of the reference's, of the store's seeds or as it ships."""
    base = latest.get(experiment.reference)
    published = read_spreads(experiment.measured_noise) if experiment.measured_noise else ()
    noises = {
        label: measured_noise(spreads, (base, run)) or measured_noise(published, (base, run))
        for label, run in latest.items()
        if base
    }
    return {label: noise for label, noise in noises.items() if noise}


def _remedy(store: Store, experiment: Experiment, model_run: Run, labels: Collection[str]) -> str:
    """The command that makes the runs of missing variants, on what `model_run` was made on."""
    current, folders = Path.cwd(), map(Path, experiment.config_folders)
    shown = [folder.relative_to(current) if folder.is_relative_to(current) else folder for folder in folders]
    return run_command(model_run, str(store.root), list(labels), folders=shown)


def _anchors(
    store: Store, experiment: Experiment, selection: Selection, newest: Run
) -> tuple[list[Entry], tuple[str, ...]]:
    """Those of the command line, else of the experiment, else what the newest run was made with."""
    if selection.anchors:
        return chosen_anchors(store, newest, selection.anchors, selection.only), ()
    try:
        return chosen_anchors(store, newest, experiment.anchors, selection.only), ()
    except BenchError as error:
        made_with = anchors_of(store, newest)
        if not made_with:
            raise
        return made_with, (f"The anchor is what the runs were made with: {error}.",)


def _timing(store: Store, run: Run) -> Timing | None:
    times = latest_times(store, run.manifest.get("codec") or {}, run.manifest.get("images_key"))
    if times is None:
        return None
    machine = times.get("machine") or {}
    return Timing(float(times["summary"]["decode_s"]), f"{machine.get('cpu')} ({times.get('host')})")
