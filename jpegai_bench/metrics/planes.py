"""The planes that metrics are computed on, prepared once per image.

Source: the JPEG AI objective quality framework, which turns a PNG into 10-bit RGB and 10-bit BT.709
full-range YUV 4:4:4 before it measures anything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import quantize
from jpegai_bench.images.read import Image8

BITS = 10
PEAK = 2**BITS - 1

Plane = npt.NDArray[np.float64]
Integers = npt.NDArray[np.uint16]

_TO_RGB10 = np.rint(quantize(np.arange(256) / 255.0, BITS) * PEAK).astype(np.int32)

# BT.709 in integers: 10 000 times the luma coefficients, and the scaling of the colour differences.
_RED, _GREEN, _BLUE = 2126, 7152, 722
_SCALE = _RED + _GREEN + _BLUE
_STRIP = 64
"""Rows at a time, which bounds the memory for large images."""


@dataclass(frozen=True, eq=False)
class Planes:
    """One image as every metric wants it."""

    rgb8: Image8
    """The image itself, `[H, W, 3]`, 0 to 255."""
    yuv10: Integers
    """BT.709 full-range YUV 4:4:4 rounded to 10 bits, `[3, H, W]`, 0 to 1023."""

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return self.rgb8.shape[0]

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return self.rgb8.shape[1]

    @property
    def luma(self) -> Plane:
        """Y in [0, 1], `[H, W]`, float64."""
        return self.yuv10[0] / PEAK

    def channel(self, number: int) -> Plane:
        """R, G or B in [0, 1] on the 10-bit grid, `[H, W]`, float64."""
        return (_TO_RGB10 / PEAK)[self.rgb8[..., number]]


def prepare(image: Image8) -> Planes:
    """Prepare the planes of 8-bit RGB `[H, W, 3]`.

    The conversion is made in whole numbers, so that a value half-way between two levels, as the chroma of
    every gray pixel is (511.5), is rounded alike on every machine: to the even level.

    Raises:
        BenchError: not 8-bit RGB, or empty.
    """
    if not isinstance(image, np.ndarray):
        raise BenchError(f"metrics need a numpy array of 8-bit RGB [H, W, 3], not {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BenchError(f"metrics need 8-bit RGB [H, W, 3], not {image.dtype} {list(image.shape)}")
    image = image.copy()  # the caller's may change
    height, width = image.shape[:2]
    yuv = np.empty((3, height, width), np.uint16)
    for top in range(0, height, _STRIP):
        rows = slice(top, top + _STRIP)
        red, green, blue = (_TO_RGB10[image[rows, :, k]] for k in range(3))
        luma = _RED * red + _GREEN * green + _BLUE * blue
        yuv[0, rows] = np.rint(luma / _SCALE)
        yuv[1, rows] = _chroma(_SCALE * blue - luma, _SCALE - _BLUE)
        yuv[2, rows] = _chroma(_SCALE * red - luma, _SCALE - _RED)
    return Planes(image, yuv)


def _chroma(difference: npt.NDArray[np.int32], scale: int) -> Plane:
    return np.rint(difference / (2 * scale) + PEAK / 2)


def zero_pad(plane: Plane, side: int) -> Plane:
    """Extend `[H, W]` with zeros, right and bottom, until both sides are at least `side` pixels."""
    height, width = plane.shape
    return np.pad(plane, ((0, max(0, side - height)), (0, max(0, side - width))))
