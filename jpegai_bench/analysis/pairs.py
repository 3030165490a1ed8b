"""Many pairs of picture files: which belong together, and their scores, spread over processes.

A pair that cannot be measured is told by name and stops no other.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load
from jpegai_bench.images.read import read_rgb
from jpegai_bench.system.defects import in_one_line
from jpegai_bench.system.devices import computing, prepare_device
from jpegai_bench.system.files import as_text
from jpegai_bench.system.processes import spread

_PRELOAD = ("jpegai_bench.metrics.measure",)


@dataclass(frozen=True)
class Pair:
    """A reference and what is compared with it."""

    name: str
    """What both are called below their folders, without the suffix."""
    reference: str
    """Path, below the folder as it was given."""
    distorted: str


@dataclass(frozen=True)
class Pairing:
    """What two folders, or two files, have in common."""

    pairs: tuple[Pair, ...]
    """In the order of their names."""
    left_out: tuple[str, ...] = ()
    """A line for each picture without a partner, and for each name that is not unique."""


@dataclass(frozen=True)
class Measured:
    """A pair's scores, or why there are none."""

    pair: Pair
    width: int = 0
    height: int = 0
    values: dict[str, float] = field(default_factory=dict)
    """By metric, in the catalogue's order; nan is NA."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why each NA is one."""
    failure: str = ""
    """One line, where nothing was measured."""


def find_pairs(reference: str, distorted: str) -> Pairing:
    """Pair two files, or the pictures below two folders that have the same path but for the suffix.

    Where one folder lies in the other, its pictures are its own and not the other's.

    Raises:
        BenchError: one is missing, or a file where the other is a folder; a folder has no picture; nothing
            pairs.
    """
    first, second = Path(reference), Path(distorted)
    for path in (first, second):
        if not path.exists():
            raise BenchError(f"{path}: no such file or folder")
    if first.is_dir() != second.is_dir():
        folder, file = (first, second) if first.is_dir() else (second, first)
        raise BenchError(f"{folder} is a folder and {file} is not; give two files or two folders")
    if not first.is_dir():
        return Pairing((Pair(as_text(second.stem), reference, distorted),))
    return _paired(_pictures(reference, second), _pictures(distorted, first), reference, distorted)


def measure_pairs(
    pairs: Sequence[Pair],
    only: Sequence[str] | None,
    device: str,
    workers: int,
    advance: Callable[[str], None],
    backend: str,
) -> Generator[Measured, None, None]:
    """Measure `pairs` and yield them in their order, each once all before it are done; close it to stop.

    Args:
        pairs: no two alike.
        only: names of the catalogue that are wanted; all where not given.
        device: where torch computes.
        workers: processes; what is left of them where there are fewer pairs goes to threads.
        advance: called with the pair's name when it is done.
        backend: who computes four of the metrics, as in `metrics.backends`.

    Raises:
        BenchError: there is no such device, no temporary folder for several processes, or one died.
    """
    if device != "cpu":
        prepare_device(device)  # once, before every pair would complain of it
    if min(workers, len(pairs)) > 1:
        _require_temporary_folder()
    threads = max(1, workers // max(1, len(pairs)))
    work = partial(_measure, only=only, device=device, threads=threads, backend=backend)
    finished: dict[Pair, Measured] = {}
    following = iter(pairs)
    awaited = next(following, None)
    with closing(spread(work, pairs, workers, _PRELOAD)) as results:
        for pair, measured in results:
            advance(pair.name)
            finished[pair] = measured
            while awaited in finished:
                yield finished.pop(awaited)
                awaited = next(following, None)


def _require_temporary_folder() -> None:
    """Processes find each other by a socket there."""
    try:
        tempfile.gettempdir()
    except OSError:
        raise BenchError(
            "no temporary folder can be written, which several processes need; set TMPDIR, or use workers=1"
        ) from None


def _measure(pair: Pair, only: Sequence[str] | None, device: str, threads: int, backend: str) -> Measured:
    """Measure one pair; runs in a worker."""
    from jpegai_bench.metrics.by_piq import reference_of

    try:
        reference, distorted = read_rgb(pair.reference), read_rgb(pair.distorted)
        if reference.shape != distorted.shape:
            first, second = (f"{image.shape[1]}x{image.shape[0]}" for image in (reference, distorted))
            message = f"{pair.distorted}: of another size, {second}, than {pair.reference}, {first}"
            return Measured(pair, failure=message)
        with computing():
            scores = reference_of(backend)(reference, only, device, threads).compare(distorted)
    except BenchError as error:
        return Measured(pair, failure=str(error))
    except Exception as error:
        return Measured(pair, failure=f"{pair.distorted}: {in_one_line(error)}")
    height, width = reference.shape[:2]
    return Measured(pair, width, height, scores.values, scores.reasons)


def _pictures(folder: str, other_folder: Path) -> dict[str, list[str]]:
    """Relative paths of the pictures below `folder`, by their name without the suffix."""
    root, other_folder = Path(folder).resolve(), other_folder.resolve()
    by_name: dict[str, list[str]] = defaultdict(list)
    for image in load("folder", root).images:
        if other_folder in image.path.parents and other_folder not in (root, *root.parents):
            continue
        relative = image.path.relative_to(root)
        by_name[as_text(relative.with_suffix("").as_posix())].append(str(relative))
    return by_name


def _paired(
    first: dict[str, list[str]], second: dict[str, list[str]], reference: str, distorted: str
) -> Pairing:
    pairs, left_out = [], []
    for name in sorted(first.keys() | second.keys()):
        references = [os.path.join(reference, file) for file in first.get(name, ())]
        matches = [os.path.join(distorted, file) for file in second.get(name, ())]
        if len(references) == len(matches) == 1:
            pairs.append(Pair(name, references[0], matches[0]))
        elif references and matches:
            several = references if len(references) > 1 else matches
            left_out.append(f"{' and '.join(several)}: of one name; keep the one that is meant")
        else:
            missing = distorted if references else reference
            left_out += [f"{path}: no picture of this name in {missing}" for path in references or matches]
    if not pairs:
        raise BenchError(
            f"no picture in {reference} has the name of one in {distorted}; names must agree but for the"
            f" suffix ({left_out[0] if left_out else 'there is none'})"
        )
    return Pairing(tuple(pairs), tuple(left_out))
