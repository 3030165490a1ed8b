"""Test images by name: scikit-image's photographs, Kodak's, JPEG AI's, or any folder's."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.read import Image8, opened, read_rgb
from jpegai_bench.images.test_sets import COUNTED, PUBLISHED, CountedSet, PublishedSet
from jpegai_bench.system.files import as_text, below

NAMES = ("sample", "kodak", "folder", "jpegai-test", "clic2020", "tecnick", "bsds500")
SUFFIXES = frozenset(
    {
        ".png",
        ".jpg",
        ".jpeg",
        ".jp2",
        ".webp",
        ".avif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
    }
)

# Colour photographs that every scikit-image wheel from 0.22 on holds; its others are fetched when asked for.
_SAMPLE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")


_HASHES: dict[tuple[Path, int, int, int], str] = {}
"""Pixel hashes by path and state of the file: the jobs of a sweep are of one data set."""


@dataclass(frozen=True)
class ImageFile:
    """A picture on disk, read when asked for."""

    name: str
    """What tables call it; unique in its data set."""
    path: Path

    def read(self) -> Image8:
        """Read as 8-bit RGB `[H, W, 3]`; a picture that cannot be read is a `BenchError` with its path."""
        return read_rgb(self.path)

    @cached_property
    def sha256(self) -> str:
        """`pixel_hash` of the picture; the first access reads it, unless this process has seen the file."""
        try:
            state = self.path.stat()
        except OSError:  # reading it says what is wrong
            return pixel_hash(self.read())
        key = (self.path.resolve(), state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in _HASHES:
            _HASHES[key] = pixel_hash(self.read())
        return _HASHES[key]


@dataclass(frozen=True)
class Dataset:
    """A named row of test images."""

    name: str
    images: tuple[ImageFile, ...]
    folder: Path | None = None
    """Where they are, of a folder of the user's."""

    def hashes(self) -> dict[str, str]:
        """Name and pixel hash of every picture that can be read."""
        hashes = {}
        for image in self.images:
            with suppress(BenchError):
                hashes[image.name] = image.sha256
        return hashes


def pixel_hash(image: Image8) -> str:
    """SHA-256 of shape and samples of `[H, W, 3]`: the same for one picture in whatever file."""
    shape = "x".join(str(size) for size in image.shape)
    return hashlib.sha256(shape.encode() + b":" + image.tobytes()).hexdigest()


def load(name: str, path: str | Path | None = None) -> Dataset:
    """Find the data set `name`, one of `NAMES`; no picture is decoded yet.

    Args:
        name: `sample`, five photographs that come with scikit-image; `kodak`, the 24 Kodak photographs, and
            `jpegai-test`, the 50 test images of JPEG AI, `clic2020`, a part of the professional pictures of
            CLIC 2020, `tecnick`, the 100 of TESTIMAGES, and `bsds500`, the test part of BSDS500, each in its
            `folder_of`; `folder`, every picture below `path`.
        path: the folder, for all but `sample`.

    Raises:
        BenchError: there is no such data set, or its files are not there.
    """
    if name == "sample":
        return Dataset(name, _sample())
    if name in PUBLISHED:
        return Dataset(name, _published(PUBLISHED[name], path))
    if name in COUNTED:
        return _counted(COUNTED[name], folder_of(name, path))
    if name == "folder":
        if path is None:
            raise UsageError("dataset folder: which one? Give its path")
        folder = Path(path).expanduser().resolve()
        return Dataset(as_text(folder.name), _folder(folder), folder)
    raise UsageError(f"no data set {name!r}; there are {', '.join(NAMES)}")


def folder_of(name: str, path: str | Path | None = None) -> Path:
    """Where a published set is looked for: in `path`, `$JPEGAI_BENCH_DATA/NAME` or `./data/NAME`."""
    if path is not None:
        return Path(path).expanduser()
    return Path(os.environ.get("JPEGAI_BENCH_DATA") or "data").expanduser() / name


def _sample() -> tuple[ImageFile, ...]:
    folder = Path(str(files("skimage") / "data"))
    missing = [file for file in _SAMPLE if not (folder / file).is_file()]
    if missing:
        raise BenchError(
            f"dataset sample: {folder} lacks {', '.join(missing)}; install scikit-image from a wheel"
        )
    return tuple(ImageFile(Path(file).stem, folder / file) for file in _SAMPLE)


def _published(test_set: PublishedSet, path: str | Path | None) -> tuple[ImageFile, ...]:
    folder = folder_of(test_set.name, path)
    missing = [file for file in test_set.checksums if not (folder / file).is_file()]
    if missing:
        lacks = missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more"
        fetch = f"data get {test_set.name}" + (f" dest={path}" if path is not None else "")
        raise BenchError(
            f"dataset {test_set.name}: {folder} lacks {lacks}; `jpegai-bench {fetch}` fetches them, or"
            f" {test_set.by_hand} there, or give their folder as path or its parent as JPEGAI_BENCH_DATA"
        )
    return tuple(ImageFile(Path(file).stem, folder / file) for file in test_set.checksums)


def _counted(chosen: CountedSet, folder: Path) -> Dataset:
    """The part of a set that the number of its pictures tells, their sizes checked."""
    where = f"dataset {chosen.name}: {folder}"
    parts = " or ".join(f"{count} ({part})" for count, part in chosen.parts.items())
    if not folder.is_dir():
        raise BenchError(f"{where} is no folder; {chosen.by_hand} there, or give theirs as dataset.path")
    images = _folder(folder)
    if len(images) not in chosen.parts:
        raise BenchError(
            f"{where} has {len(images)} pictures, not {parts}; {chosen.by_hand} into a folder alone, "
            "or take dataset=folder"
        )
    for image in images:
        if chosen.names and image.path.stem not in chosen.names:
            raise BenchError(f"{where}: {image.path.name} is of another part or set; {chosen.by_hand} there")
        with opened(image.path) as picture:
            sides = picture.size
        if min(sides) < chosen.shortest or max(sides) > chosen.longest:
            wanted = f"{chosen.shortest} to {chosen.longest}"
            raise BenchError(
                f"dataset {chosen.name}: {image.path} is {sides[0]}x{sides[1]}; its pictures have sides of "
                f"{wanted}: take dataset=folder for others"
            )
    _require_different(where, [image.path for image in images])
    return Dataset(chosen.parts[len(images)], images)


def _require_different(where: str, paths: Sequence[Path]) -> None:
    """No two files hold the same bytes; only those of one length are read."""
    lengths = Counter(path.stat().st_size for path in paths)
    names: dict[bytes, str] = {}
    for path in paths:
        if lengths[path.stat().st_size] > 1:
            first = names.setdefault(hashlib.sha256(path.read_bytes()).digest(), path.name)
            if first != path.name:
                raise BenchError(f"{where}: {first} and {path.name} are one picture; remove the copy")


def _folder(folder: Path) -> tuple[ImageFile, ...]:
    if not folder.is_dir():
        raise BenchError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'no such folder'}")
    paths = sorted(_pictures(folder), key=lambda path: path.relative_to(folder).as_posix())
    if not paths:
        raise BenchError(f"{folder}: no picture in it; looked for {' '.join(sorted(SUFFIXES))}")
    relative = [path.relative_to(folder) for path in paths]
    names = [as_text(path.with_suffix("").as_posix()) for path in relative]
    if len(set(names)) < len(names):
        names = [as_text(path.as_posix()) for path in relative]
    return tuple(ImageFile(name, path) for name, path in zip(names, paths, strict=True))


def _pictures(folder: Path) -> Iterator[Path]:
    for path in below(folder, hidden=False):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
