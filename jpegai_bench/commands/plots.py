"""Rebuild the plots from the store."""

from jpegai_bench.commands import chosen
from jpegai_bench.config import Settings
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.store import Store


def command(settings: Settings) -> int:
    """Draw what has changed, print the paths of all."""
    rebuilt = rebuild(Store(settings.results), chosen.selection(settings), tables=False)
    print("\n".join(str(path) for path in rebuilt.files))
    return 0
