"""Rebuild the plots from the store."""

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import SelectionSettings

USAGE = Command(
    "plots [experiment=NAME] [results=PATH]",
    "rebuild the plots from the store",
    """Reads results/runs and results/anchors, writes results/plots; unchanged plots are left alone.

  jpegai-bench plots
  jpegai-bench plots results=results/demo
  jpegai-bench plots dataset=kodak peers=[hevc,av1,jpeg]
  jpegai-bench plots experiment=vcip2023

  dataset=, model=     which study, where the store holds several
  anchor=, peers=      codecs of the store, or whose points ship, as curves beside the variants""",
    settings=SelectionSettings,
    experiment=True,
    results="results/plots as PNG and PDF; their paths on stdout.",
)


def command(settings: SelectionSettings) -> int:
    """Draw what has changed, of an experiment where one is chosen; print the paths of all."""
    from jpegai_bench.commands.selection import rebuilt

    print("\n".join(map(str, rebuilt(settings, tables=False).files)))
    return 0
