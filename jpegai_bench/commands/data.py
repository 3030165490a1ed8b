"""Fetch a published test set."""

from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.images.datasets import folder_of
from jpegai_bench.images.download import fetch
from jpegai_bench.images.test_sets import PUBLISHED
from jpegai_bench.system.console import say


def command(settings: Settings, action: str, name: str) -> int:
    """Bring the set `name` into its folder and print the folder."""
    if action != "get":
        raise UsageError(f"data: no {action!r}; there is data get {'|'.join(PUBLISHED)}")
    if name not in PUBLISHED:
        raise UsageError(f"data get: no {name!r}{hint(name, PUBLISHED)}; there are {', '.join(PUBLISHED)}")
    folder = folder_of(name, settings.dest)
    try:
        fetch(PUBLISHED[name], folder, settings.url, say=say)
    except KeyboardInterrupt:
        raise BenchError("interrupted; what has come is kept, the same command goes on from there") from None
    print(folder)
    return 0
