"""Rebuild the tables from the store."""

from dataclasses import dataclass

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import show_study
from jpegai_bench.config.command_settings import FormatSettings, SelectionSettings


@dataclass(kw_only=True)
class TablesSettings(SelectionSettings, FormatSettings):
    """What `tables` takes."""


USAGE = Command(
    "tables [experiment=NAME] [results=PATH] [format=table|csv|json|markdown|latex]",
    "rebuild the tables from the store",
    """Reads results/runs and results/anchors, writes results/tables; measures nothing.

  jpegai-bench tables
  jpegai-bench tables format=markdown
  jpegai-bench tables dataset=kodak anchor=[vvc,hevc] peers=all
  jpegai-bench tables experiment=vcip2023

  experiment=NAME      each study of an experiment, the paper's own figures in columns beside ours: as CSV,
                       Markdown and LaTeX into results/tables/NAME
  anchor=, peers=      codecs of the store, or whose points ship: what BD-rates are taken against (a block
                       each), and further rows""",
    settings=TablesSettings,
    experiment=True,
    results="results/tables as CSV, Markdown and LaTeX, and stdout.",
)


def command(settings: TablesSettings) -> int:
    """Write the tables, of an experiment where one is chosen, and show them."""
    from jpegai_bench.commands.selection import rebuilt

    show_study(settings.format, [rebuilt(settings, plots=False)])
    return 0
