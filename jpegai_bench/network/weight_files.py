"""What weights files are called and hold, without building anything from them and without torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from jpegai_bench.errors import BenchError

FORMAT = "jpegai-bench weights 2"
_READERS = {"jpegai-bench weights 1": "jpegai-bench 0.1, or the development version that wrote it,"}
"""What reads an older format."""
SHARED_FILE = "shared.safetensors"
SHIPPED_WEIGHTS = Path(__file__).parents[1] / "shipped" / "weights"
"""What ships, a folder a model preset."""

_UNREADABLE = (SafetensorError, OSError, KeyError, TypeError)

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class WeightIds:
    """The content of a variant's two files, each as its `content_id`."""

    shared: str
    synthesis: str


def synthesis_file(variant: str) -> str:
    """The name of a variant's synthesis in a weights folder."""
    return f"{variant}.safetensors"


def shared_id(folder: Path) -> str:
    """The `content_id` of the encoder in `folder`, which every bitstream of it carries."""
    return content_id(read(folder / SHARED_FILE, "shared")[0])


def ids(folder: Path, variant: str) -> WeightIds:
    """What the two files of `variant` in `folder` hold."""
    synthesis, _ = read(folder / synthesis_file(variant), "synthesis")
    return WeightIds(shared_id(folder), content_id(synthesis))


def read(path: Path, kind: str) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of one weights file, `kind` being `shared` or `synthesis`.

    Raises:
        BenchError: there is none, it is damaged, of another kind, or of another program.
    """
    meta = metadata(path)
    try:
        arrays = load_file(path)
    except _UNREADABLE as error:
        raise _not_ours(path, error) from None
    if meta.get("format") != FORMAT or meta.get("kind") != kind:
        written, kinds = meta.get("format", "another program"), meta.get("kind", "unknown")
        reader = f"; {_READERS[written]} reads it" if written in _READERS else ""
        raise BenchError(f"{path}: is {written} ({kinds}), where {FORMAT} ({kind}) is expected{reader}")
    if meta.get("shared_id" if kind == "shared" else "content_id") != content_id(arrays):
        raise BenchError(f"{path}: damaged weights: not what was saved there; get the file again")
    return arrays, meta


def metadata(path: Path) -> dict[str, str]:
    """What a weights file says of itself; its arrays are not read.

    Raises:
        BenchError: there is none, or it is no safetensors file.
    """
    if not path.is_file():
        raise BenchError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="numpy") as opened:
            return opened.metadata() or {}
    except _UNREADABLE as error:
        raise _not_ours(path, error) from None


def require_structure(path: Path) -> None:
    """Whether a weights file says what it is of in a form that can be read.

    Raises:
        BenchError: as `metadata`; or its structure is no JSON, or not by model and modules.
    """
    try:
        structure = json.loads(metadata(path).get("structure", "{}"))
    except (ValueError, RecursionError):
        structure = None
    parts = [structure, *structure.values()] if isinstance(structure, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise BenchError(f"{path}: damaged weights: `structure` in its metadata is not what `train` writes")


def _not_ours(path: Path, error: Exception) -> BenchError:
    return BenchError(
        f"{path}: not a safetensors file ({error}); pickled weights (.pt, .pth) are never opened"
    )


def content_id(arrays: Arrays) -> str:
    """16 hex digits that name the content of a set of arrays."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} torch.{array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
