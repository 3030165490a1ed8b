"""Decoded pictures and their originals on disk, lossless, for people to look at.

    results/pictures/<aa>/<key>.png      a codec's picture at one quality; an original, by its pixel hash

A decoded picture's key is that of its pixels alone: what codec, weights and settings, which image, what
quality. The metrics are no part of it, so pictures outlive their scores' versions.
"""

from pathlib import Path
from typing import Any

from jpegai_bench.images.read import Image8, write_png
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store
from jpegai_bench.system.files import make_folder


def picture_path(store: Store, codec: Any, image_hash: str, quality: float) -> Path:
    """Where the picture of one image at one quality is kept; `codec` is the fingerprint."""
    return _path(store, content_key({"codec": codec, "image": image_hash, "quality": float(quality)}))


def original_path(store: Store, image_hash: str) -> Path:
    """Where an original is kept, by `pixel_hash`."""
    return _path(store, image_hash)


def keep(path: Path, rgb: Image8) -> None:
    """Write 8-bit RGB `[H, W, 3]` as PNG, whole or not at all, unless it is there."""
    if not path.exists():
        make_folder(path.parent)
        write_png(path, rgb)


def _path(store: Store, key: str) -> Path:
    return store.root / "pictures" / key[:2] / f"{key}.png"
