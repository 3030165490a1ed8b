"""Write a result file whole or not at all, and read what may be damaged."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jpegai_bench.errors import BenchError

REMEDY = "choose another folder with results=PATH"


def as_text(name: str) -> str:
    """A file's name as text that can be written: what is no UTF-8 in it becomes as `\\udce9`."""
    return name.encode(errors="backslashreplace").decode()


def make_folder(folder: str | Path, remedy: str = REMEDY) -> Path:
    """Make `folder` and its parents where they are missing; `remedy` as in `write_bytes`.

    Raises:
        BenchError: it cannot be made, or is no folder.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error, remedy) from None
    return folder


def below(folder: Path, hidden: bool = True) -> Iterator[Path]:
    """Files and folders at any depth, through links to folders too; each once, rather by no link.

    A link to a folder that it lies in is not followed. What may not be read is passed over.

    Args:
        folder: where to begin.
        hidden: whether what begins with a dot is among them.
    """
    visited: set[Path] = set()
    roots = [folder]
    for root in roots:  # links are added: they come after the folders proper
        for directory, folders, files in os.walk(root):
            where = Path(directory)
            real = where.resolve()
            if real in visited:
                folders.clear()
                continue
            visited.add(real)
            if not hidden:
                folders[:] = [name for name in folders if not name.startswith(".")]
            links = [where / name for name in sorted(folders) if (where / name).is_symlink()]
            roots += [link for link in links if not real.is_relative_to(link.resolve())]
            yield from (where / name for name in (*folders, *files) if hidden or not name.startswith("."))


def file_name(text: str) -> str:
    """A text as it stands in the name of a file: letters, digits, `_`, `.` and `-`; all else is `_`."""
    return "".join(letter if letter.isalnum() or letter in "_.-" else "_" for letter in text)


def json_object(path: Path) -> dict[str, Any] | None:
    """The object that a JSON file holds; None where there is no file, or one that cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def write_bytes(path: Path, data: bytes, remedy: str = REMEDY) -> None:
    """Write `path` beside itself, then rename: a reader sees the old file or the new one, never a part.

    A link stays one, and its file is replaced; a device or a pipe takes the bytes as they come.

    Args:
        path: the file.
        data: all of it.
        remedy: what a user is told to do where it cannot be written.

    Raises:
        BenchError: the folder cannot be written.
    """
    try:
        if path.exists() and not path.is_file():  # a folder refuses them
            path.write_bytes(data)
        else:
            target = Path(os.path.realpath(path)) if path.is_symlink() else path
            replace_bytes(target, data, f".{os.getpid()}")
    except OSError as error:
        raise _cannot_write(path, error, remedy) from None


def replace_bytes(path: Path, data: bytes | memoryview, writer: str = "") -> None:
    """Write `path` beside itself, then rename.

    Args:
        path: the file.
        data: all of it.
        writer: goes into the name beside, where several processes may write the file at once. Without, a
            process that was killed while writing leaves a part that the next one writes over.

    Raises:
        OSError: it cannot be written; nothing is left beside.
    """
    beside = path.with_name(f".{path.name}{writer}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _cannot_write(path: Path, error: OSError, remedy: str) -> BenchError:
    if error.errno == errno.ENOSPC:
        remedy = "free some space and run the same command again"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "give shorter names"
    return BenchError(f"{path}: cannot be written ({error.strerror or error}); {remedy}")
