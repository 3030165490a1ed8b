"""Write the report page from the store."""

from dataclasses import replace

from jpegai_bench.commands.selection import selection as chosen
from jpegai_bench.config.experiment import experiment_of, packaged_experiment
from jpegai_bench.config.schema import Settings
from jpegai_bench.report.page.write import write_page
from jpegai_bench.store.store import Store


def command(settings: Settings) -> int:
    """Write the page and print its path."""
    selection = chosen(settings)
    if not settings.is_typed("peers"):
        selection = replace(selection, peers="all")
    chosen_one = experiment_of(settings) if settings.experiment else packaged_experiment("vcip2023")
    store = Store(settings.results)
    store.prepare()
    is_whole, is_linked = settings.experiment is None, settings.images == "linked"
    print(write_page(store, selection, settings.results, chosen_one, is_whole, is_linked))
    return 0
