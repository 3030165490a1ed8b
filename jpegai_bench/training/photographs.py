"""The photographs of a training: found in any folder tree, some of them held out."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

import numpy as np

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import opened
from jpegai_bench.system.files import as_text, below

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_LOOKED_FOR = f"looked for {' '.join(sorted(SUFFIXES))}"
_SAMPLE = 4096
"""Bytes of a photograph that are looked at in one place."""


@dataclass(frozen=True)
class Photographs:
    """Files that are used, for training and held out, and what was left out with the reason."""

    training: Sequence[Path]
    held_out: Sequence[Path]
    skipped: Sequence[str]


def find_photographs(
    folders: Sequence[str | Path], crop: int, held_out: int, validation: Sequence[str | Path] = ()
) -> Photographs:
    """Every photograph below `folders` whose header can be read and that is no smaller than a crop.

    Args:
        folders: searched at any depth.
        crop: the side of a crop.
        held_out: how many are kept for validation, at most a tenth: evenly spaced in the order of names.
        validation: folders to take these from instead; nothing in them is trained on, copies in `folders`
            neither.

    Raises:
        BenchError: a folder does not exist or cannot be read, or nothing usable is in any of them.
    """
    apart, skipped = _usable(validation, crop, "validation") if validation else ([], [])
    photographs, more = _usable(folders, crop, "training", apart)
    skipped += [message for message in more if message not in skipped]
    if validation:
        return Photographs(photographs, _spaced(apart, held_out), skipped)
    validated = _spaced(photographs, min(held_out, len(photographs) // 10))
    copies = _Copies(validated)
    return Photographs([path for path in photographs if path not in copies], validated, skipped)


def listed(paths: Sequence[Path]) -> list[str]:
    """A line for each photograph: name, bytes, and a hash of samples of its content.

    What no encoding has for bytes of a name is a backslash and what follows it.

    Raises:
        BenchError: one cannot be read.
    """
    try:
        lines = [f"{path.name!r} {path.stat().st_size} {_sampled(path)}" for path in paths]
    except OSError as error:
        raise BenchError(f"{error.filename}: cannot be read ({error.strerror})") from None
    return list(map(as_text, lines))


def _sampled(path: Path) -> str:
    """Of the beginning, the middle and the end: reading all of a large set would take hours."""
    digest = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb") as file:
        for place in (0, (size - _SAMPLE) // 2, size - _SAMPLE):
            file.seek(max(0, place))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:16]


def check_folders(folders: Sequence[str | Path], purpose: str = "training") -> None:
    """Whether the folders are there; nothing in them is looked at.

    Raises:
        BenchError: a folder does not exist or cannot be read.
    """
    for folder in map(_place, folders):
        if folder.is_file():
            raise BenchError(f"{folder}: is a file; give folders of {purpose} photographs")
        if not folder.is_dir():
            raise BenchError(f"{folder}: no such folder of {purpose} photographs")
        if not os.access(folder, os.R_OK | os.X_OK):
            raise BenchError(f"{folder}: the folder of {purpose} photographs may not be read")


def _usable(
    folders: Sequence[str | Path], crop: int, purpose: str, apart: Sequence[Path] = ()
) -> tuple[list[Path], list[str]]:
    """Photographs that serve the purpose, without those of `apart`; and why others do not serve it."""
    check_folders(folders, purpose)
    photographs: list[Path] = []
    empty: list[str] = []
    unusable: list[str] = []
    small: list[str] = []
    kept_apart = _Copies(apart)
    resolved: set[Path] = set()
    for folder in map(_place, folders):
        pictures = sorted(path for path in below(folder) if path.suffix.lower() in SUFFIXES)
        if not pictures:
            empty.append(f"{folder}: no photograph in it; {_LOOKED_FOR}")
        for path in pictures:
            if path.resolve() in resolved:
                continue
            resolved.add(path.resolve())
            try:
                with opened(path) as picture:
                    size = picture.size
            except BenchError as error:
                unusable.append(str(error))
                continue
            if min(size) < crop:
                small.append(f"{path}: smaller than a crop of {crop}")
            elif path not in kept_apart:
                photographs.append(path)
    if not photographs:
        where = ", ".join(map(str, folders))
        if kept_apart.met:
            raise BenchError(f"all {purpose} photographs in {where} are those of training.validation")
        if small:
            raise BenchError(f"no {purpose} photograph in {where} is as large as training.crop={crop}")
        why = f"{len(unusable)} left out, the first: {unusable[0]}" if unusable else _LOOKED_FOR
        raise BenchError(f"no usable {purpose} photograph in {where} ({why})")
    return photographs, empty + unusable + small


def _place(folder: str | Path) -> Path:
    return Path(folder).expanduser()


class _Copies:
    """Files by their content; those of another size are not read."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.by_size: dict[int, list[Path]] = {}
        for file in files:
            self.by_size.setdefault(file.stat().st_size, []).append(file)
        self.met = 0

    def __contains__(self, path: Path) -> bool:
        alike = self.by_size.get(path.stat().st_size, [])
        is_one = any(cmp(path, file, shallow=False) for file in alike)
        self.met += is_one
        return is_one


def _spaced(paths: list[Path], count: int) -> list[Path]:
    if count >= len(paths):
        return paths
    numbers = np.linspace(0, len(paths) - 1, count + 2).round().astype(int)[1:-1]
    return [paths[number] for number in sorted(set(numbers))]
