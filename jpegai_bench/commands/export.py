"""Pack a study for a paper's supplement."""

from pathlib import Path

from jpegai_bench.commands import selection
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import UsageError
from jpegai_bench.report.export.supplement import pack, supplement
from jpegai_bench.store.store import Store

_DECIDING = ("dataset", "model", "experiment", "anchors", "peers", "metrics", "method")
"""What the tables of a store depend on, besides the store."""


def command(settings: Settings) -> int:
    """Write the archive and print its path."""
    target = Path(settings.dest).expanduser() if settings.dest else None
    if target is not None and target.suffix.lower() != ".zip":
        raise UsageError(f"dest={settings.dest}: the archive is a zip; end its name with .zip")
    store = Store(settings.results)
    experiment = experiment_of(settings) if settings.experiment else None
    folders = settings.config_folders[1:]
    what = supplement(store, selection.selection(settings), experiment, settings.typed_of(_DECIDING), folders)
    named = f"{what.name}-anonymous" if settings.anonymous else what.name
    path = target or store.root / "export" / f"{named}.zip"
    print(pack(store, what, path, settings.anonymous))
    return 0
