"""Write the report page from the store."""

from dataclasses import dataclass, replace

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import SelectionSettings


@dataclass(kw_only=True)
class ReportSettings(SelectionSettings):
    """What `report` takes."""

    images: str


USAGE = Command(
    "report [experiment=NAME] [images=embedded|linked] [results=PATH]",
    "one page to look at: tables, curves, pictures, provenance",
    """Writes results/report/index.html from the store alone: one file that loads nothing from
anywhere, to be opened in a browser or sent to a colleague. It measures nothing; what is missing it
names, with the command that makes it.

  jpegai-bench report
  jpegai-bench report dataset=kodak model=small
  jpegai-bench report experiment=vcip2023
  jpegai-bench report images=linked

  experiment=NAME      its variants alone, and the figures of its paper
  images=linked        pictures lossless, as files in results/report/pictures, not inside the page
  anchor=, peers=      as for tables; without peers= every codec that was measured on the images""",
    settings=ReportSettings,
    experiment=True,
    results="results/report/index.html; its path on stdout.",
)


def command(settings: ReportSettings) -> int:
    """Write the page and print its path."""
    from jpegai_bench.commands.selection import selection
    from jpegai_bench.config.experiment import experiment_of, packaged_experiment
    from jpegai_bench.report.page.write import write_page
    from jpegai_bench.store.store import Store

    chosen = selection(settings)
    if not settings.is_typed("peers"):
        chosen = replace(chosen, peers="all")
    experiment = experiment_of(settings) if settings.experiment else packaged_experiment("vcip2023")
    store = Store(settings.results)
    store.prepare()
    is_whole, is_linked = settings.experiment is None, settings.images == "linked"
    print(write_page(store, chosen, settings.results, experiment, is_whole, is_linked))
    return 0
