"""Training crops of photographs.

A sample is a function of seed and index alone, whichever process makes it and whenever, so that a resumed
training sees what an uninterrupted one would have seen. Photographs are read when they are needed.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import RGB_TO_YUV
from jpegai_bench.images.read import Image8, read_rgb
from jpegai_bench.network.codec import Planes
from jpegai_bench.training.fabric import Fabric
from jpegai_bench.training.photograph_cache import PhotographCache
from jpegai_bench.training.recipe import Operation, Recipe

_DRAWS = 20
"""Photographs tried for one sample before the whole set counts as unreadable."""


class Batch(NamedTuple):
    """8-bit RGB crops `[B, crop, crop, 3]` and the quality `[B]` at which each is to be coded."""

    crops: Tensor
    quality: Tensor
    unreadable: list[str]
    """Photographs that were met and could not be decoded."""


class Sample(NamedTuple):
    """One crop `[crop, crop, 3]` with its quality."""

    crop: Image8
    quality: float
    unreadable: list[str]


@dataclass
class Crops(Dataset[Sample]):
    """Random crops, reduced in size and flipped, each with a random quality; indexed by sample number."""

    paths: Sequence[Path]
    recipe: Recipe
    qualities: int
    cache: PhotographCache | None = None

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`.

        Raises:
            BenchError: many photographs in a row cannot be decoded.
        """
        random = np.random.default_rng((self.recipe.seed, index))
        unreadable = []
        for _ in range(_DRAWS):
            number = int(random.integers(len(self.paths)))
            try:
                image = self._photograph(number)
            except BenchError as error:
                unreadable.append(str(error))
                continue
            crop = random_crop(image, random, self.recipe.crop, self.recipe.reduction)
            return Sample(crop, _quality(random, self.qualities), unreadable)
        raise BenchError(f"{_DRAWS} photographs in a row cannot be decoded, the last: {unreadable[-1]}")

    def _photograph(self, number: int) -> Image8:
        image = self.cache.get(number) if self.cache else None
        if image is None:
            image = read_rgb(self.paths[number])
            if self.cache:
                self.cache.keep(number, image)
        return image


@dataclass
class Steps(Sampler[list[int]]):
    """The sample numbers of each step that is left, as one of `world` processes needs them."""

    first: int
    recipe: Recipe
    rank: int = 0
    world: int = 1

    def __iter__(self) -> Iterator[list[int]]:
        size = self.recipe.batch_size
        for step in range(self.first, self.recipe.steps):
            yield list(range(step * size + self.rank, (step + 1) * size, self.world))

    def __len__(self) -> int:
        return self.recipe.steps - self.first


def loader(
    paths: Sequence[Path], recipe: Recipe, operation: Operation, qualities: int, steps: Steps
) -> DataLoader[Batch]:
    """Batches of the steps that are left, made by `operation.data_workers` processes."""
    workers = operation.data_workers
    kept = PhotographCache(len(paths), operation.cache_gb * 2**30, workers)
    crops = cast("Dataset[Any]", Crops(paths, recipe, qualities, kept))
    return DataLoader(
        crops,
        batch_sampler=steps,
        collate_fn=collate,
        num_workers=workers,
        worker_init_fn=_leave_interrupts,
        prefetch_factor=4 if workers else None,
        pin_memory=torch.cuda.is_available() and operation.accelerator != "cpu",
    )


def read(batches: DataLoader[Batch], fabric: Fabric) -> Iterator[Batch]:
    """Batches on the device of `fabric`; their processes end with the iteration, however it ends."""
    iterator = iter(batches)
    try:
        for batch in iterator:
            yield fabric.to_device(batch)
    finally:
        if batches.num_workers:
            iterator._shutdown_workers()  # type: ignore[attr-defined]


def _leave_interrupts(_: int) -> None:
    """Ctrl-C reaches all of a terminal, SIGTERM all of a job: the process that trains ends the readers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples to a batch."""
    quality = torch.tensor([sample.quality for sample in samples], dtype=torch.float32)
    unreadable = [message for sample in samples for message in sample.unreadable]
    return Batch(torch.from_numpy(np.stack([sample.crop for sample in samples])), quality, unreadable)


def random_crop(
    image: Image8, random: np.random.Generator, crop: int, reduction: tuple[float, float]
) -> Image8:
    """A square of side `crop` from a photograph reduced by a random factor, flipped and transposed at random.

    Args:
        image: RGB `[H, W, 3]`, no smaller than the crop; it is reduced less where the factor asks too much.
        random: what is drawn from.
        crop: the side.
        reduction: lowest and highest factor.
    """
    factor = min(1.0, max(random.uniform(*reduction), crop / min(image.shape[:2])))
    side = min(crop / factor, *image.shape[:2])
    top, left = (random.uniform(0, length - side) for length in image.shape[:2])
    reduced = Image.fromarray(image).resize(
        (crop, crop), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    cut = np.asarray(reduced)
    if random.random() < 0.5:
        cut = cut[:, ::-1]
    if random.random() < 0.5:
        cut = cut.transpose(1, 0, 2)
    return cut


def centre_crop(path: Path, crop: int, reduction: tuple[float, float]) -> Image8:
    """The middle of a photograph at the mean reduction, `crop` a side where it is large enough."""
    image = Image.fromarray(read_rgb(path))
    factor = min(1.0, max(sum(reduction) / 2, crop / min(image.size)))
    reduced = image.resize([round(side * factor) for side in image.size], Image.Resampling.LANCZOS)
    left, top = ((side - crop) // 2 for side in reduced.size)
    return np.array(reduced.crop((left, top, left + crop, top + crop)))


def to_planes(rgb: Tensor) -> Planes:
    """8-bit RGB `[B, H, W, 3]`, H and W even, to YUV 4:2:0 planes in [0, 1], where it lies."""
    yuv = torch.einsum("kc,bhwc->bkhw", _rgb_to_yuv(rgb.device), rgb.float() / 255.0)
    return Planes(yuv[:, :1].contiguous(), torch.nn.functional.avg_pool2d(yuv[:, 1:] + 0.5, 2))


@cache
def _rgb_to_yuv(device: torch.device) -> Tensor:
    return torch.from_numpy(RGB_TO_YUV).float().to(device)


def _quality(random: np.random.Generator, qualities: int) -> float:
    """Uniform over [0, qualities - 1], the ends more often: they carry the whole range."""
    quality = float(random.random()) * (qualities - 1)
    if random.random() < 0.2:
        return float(np.rint(quality / (qualities - 1)) * (qualities - 1))
    return quality
