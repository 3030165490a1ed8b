"""Rebuild the tables from the store."""

from jpegai_bench.commands import chosen
from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings, experiment_of
from jpegai_bench.store import Store


def command(settings: Settings) -> int:
    """Write the tables, of an experiment where one is chosen, and show them."""
    store, selection = Store(settings.results), chosen.selection(settings)
    if settings.experiment is None:
        from jpegai_bench.report.rebuild import rebuild

        show_study(settings, rebuild(store, selection, plots=False))
    else:
        from jpegai_bench.report.experiment import rebuild_experiment

        show_study(settings, rebuild_experiment(store, experiment_of(settings), selection, plots=False))
    return 0
