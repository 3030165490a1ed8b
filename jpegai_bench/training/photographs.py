"""The photographs of a training: found in any folder tree, some of them held out."""

import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from jpegai_bench.errors import BenchError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


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
        validation: folders to take these from instead; nothing in them is trained on.

    Raises:
        BenchError: a folder does not exist or cannot be read, or nothing usable is in any of them.
    """
    apart, skipped = _usable(validation, crop, "validation") if validation else ([], [])
    found, more = _usable(folders, crop, "training", without={path.resolve() for path in apart})
    skipped += [message for message in more if message not in skipped]
    if validation:
        return Photographs(found, _spaced(apart, held_out), skipped)
    kept = _spaced(found, min(held_out, len(found) // 10))
    return Photographs([path for path in found if path not in kept], kept, skipped)


def check_folders(folders: Sequence[str | Path], purpose: str = "training") -> None:
    """Whether the folders are there; nothing in them is looked at.

    Raises:
        BenchError: a folder does not exist or cannot be read.
    """
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise BenchError(f"{folder}: no such folder of {purpose} photographs")
        if not os.access(folder, os.R_OK | os.X_OK):
            raise BenchError(f"{folder}: the folder of {purpose} photographs may not be read")


def _usable(
    folders: Sequence[str | Path], crop: int, purpose: str, without: Set[Path] = frozenset()
) -> tuple[list[Path], list[str]]:
    found: list[Path] = []
    unreadable: list[str] = []
    small: list[str] = []
    seen = set(without)
    for path in _pictures(folders, purpose):
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            with Image.open(path) as picture:
                size = picture.size
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError, EOFError):
            unreadable.append(f"{path}: not a picture that Pillow can read")
            continue
        if min(size) < crop:
            small.append(f"{path}: smaller than a crop of {crop}")
            continue
        found.append(path)
    if not found:
        where = ", ".join(map(str, folders))
        if small:
            raise BenchError(f"no {purpose} photograph in {where} is as large as training.crop={crop}")
        why = f" ({len(unreadable)} left out, the first: {unreadable[0]})" if unreadable else ""
        raise BenchError(f"no usable {purpose} photograph in {where}{why}")
    return found, unreadable + small


def _pictures(folders: Sequence[str | Path], purpose: str) -> Iterator[Path]:
    check_folders(folders, purpose)
    for folder in map(Path, folders):
        yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _spaced(paths: list[Path], count: int) -> list[Path]:
    if count >= len(paths):
        return paths
    numbers = np.linspace(0, len(paths) - 1, count + 2).round().astype(int)[1:-1]
    return [paths[number] for number in sorted(set(numbers))]
