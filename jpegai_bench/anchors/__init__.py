"""Anchors: conventional codecs by name, and the points of theirs that ship with the package."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from jpegai_bench.codecs.ffmpeg import VVC
from jpegai_bench.codecs.pillow import JPEG
from jpegai_bench.codecs.protocol import Codec
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.store import read_points

CODECS = ("vvc", "jpeg")
SHIPPED = Path(__file__).parent


class AnchorCodec(Codec, Protocol):
    """A conventional codec that knows a quality grid of its own."""

    @property
    def qualities(self) -> tuple[float, ...]:
        """The rates that are measured where none are asked for, on the codec's own scale."""
        ...

    def describe(self) -> str:
        """Codec, version, preset, chroma format."""
        ...


@dataclass(frozen=True)
class ShippedPoints:
    """Measured points of an anchor that come with the package."""

    points: pd.DataFrame
    """Image names as in the data set that they were asked for."""
    manifest: dict[str, Any]
    """Of the run that made them."""


def anchor_codec(name: str, preset: str) -> AnchorCodec:
    """The conventional codec called `name`, one of `CODECS`."""
    if name == "vvc":
        return VVC(preset=preset)
    if name == "jpeg":
        return JPEG()
    raise BenchError(f"no anchor codec {name!r}; there are {', '.join(CODECS)}")


def shipped_points(codec: AnchorCodec, qualities: list[float], dataset: Dataset) -> ShippedPoints | None:
    """Points that ship for every image (found by its pixels) at every quality, or None.

    They are taken whatever version of the encoder is installed, since an anchor is data; the settings of the
    encoder must be the same.
    """
    wanted = {pixels: name for name, pixels in dataset.hashes().items()}
    for folder in sorted((SHIPPED / codec.name).glob("*/run.json")):
        manifest = json.loads(folder.read_text())
        if manifest["codec"].get("settings") != codec.fingerprint().get("settings"):
            continue
        if not wanted.keys() <= set(manifest["images"].values()):
            continue
        points = read_points(folder.with_name("points.csv"))
        names = {name: wanted[pixels] for name, pixels in manifest["images"].items() if pixels in wanted}
        chosen = points[points["image"].isin(names) & points["quality"].isin(qualities)]
        if len(chosen) == len(names) * len(qualities):
            return ShippedPoints(chosen.assign(image=chosen["image"].map(names)), manifest)
    return None
