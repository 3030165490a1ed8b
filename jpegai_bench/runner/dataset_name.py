"""What a store calls a data set: the folder's name is a label, and two folders may have one."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from jpegai_bench.codecs.shipped_points import shipped_runs
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.store.store import Run, Store
from jpegai_bench.system.files import file_name


def name_in(store: Store, dataset: Dataset) -> str:
    """Its own name; or, where the store or what ships has that for other pictures, a longer one.

    Pictures are the same set where one of them is in both: a folder grows, and `dataset.limit` takes a part.
    """
    readable = next(_hashes(dataset), None) is not None
    by_name = _by_file_name(store)
    return next(
        name
        for name in _names(dataset)
        if not readable
        or (run := by_name.get(file_name(name))) is None
        or (run.manifest["dataset"] == name and not _pixels(run).isdisjoint(_hashes(dataset)))
    )


def _names(dataset: Dataset) -> Iterator[str]:
    """Its name, then with those of the folders above it, then with numbers."""
    yield dataset.name
    above = dataset.folder.parts[1:] if dataset.folder else ()
    yield from ("-".join(above[-depth:]) for depth in range(2, len(above) + 1))
    yield from (f"{dataset.name}-{number}" for number in count(2))


def _hashes(dataset: Dataset) -> Iterator[str]:
    for image in dataset.images:
        with suppress(BenchError):
            yield image.sha256


def _by_file_name(store: Store) -> dict[str, Run]:
    """By the name that a data set has in the names of files the run that says which pictures it is.

    That is one that ships, whose pictures never change, or else the newest.
    """
    stored = [*store.runs("runs"), *store.runs("anchors")]
    stored.sort(key=lambda run: str(run.manifest.get("start")))
    ready = (Run(folder, manifest) for manifest, folder in shipped_runs())
    return {file_name(str(run.manifest.get("dataset"))): run for run in (*stored, *ready) if _pixels(run)}


def _pixels(run: Run) -> set[str]:
    """Hashes of the pictures of a run; none where nobody has seen their pixels."""
    images = run.manifest.get("images")
    return set(images.values()) if isinstance(images, dict) and "found_by" not in run.manifest else set()
