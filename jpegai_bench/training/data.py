"""Training crops from any folder tree of photographs.

All photographs are decoded once and kept in memory, reduced in size by a random factor, which also removes
most JPEG artefacts. A batch is a function of seed and step alone, so that a resumed training sees what an
uninterrupted one would have seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import RGB_TO_YUV
from jpegai_bench.images.read import Image8, read_rgb
from jpegai_bench.network.codec import Planes

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Batch(NamedTuple):
    """Images and the quality `[B]` at which each is to be coded."""

    planes: Planes
    quality: Tensor


@dataclass(frozen=True)
class Photographs:
    """Reduced photographs in memory, and what was left out with the reason."""

    images: Sequence[Image8]
    skipped: Sequence[str]

    def batch(self, step: int, seed: int, size: int, crop: int, qualities: int) -> Batch:
        """The batch of one step: random crops and flips, qualities uniform over [0, qualities - 1]."""
        random = np.random.default_rng((seed, step))
        crops = []
        for index in random.integers(len(self.images), size=size):
            image = self.images[index]
            top = random.integers(image.shape[0] - crop + 1)
            left = random.integers(image.shape[1] - crop + 1)
            cut = image[top : top + crop, left : left + crop]
            if random.random() < 0.5:
                cut = cut[:, ::-1]
            if random.random() < 0.5:
                cut = cut.transpose(1, 0, 2)
            crops.append(cut)
        quality = random.random(size) * (qualities - 1)
        # The ends are drawn more often than a uniform law would: they carry the whole range.
        nearest_end = np.rint(quality / (qualities - 1)) * (qualities - 1)
        quality = np.where(random.random(size) < 0.2, nearest_end, quality)
        return Batch(to_planes(np.stack(crops)), torch.from_numpy(quality).float())


def load_photographs(
    folders: Sequence[str | Path], crop: int, seed: int, reduction: tuple[float, float] = (0.45, 0.75)
) -> Photographs:
    """Read every photograph below `folders`; unreadable and too small ones are left out and named.

    Raises:
        BenchError: a folder does not exist, or nothing usable is in any of them.
    """
    images, skipped = [], []
    random = np.random.default_rng(seed)
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise BenchError(f"{folder}: no such folder of training photographs")
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
            factor = random.uniform(*reduction)
            try:
                image = read_rgb(path)
            except BenchError as error:
                skipped.append(str(error))
                continue
            factor = max(factor, crop / min(image.shape[:2]))
            if factor > 1:
                skipped.append(f"{path}: smaller than a crop of {crop}")
                continue
            images.append(_reduce(image, factor, crop))
    if not images:
        raise BenchError(f"no usable training photograph in {', '.join(map(str, folders))}")
    return Photographs(images, skipped)


def to_planes(rgb: Image8) -> Planes:
    """8-bit RGB `[B, H, W, 3]`, H and W even, to YUV 4:2:0 planes in [0, 1]."""
    matrix = torch.from_numpy(RGB_TO_YUV).float()
    yuv = torch.einsum("kc,bhwc->bkhw", matrix, torch.from_numpy(np.ascontiguousarray(rgb)).float() / 255.0)
    return Planes(yuv[:, :1].contiguous(), torch.nn.functional.avg_pool2d(yuv[:, 1:] + 0.5, 2))


def _reduce(image: Image8, factor: float, least: int) -> Image8:
    height, width = (max(least, round(side * factor)) for side in image.shape[:2])
    reduced = Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(reduced, dtype=np.uint8)
