"""Code, measure, store, print."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import own_output, show_study
from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.errors import UsageError
from jpegai_bench.sweep.job_result import How, Result
from jpegai_bench.system.console import complain, report

USAGE = Command(
    "run +variant=NAME [dataset=sample|kodak|folder] [overrides]",
    "code a data set, measure it, write tables and plots",
    """Codes every image at every rate into real bitstreams, decodes them, measures seven metrics,
compares with the anchor and with base, counts kMACs/pixel. Finished images are kept: the same
command goes on where a killed one stopped.

  jpegai-bench run +variant=combined
  jpegai-bench run +variant=combined dataset=kodak dataset.path=photos/kodak
  jpegai-bench run -m +variant=base,combined dataset=folder dataset.path=photos

  dataset.limit=3      the first three images      qualities=[0,1.5,3,5]   the rates
  rates=target         0.06, 0.12, 0.25, 0.5, 0.75 bpp, each met within 2% where the model reaches it
  targets=[0.1,0.3]    with rates=target: others, in bpp
  weights=FOLDER       weights of your own         weights=train           train them first
  workers=2            processes that measure      results=PATH            where results go
  device=cuda          networks on a GPU, each worker on a picture; points apart from those of the CPU
  precision=bf16       decode in bfloat16, with points of their own (training.precision is a training's)
  pictures=all         keep the decoded pictures of every image for the report; 4 unless given
  metrics.only=[ms_ssim,psnr_rgb]   these alone are computed and shown; others can be added later
  -m                   for each of several variants or settings, as `sweep`""",
    settings=RunSettings,
    variant="base",
    results="""points.csv, complexity.json, run.json and log.txt in results/runs/VARIANT/KEY; tables
and plots of all that the data set has in results/tables and results/plots, the table on stdout.""",
)


def command(settings: RunSettings) -> int:
    """Do the main job; 1 where an image was left out."""
    _check(settings)
    from jpegai_bench.commands.selection import selection_of_run
    from jpegai_bench.report.rebuild import rebuild
    from jpegai_bench.runner.run import measure_variant
    from jpegai_bench.store.store import Store

    with own_output():
        measured = measure_variant(settings)
    try:
        selection = selection_of_run(settings, measured.dataset)
        show_study(settings.format, [rebuild(Store(settings.results), selection)])
    finally:  # also where the disk is full
        for line in measured.failures:
            complain(f"left out: {line}")
    return 1 if measured.failures else 0


def job(settings: RunSettings, how: How) -> Result:
    """The main job as one of several: tables and plots come when all have ended."""
    _check(settings, how)
    from jpegai_bench.commands.selection import selection_of_run
    from jpegai_bench.config.experiment import experiment_of
    from jpegai_bench.runner import run

    work = {"all": run.measure_variant, "shard": run.measure_shard, "gather": run.gather}
    measured = work[how](settings)
    value = {
        "results": settings.results,
        "format": settings.format,
        "selection": vars(selection_of_run(settings, measured.dataset)),
        "computed": measured.computed,
        "experiment": asdict(experiment_of(settings)) if settings.experiment else None,
    }
    failures = tuple(f"left out: {line}" for line in measured.failures)
    return Result(value, cached=measured.computed == 0, failures=failures)


def finish(values: Sequence[Any]) -> None:
    """Rebuild the tables and plots of everything that the jobs measured, and print them; of an experiment
    its page besides.
    """
    from jpegai_bench.config.experiment import Experiment
    from jpegai_bench.report.experiment import RebuiltExperiment, rebuild_experiment
    from jpegai_bench.report.gather.studies import Selection
    from jpegai_bench.report.page.write import write_page
    from jpegai_bench.report.rebuild import Rebuilt, rebuild
    from jpegai_bench.store.store import Store

    pages = []
    rebuilt: dict[str, Rebuilt | RebuiltExperiment] = {}
    for value in values:
        key = repr((value["results"], value["selection"], value["experiment"]))
        if key in rebuilt:
            continue
        store, selection = Store(value["results"]), Selection(**value["selection"])
        rebuilt[key] = rebuild(store, selection)
        if value["experiment"]:
            experiment = Experiment.of_plain(value["experiment"])
            rebuilt[key] = rebuild_experiment(store, experiment, selection)
            with_peers = replace(selection, peers=selection.peers or "all")
            pages.append(write_page(store, with_peers, value["results"], experiment, is_whole=False))
    if rebuilt:
        show_study(values[0]["format"], list(rebuilt.values()))
    for page in dict.fromkeys(pages):
        report(f"Page: {page}")


def _check(settings: RunSettings, how: How = "all") -> None:
    if settings.weights != "train" and settings.is_typed("training"):
        raise UsageError("training settings need weights=train; without it weights that are there are run")
    if settings.shards > 1 and how == "all":
        raise UsageError("shards=… shares out the images of a sweep: jpegai-bench sweep, or run -m")
    _require_peers(settings)


def _require_peers(settings: RunSettings) -> None:
    """Peers that are named have points, or nothing is begun."""
    from jpegai_bench.metrics.fingerprint import fingerprint
    from jpegai_bench.report.gather.codec_points import Conditions, of_dataset
    from jpegai_bench.report.gather.peers import require_peers, wanted_peers
    from jpegai_bench.runner.inputs import anchor_codecs, images
    from jpegai_bench.store.store import Store

    if peers := wanted_peers(settings.peers):
        dataset, anchors = images(settings), [codec.name for codec in anchor_codecs(settings)]
        metrics, typed = fingerprint(settings.metrics.backend), of_dataset(settings.words_again())
        conditions = Conditions(dataset.name, dataset.hashes(), metrics, typed, settings.metrics.asked)
        require_peers(Store(settings.results), peers, conditions, anchors)
