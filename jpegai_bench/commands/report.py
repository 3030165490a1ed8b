"""Write the report page from the store."""

from dataclasses import replace

from jpegai_bench.commands import chosen
from jpegai_bench.config import Settings, on_command_line
from jpegai_bench.report.page.write import write_page
from jpegai_bench.store import Store


def command(settings: Settings) -> int:
    """Write the page and print its path."""
    selection = chosen.selection(settings)
    if not on_command_line("peers"):
        selection = replace(selection, peers="all")
    store = Store(settings.results)
    store.prepare()
    print(write_page(store, selection, settings.results, is_linked=settings.images == "linked"))
    return 0
