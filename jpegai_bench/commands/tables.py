"""Rebuild the tables from the store."""

from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.store import Store


def command(settings: Settings) -> int:
    """Write the tables and show them."""
    store = Store(settings.results)
    rebuilt = rebuild(store, plots=False, hvs=settings.metrics.hvs, method=settings.method)
    show_study(settings, rebuilt)
    return 0
