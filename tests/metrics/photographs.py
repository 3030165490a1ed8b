"""scikit-image's photographs and their JPEG codings by Pillow, each made once."""

import io
from functools import cache

import numpy as np
from PIL import Image
from skimage import data

from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.measure import Scores, measure

QUALITIES = (10, 30, 75, 95)


@cache
def photograph(name: str) -> Image8:
    """`astronaut` 512x512, `chelsea` 451x300, `coffee` 600x400, or `odd crop` 251x213 of the astronaut."""
    if name == "odd crop":
        return np.ascontiguousarray(data.astronaut()[37:250, 91:342])
    return getattr(data, name)()


def coded(image: Image8, quality: int) -> Image8:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@cache
def jpeg(name: str, quality: int) -> Image8:
    return coded(photograph(name), quality)


@cache
def scores(name: str, quality: int | None) -> Scores:
    """Of the photograph coded at `quality`, or against itself where that is None."""
    image = photograph(name)
    return measure(image, image if quality is None else jpeg(name, quality))
