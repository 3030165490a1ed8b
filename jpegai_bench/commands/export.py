"""Pack a study for a paper's supplement."""

from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import SelectionSettings
from jpegai_bench.errors import UsageError


@dataclass(kw_only=True)
class ExportSettings(SelectionSettings):
    """What `export` takes."""

    anonymous: bool
    dest: str | None


USAGE = Command(
    "export [experiment=NAME] [dataset=…] [model=…] [dest=FILE.zip] [overrides]",
    "pack a study into one archive, for a paper's supplement",
    """Packs the tables and plots of a study, every run that they rest on (manifest with its settings,
points, complexity, decode times), those of the codecs beside them, the settings of each run, configurations
of your own, a README and hashes. Unpacked, `jpegai-bench tables` makes the same tables from it again. It has
no pictures, bitstreams or weights. An equal store gives equal bytes.

  jpegai-bench export
  jpegai-bench export experiment=vcip2023
  jpegai-bench export dataset=kodak model=small dest=supplement.zip
  jpegai-bench export experiment=vcip2023 anonymous=true

  experiment=NAME      its variants alone, its tables, and the figures of its paper
  anonymous=true       for a double-blind review: without names of machines and folders
  anchor=, peers=      as for tables""",
    settings=ExportSettings,
    experiment=True,
    results="results/export/NAME.zip, or where dest= says; its path on stdout.",
)


_DECIDING = ("dataset", "model", "experiment", "anchors", "peers", "metrics", "method")
"""What the tables of a store depend on, besides the store."""


def command(settings: ExportSettings) -> int:
    """Write the archive and print its path."""
    from jpegai_bench.commands.selection import selection
    from jpegai_bench.config.experiment import experiment_of
    from jpegai_bench.report.export.supplement import pack, supplement
    from jpegai_bench.store.store import Store

    target = Path(settings.dest).expanduser() if settings.dest else None
    if target is not None and target.suffix.lower() != ".zip":
        raise UsageError(f"dest={settings.dest}: the archive is a zip; end its name with .zip")
    store = Store(settings.results)
    experiment = experiment_of(settings) if settings.experiment else None
    folders = settings.config_folders[1:]
    content = supplement(store, selection(settings), experiment, settings.typed_of(_DECIDING), folders)
    stem = f"{content.name}-anonymous" if settings.anonymous else content.name
    path = target or store.root / "export" / f"{stem}.zip"
    print(pack(store, content, path, settings.anonymous))
    return 0
