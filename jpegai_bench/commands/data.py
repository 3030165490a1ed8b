"""Fetch a published test set."""

from dataclasses import dataclass

from jpegai_bench.commands.command import Command
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.system.console import say


@dataclass(kw_only=True)
class DataSettings(Settings):
    """What `data` takes."""

    dest: str | None
    url: str | None


USAGE = Command(
    "data get kodak|jpegai-test [dest=PATH] [url=BASE]",
    "fetch a test set",
    """Fetches what is missing or not as published, checks every file by its SHA-256, and prints the
folder. Interrupted or cut off, the same command goes on from there. Where there is no network it
says how to place the files by hand.

  jpegai-bench data get kodak
  jpegai-bench data get kodak dest=photos/kodak
  jpegai-bench data get jpegai-test url=https://mirror.example/jpegai

  dest=PATH            the folder, unless $JPEGAI_BENCH_DATA/kodak or data/kodak is meant
  url=BASE             another mirror: files are fetched from BASE/kodim01.png and so on""",
    settings=DataSettings,
    words=("get", "SET"),
    results="the pictures in the folder, whose path is on stdout.",
)


def command(settings: DataSettings, action: str, name: str) -> int:
    """Bring the set `name` into its folder and print the folder."""
    from jpegai_bench.images.datasets import folder_of
    from jpegai_bench.images.download import fetch
    from jpegai_bench.images.test_sets import PUBLISHED

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
