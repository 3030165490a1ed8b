"""Pictures for a page: inside it, as good as its size allows, or whole and lossless beside it.

The map of errors is made from the lossless pictures: per pixel the mean of the absolute differences of R, G
and B, in 8-bit levels, black at 0 and white from `FULL` on.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jpegai_bench.images.read import Image8, read_rgb
from jpegai_bench.report.page.picture_choice import Scene
from jpegai_bench.system.files import make_folder, write_bytes

FULL = 24
"""Levels of error that the map shows as the strongest."""
SIDE = 1024
"""Pixels of a side; of larger pictures the middle is embedded, at its own size."""
FOLDER = "pictures"
"""Of the pictures that stand beside the page."""

_PLANS = (  # rates, JPEG quality; a picture of 0.4 megapixels takes about 0.1 MB at 90
    (6, 93), (5, 91), (4, 90), (4, 86), (3, 86), (3, 80), (2, 80), (1, 80),
)  # fmt: skip

_MOST_KEPT = 160
"""Middles that are kept in memory, at 3 MB each; further ones are read again."""


@dataclass
class Gallery:
    """The pictures as plain data: `scenes`, and `files`, each picture's address by its name there."""

    scenes: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    about: str = ""
    """In which form the pictures are there, in a sentence."""


def embedded(scenes: Sequence[Scene], budget: int) -> Gallery:
    """As JPEG without chroma subsampling, as data addresses, in `budget` characters at most.

    Rates are left out first, then quality, then images.
    """
    attempts = _Attempts()
    sample = [scene.thinned(1) for scene in scenes[:1]]
    for images in range(len(scenes), 0, -1):
        for rates, jpeg_quality in _PLANS:
            thinned = [scene.thinned(rates) for scene in scenes[:images]]
            # One rate of the first image tells what all will take, near enough to spare most attempts.
            picture_size = _characters(_embed(sample, jpeg_quality, attempts)) / sample[0].pictures
            if picture_size * sum(scene.pictures for scene in thinned) > 1.6 * budget:
                continue
            gallery = _embed(thinned, jpeg_quality, attempts)
            if _characters(gallery) <= budget:
                most = max(len(scene.rates) for scene in scenes)
                gallery.about = _about(len(scenes), images, most, min(rates, most), jpeg_quality)
                return gallery
    return Gallery(about=f"The pictures do not fit into a page of {budget / 1e6:.0f} MB." if scenes else "")


def linked(scenes: Sequence[Scene], folder: Path) -> Gallery:
    """Lossless, as PNG files in `folder`.

    Raises:
        BenchError: the folder cannot be written.
    """
    gallery = Gallery(about=f"Lossless, in the folder {FOLDER} beside this page.")
    make_folder(folder)
    for scene in scenes:
        original = read_rgb(scene.original)

        def put(name: str, data: bytes) -> str:
            if not (folder / name).exists():
                write_bytes(folder / name, data)
            gallery.files[name] = f"{FOLDER}/{name}"
            return name

        def picture(path: Path) -> str:
            return put(path.name, path.read_bytes())

        def error(path: Path, original: Image8 = original) -> str:
            name = f"{path.stem}-error.png"
            if (folder / name).exists():
                gallery.files[name] = f"{FOLDER}/{name}"
                return name
            return put(name, _saved(_error(original, read_rgb(path)), "PNG"))

        gallery.scenes.append(_plain(scene, original.shape, original.shape, picture, error))
    return gallery


@dataclass
class _Attempts:
    """What several attempts share: of pictures of six megapixels reading takes nine tenths of the time."""

    middles: dict[Path, tuple[Image8, tuple[int, ...]]] = field(default_factory=dict)
    coded: dict[tuple[Path, int], tuple[str, str]] = field(default_factory=dict)

    def middle(self, path: Path) -> tuple[Image8, tuple[int, ...]]:
        """The middle of a picture, and the shape of the whole."""
        if path in self.middles:
            return self.middles[path]
        picture = read_rgb(path)
        middle = _middle(picture).copy(), picture.shape  # a view would keep the whole
        if len(self.middles) < _MOST_KEPT:
            self.middles[path] = middle
        return middle

    def with_error(self, path: Path, original: Image8, jpeg_quality: int) -> tuple[str, str]:
        """A picture and its map of errors at a quality."""
        if (path, jpeg_quality) not in self.coded:
            shown, _ = self.middle(path)
            levels = _saved(_error(original, shown), "JPEG", jpeg_quality - 25)
            self.coded[path, jpeg_quality] = _data(_saved(shown, "JPEG", jpeg_quality)), _data(levels)
        return self.coded[path, jpeg_quality]


def _embed(scenes: Sequence[Scene], jpeg_quality: int, attempts: _Attempts) -> Gallery:
    gallery = Gallery()
    for scene in scenes:
        original, full_shape = attempts.middle(scene.original)

        def picture(path: Path, original: Image8 = original) -> str:
            gallery.files[path.stem] = attempts.with_error(path, original, jpeg_quality)[0]
            return path.stem

        def error(path: Path, original: Image8 = original) -> str:
            gallery.files[f"{path.stem}-error"] = attempts.with_error(path, original, jpeg_quality)[1]
            return f"{path.stem}-error"

        gallery.scenes.append(_plain(scene, full_shape, original.shape, picture, error))
    return gallery


def _characters(gallery: Gallery) -> int:
    return sum(map(len, gallery.files.values()))


def _plain(
    scene: Scene, full_shape: Sequence[int], shown: Sequence[int], picture: Any, error: Any
) -> dict[str, Any]:
    return {
        "image": scene.image,
        "width": shown[1],
        "height": shown[0],
        "whole": [full_shape[1], full_shape[0]],
        "original": picture(scene.original),
        "rates": scene.rates,
        "shots": {
            label: [
                {
                    "quality": shot.quality,
                    "bpp": shot.bpp,
                    "metrics": shot.metrics,
                    "note": shot.note,
                    "picture": picture(shot.path),
                    "error": error(shot.path),
                }
                for shot in shots
            ]
            for label, shots in scene.shots.items()
        },
    }


def _about(scenes: int, images: int, most: int, rates: int, jpeg_quality: int) -> str:
    text = (
        f"Shown as JPEG of quality {jpeg_quality} without chroma subsampling; the error maps are made from "
        "the lossless pictures."
    )
    if images < scenes or rates < most:
        shares = [f"{rates} of {most} rates"] if rates < most else []
        shares += [f"{images} of {scenes} images"] if images < scenes else []
        text += f" To stay small this page holds {' and '.join(shares)}; images=linked shows all."
    return text


def _middle(rgb: Image8) -> Image8:
    top, left = (max(0, size - SIDE) // 2 for size in rgb.shape[:2])
    return rgb[top : top + SIDE, left : left + SIDE]


def _error(original: Image8, decoded: Image8) -> Image8:
    """`[H, W]` from 0 to 255."""
    levels = np.abs(original.astype(np.int16) - decoded).sum(axis=2, dtype=np.int16)
    return np.minimum(levels * (255 / 3 / FULL), 255).round().astype(np.uint8)


def _saved(samples: Image8, form: str, jpeg_quality: int = 0) -> bytes:
    out = io.BytesIO()
    options: dict[str, Any] = {"quality": jpeg_quality, "subsampling": 0} if form == "JPEG" else {}
    Image.fromarray(samples).save(out, format=form, **options)
    return out.getvalue()


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
