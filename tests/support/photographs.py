"""scikit-image's photographs and their JPEG codings by Pillow, each made once."""

import io
from functools import cache

import numpy as np
from PIL import Image
from skimage import data

from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.measure import Scores, measure

QUALITIES = (10, 30, 75, 95)

CROPS = {
    "odd crop": ("astronaut", slice(37, 250), slice(91, 342)),
    "small crop": ("chelsea", slice(60, 157), slice(120, 251)),
    "even crop": ("coffee", slice(48, 304), slice(112, 496)),
}
"""251x213, 131x97 and 384x256: sides that are padded, and sides that halve four times without a rest."""

NAMES = ("astronaut", "chelsea", "coffee", "rocket", *CROPS)
"""512x512, 451x300, 600x400 and 640x427 pixels, and the crops."""


@cache
def photograph(name: str) -> Image8:
    """One of `NAMES`, 8-bit RGB `[H, W, 3]`; all of them come with the installation of scikit-image."""
    if name in CROPS:
        whole, rows, columns = CROPS[name]
        return np.ascontiguousarray(photograph(whole)[rows, columns])
    return getattr(data, name)()


def coded(image: Image8, quality: int) -> Image8:
    """8-bit RGB `[H, W, 3]`, through JPEG and back."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@cache
def jpeg(name: str, quality: int) -> Image8:
    """The photograph `name`, coded at `quality`."""
    return coded(photograph(name), quality)


@cache
def scores(name: str, quality: int | None) -> Scores:
    """Of the photograph coded at `quality`, or against itself where that is None."""
    image = photograph(name)
    return measure(image, image if quality is None else jpeg(name, quality))


def values(task: tuple[str, int]) -> dict[str, float]:
    """Scores of a name and a quality, measured anew; for other processes."""
    name, quality = task
    return measure(photograph(name), jpeg(name, quality)).values
