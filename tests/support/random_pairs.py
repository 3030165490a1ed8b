"""Random pairs of images for hypothesis, and distortions of known strength."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from jpegai_bench.images.read import Image8

Pair = tuple[Image8, Image8]


@st.composite
def images(draw: st.DrawFn, least: int = 48, most: int = 90) -> Image8:
    """Noise, clouds, or clouds with hard edges, of any size between `least` and `most` pixels a side."""
    height, width = (draw(st.integers(least, most)) for _ in range(2))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "clouds", "edges"]))
    samples = random.normal(size=(height, width, 3))
    if kind != "noise":
        samples = gaussian_filter(samples, (*(2 * [draw(st.sampled_from([1.0, 3.0]))]), 0.5))
        samples /= samples.std()
    if kind == "edges":
        samples = np.where(samples > 0.3, samples, -1.0)
    return rounded(128 + draw(st.sampled_from([5.0, 40.0])) * samples)


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """A random image, and the same one distorted, or another one of its size."""
    image = draw(images())
    seed = draw(st.integers(0, 2**32 - 1))
    kind = draw(st.sampled_from(["noise", "blur", "contrast", "other"]))
    if kind == "noise":
        return image, noisy(image, draw(st.sampled_from([0.5, 5.0, 50.0])), seed)
    if kind == "blur":
        return image, blurred(image, draw(st.sampled_from([0.5, 2.0])))
    if kind == "contrast":
        return image, with_contrast(image, draw(st.sampled_from([0.5, 1.3, -1.0])))
    return image, np.random.default_rng(seed).integers(0, 256, image.shape, dtype=np.uint8)


def noisy(image: Image8, deviation: float, seed: int = 0) -> Image8:
    """With Gaussian noise of that standard deviation, in levels; the same noise for every deviation."""
    return rounded(image + deviation * np.random.default_rng(seed).standard_normal(image.shape))


def blurred(image: Image8, radius: float) -> Image8:
    """Through a Gaussian of that standard deviation, in pixels."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def with_contrast(image: Image8, factor: float) -> Image8:
    """With its distance from middle gray changed by `factor`."""
    return rounded((image - 128.0) * factor + 128)


def rounded(samples: npt.NDArray[np.float64]) -> Image8:
    return np.rint(samples).clip(0, 255).astype(np.uint8)
