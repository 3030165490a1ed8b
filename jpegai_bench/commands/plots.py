"""Rebuild the plots from the store."""

from jpegai_bench.commands.selection import selection as chosen
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.config.schema import Settings
from jpegai_bench.store.store import Store


def command(settings: Settings) -> int:
    """Draw what has changed, of an experiment where one is chosen; print the paths of all."""
    store, selection = Store(settings.results), chosen(settings)
    if settings.experiment is None:
        from jpegai_bench.report.rebuild import rebuild

        files = rebuild(store, selection, tables=False).files
    else:
        from jpegai_bench.report.experiment import rebuild_experiment

        files = rebuild_experiment(store, experiment_of(settings), selection, tables=False).files
    print("\n".join(str(path) for path in files))
    return 0
