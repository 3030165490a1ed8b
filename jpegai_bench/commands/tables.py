"""Rebuild the tables from the store."""

from jpegai_bench.commands.output import show_study
from jpegai_bench.commands.selection import selection as chosen
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.config.schema import Settings
from jpegai_bench.store.store import Store


def command(settings: Settings) -> int:
    """Write the tables, of an experiment where one is chosen, and show them."""
    store, selection = Store(settings.results), chosen(settings)
    if settings.experiment is None:
        from jpegai_bench.report.rebuild import rebuild

        show_study(settings.format, [rebuild(store, selection, plots=False)])
    else:
        from jpegai_bench.report.experiment import rebuild_experiment

        rebuilt = rebuild_experiment(store, experiment_of(settings), selection, plots=False)
        show_study(settings.format, [rebuilt])
    return 0
