"""Points of anchors that ship with the package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.images.read import opened
from jpegai_bench.store.store import read_points

SHIPPED = Path(__file__).parents[1] / "shipped" / "anchors"


@dataclass(frozen=True)
class ShippedPoints:
    """Measured points of an anchor that come with the package."""

    points: pd.DataFrame
    """Image names as in the data set that they were asked for."""
    manifest: dict[str, Any]
    """Of the run that made them."""


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
        with opened(path) as picture:
            return f"{picture.width}x{picture.height}"
    except BenchError:
        return ""


def shipped_folder(word: str) -> Path | None:
    """The folder of the points that ship under a name, as `vvc/kodak`; None where a file has it."""
    folder = SHIPPED / word
    return folder if not Path(word).exists() and (folder / "points.csv").is_file() else None


def shipped_runs() -> list[tuple[dict[str, Any], Path]]:
    """Manifest and folder of every run whose points ship."""
    folders = sorted(path.parent for path in SHIPPED.glob("*/*/run.json"))
    return [(json.loads((folder / "run.json").read_text()), folder) for folder in folders]
