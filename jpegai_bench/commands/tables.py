"""Rebuild the tables from the store."""

from jpegai_bench.commands import chosen
from jpegai_bench.commands.output import show_study
from jpegai_bench.config import Settings
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.store import Store


def command(settings: Settings) -> int:
    """Write the tables and show them."""
    rebuilt = rebuild(Store(settings.results), chosen.selection(settings), plots=False)
    show_study(settings.format, [rebuilt])
    return 0
