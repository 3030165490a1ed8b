"""What the command line chooses; a default of the configuration is no choice, the store decides."""

from contextlib import suppress
from pathlib import Path

from jpegai_bench.config.command_settings import RunSettings, SelectionSettings
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.setting_names import choices, unreadable
from jpegai_bench.config.variants import Variant, packaged_variant, variant_names, variant_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import load
from jpegai_bench.report.experiment import RebuiltExperiment, rebuild_experiment
from jpegai_bench.report.gather.peers import wanted_peers
from jpegai_bench.report.gather.studies import Selection
from jpegai_bench.report.rebuild import Rebuilt, rebuild
from jpegai_bench.runner.dataset_name import name_in
from jpegai_bench.store.store import Store


def dataset(settings: Settings) -> str | None:
    """The name of the data set; a folder's is what the store calls its pictures, or else its own."""
    if not settings.is_typed("dataset"):
        return None
    name, folder = settings.dataset.name, settings.dataset.path
    if name != "folder" or not folder:
        return name
    with suppress(BenchError):  # what only reads the store needs no more than a name
        return name_in(Store(settings.results), load(name, folder))
    return Path(folder).expanduser().resolve().name


def model(settings: Settings) -> str | None:
    """The name of the model preset."""
    return settings.model.name if settings.is_typed("model") else None


def variants(settings: Settings) -> list[Variant]:
    """The one that is named, or each that ships and each in a folder of the user's.

    Raises:
        UsageError: one of the user's cannot be read.
    """
    if settings.variant:
        return [variant_of(settings)]
    shipped, folders = variant_names(), settings.config_folders[1:]
    for problem in unreadable("variant", folders).values():
        raise UsageError(problem)
    own = [
        packaged_variant(settings, name, folder)
        for folder in folders
        for name in choices("variant", [folder])
        if name not in shipped
    ]
    return [*(packaged_variant(settings, name) for name in shipped), *own]


def selection(settings: SelectionSettings) -> Selection:
    """What tables and plots are rebuilt."""
    return Selection(
        dataset(settings),
        model(settings),
        anchors=settings.anchors,
        peers=wanted_peers(settings.peers),
        hvs=settings.metrics.hvs,
        only=settings.metrics.only,
        method=settings.method,
    )


def selection_of_run(settings: RunSettings, dataset: str) -> Selection:
    """The tables and plots that a run belongs to; `dataset` is its name in the store."""
    return Selection(
        dataset,
        settings.model.name,
        settings.chosen_rates.kind,
        peers=wanted_peers(settings.peers),
        hvs=settings.metrics.hvs,
        only=settings.metrics.only,
        method=settings.method,
    )


def rebuilt(
    settings: SelectionSettings, tables: bool = True, plots: bool = True
) -> Rebuilt | RebuiltExperiment:
    """Tables and plots of what is chosen, of an experiment where one is."""
    store, chosen = Store(settings.results), selection(settings)
    if settings.experiment is None:
        return rebuild(store, chosen, tables, plots)
    return rebuild_experiment(store, experiment_of(settings), chosen, tables, plots)
