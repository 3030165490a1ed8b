"""Anchors: codecs by their configuration nodes, and the points of theirs that ship with the package."""

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.locate import locate
from jpegai_bench.nearest import hint
from jpegai_bench.store import read_points

SHIPPED = Path(__file__).parent
AS_PUBLISHED = ("jpeg2000_53", "jpeg_ijg")
"""Nodes that follow a published set-up, each beside a better codec of its format: no peers unless named."""
# What YAML 1.1 makes of chroma: 4:2:0 without quotes, numbers to the base of 60.
_SEXAGESIMAL = {4 * 3600 + 2 * 60: "4:2:0", 4 * 3600 + 4 * 60 + 4: "4:4:4"}


@dataclass(frozen=True)
class ShippedPoints:
    """Measured points of an anchor that come with the package."""

    points: pd.DataFrame
    """Image names as in the data set that they were asked for."""
    manifest: dict[str, Any]
    """Of the run that made them."""


def codec_of(label: str, node: Any) -> AnchorCodec:
    """The codec of a configuration node.

    Args:
        label: the node's key, and the codec's name unless the node has a `name`.
        node: `_target_`, an import path, and arguments; those that are null are left to the codec.

    Raises:
        UsageError: the node is none, or its target does not take what it says.
        BenchError: its target cannot be imported.
    """
    where = f"anchor {label}"
    if not isinstance(node, dict) or "_target_" not in node:
        raise UsageError(f"{where}: needs a `_target_`, the import path of a codec")
    target = locate(node["_target_"], f"{where}: _target_")
    arguments = {"name": label, **{key: value for key, value in node.items() if key != "_target_"}}
    known = inspect.signature(target).parameters
    if unknown := sorted(arguments.keys() - known.keys()):
        told = f"no setting {unknown[0]!r}{hint(unknown[0], known)}"
        raise UsageError(f"{where}: {told}; there are {', '.join(known)}")
    given = {key: value for key, value in arguments.items() if value is not None}
    if given.get("chroma") in _SEXAGESIMAL:
        given["chroma"] = _SEXAGESIMAL[given["chroma"]]
    if "qualities" in given:
        given["qualities"] = _qualities(given["qualities"], where)
    try:
        codec: AnchorCodec = target(**given)
    except BenchError as error:
        told = str(error)
        raise UsageError(told if told.startswith(label) else f"{where}: {told}") from None
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from None
    return codec


def _qualities(given: Any, where: str) -> tuple[float, ...]:
    try:
        qualities = tuple(float(quality) for quality in given)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: qualities={given}: give a list of numbers, as [10,30,50]") from None
    if not qualities:
        raise UsageError(f"{where}: qualities: give at least one")
    return qualities


def shipped_points(codec: AnchorCodec, dataset: Dataset) -> ShippedPoints | None:
    """Points that ship for every image of the data set at each of the codec's qualities, or None.

    An image is found by its pixels; of a set whose pixels we do not have, by name and size. Points are taken
    whatever version of the encoder is installed, since an anchor is data; the settings must be the same.
    """
    own = codec.fingerprint()
    for manifest, folder in shipped_runs():
        if any(manifest["codec"].get(key) != own.get(key) for key in ("codec", "settings")):
            continue
        names = _known_as(manifest, dataset)
        if names is None:
            continue
        points = read_points(folder / "points.csv")
        chosen = points[points["image"].isin(names) & points["quality"].isin(codec.qualities)]
        if len(chosen) == len(names) * len(set(codec.qualities)):
            return ShippedPoints(chosen.assign(image=chosen["image"].map(names)), manifest)
    return None


def _known_as(manifest: dict[str, Any], dataset: Dataset) -> dict[str, str] | None:
    """What the data set calls the images of a run; None where the run lacks one of the data set."""
    if manifest.get("found_by") == "name and size":
        sizes = {image.name: _size(image.path) for image in dataset.images}
        fit = all(manifest["images"].get(name) == size for name, size in sizes.items())
        return {name: name for name in sizes} if fit else None
    wanted = {pixels: name for name, pixels in dataset.hashes().items()}
    if not wanted.keys() <= set(manifest["images"].values()):
        return None
    return {name: wanted[pixels] for name, pixels in manifest["images"].items() if pixels in wanted}


def _size(path: Path) -> str:
    """Width and height as `560x888`, from the file's head; empty where it cannot be read."""
    try:
        with Image.open(path) as picture:
            return f"{picture.width}x{picture.height}"
    except OSError:
        return ""


def shipped_folder(word: str) -> Path | None:
    """The folder of the points that ship under a name, as `vvc/kodak`; None where a file has it."""
    folder = SHIPPED / word
    return folder if not Path(word).exists() and (folder / "points.csv").is_file() else None


def shipped_runs() -> list[tuple[dict[str, Any], Path]]:
    """Manifest and folder of every run whose points ship."""
    folders = sorted(path.parent for path in SHIPPED.glob("*/*/run.json"))
    return [(json.loads((folder / "run.json").read_text()), folder) for folder in folders]
