"""What the store keeps for a run besides its folder: finished units, found qualities, decoded pictures.

They are found by content, so several runs may have the same: a run on the first three pictures of a data set,
and one on all of them.
"""

from collections.abc import Iterator
from pathlib import Path

from jpegai_bench.pictures import original_path, picture_path
from jpegai_bench.plan import search_key, unit_key
from jpegai_bench.store import Run, Store


def files_of(store: Store, run: Run) -> set[Path]:
    """The files that are there, the run's own folder not among them, whatever state it is in."""
    return {path for path in _places(store, run) if path.is_file()}


def size_of(store: Store, run: Run) -> int:
    """Bytes of its folder and of all that is kept for it, what others share included."""
    own = (path for path in run.folder.rglob("*") if path.is_file())
    return total([*own, *files_of(store, run)])


def total(paths: "list[Path] | set[Path]") -> int:
    """Bytes of files; one that has just been removed has none."""
    size = 0
    for path in paths:
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _places(store: Store, run: Run) -> Iterator[Path]:
    """Where everything of it is, as far as it was finished."""
    manifest = run.manifest
    codec, images = manifest.get("codec"), manifest.get("images")
    if not isinstance(codec, dict) or not isinstance(images, dict):
        return
    for pixels in images.values():
        yield original_path(store, pixels)
        for quality in _qualities(store, run, codec, pixels):
            yield picture_path(store, codec, pixels, quality)
            yield store.unit_path(unit_key(codec, manifest.get("metrics") or {}, pixels, quality))
        for target in manifest.get("targets") or ():
            yield store.unit_path(search_key(codec, pixels, target))


def _qualities(store: Store, run: Run, codec: dict[str, str], pixels: str) -> list[float]:
    found = (store.found_quality(search_key(codec, pixels, t)) for t in run.manifest.get("targets") or ())
    return [*(run.manifest.get("qualities") or ()), *(quality for quality in found if quality is not None)]
