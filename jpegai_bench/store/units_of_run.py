"""What the store keeps for a run besides its folder: finished units, found qualities, decoded pictures.

They are found by content, so several runs may have the same: a run on the first three pictures of a data set,
and one on all of them.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from jpegai_bench.store.keys import search_key, unit_key
from jpegai_bench.store.pictures import original_path, picture_path
from jpegai_bench.store.store import Run, Store


def files_of(store: Store, run: Run) -> list[Path]:
    """The files that are there, the run's own folder not among them, whatever state it is in.

    Found qualities come last: where they are gone, nobody can tell which units they led to.
    """
    paths = list(dict.fromkeys([*_units_and_pictures(store, run), *_searches(store, run)]))
    return [path for path in paths if path.is_file()]


def size_of(store: Store, run: Run) -> int:
    """Bytes of its folder and of all that is kept for it, what others share included."""
    return total([*inside(run.folder), *files_of(store, run)])


def inside(folder: Path) -> list[Path]:
    """All files of a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def total(paths: Iterable[Path]) -> int:
    """Bytes of files; one that has just been removed has none."""
    size = 0
    for path in paths:
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def _units_and_pictures(store: Store, run: Run) -> Iterator[Path]:
    metrics = run.manifest.get("metrics") or {}
    for codec, pixels in _coded(run):
        yield original_path(store, pixels)
        searched = (store.found_quality(search_key(codec, pixels, t)) for t in _numbers(run, "targets"))
        for quality in {*_numbers(run, "qualities"), *(at for at in searched if at is not None)}:
            yield picture_path(store, codec, pixels, quality)
            yield store.unit_path(unit_key(codec, metrics, pixels, quality))


def _searches(store: Store, run: Run) -> Iterator[Path]:
    """Where the qualities are that its targets led to."""
    for codec, pixels in _coded(run):
        for target in _numbers(run, "targets"):
            yield store.unit_path(search_key(codec, pixels, target))


def _coded(run: Run) -> list[tuple[dict[str, str], str]]:
    """The codec with the hash of each image; of a manifest that somebody has edited what is one."""
    codec, images = run.manifest.get("codec"), run.manifest.get("images")
    if not isinstance(codec, dict) or not isinstance(images, dict):
        return []
    return [(codec, pixels) for pixels in images.values() if isinstance(pixels, str)]


def _numbers(run: Run, key: str) -> list[float]:
    values = run.manifest.get(key)
    numbers = values if isinstance(values, list) else ()
    return [float(number) for number in numbers if isinstance(number, int | float)]
