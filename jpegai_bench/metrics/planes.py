"""The planes that metrics are computed on, prepared once per image.

Source: the JPEG AI objective quality framework, which turns a PNG into 10-bit RGB and 10-bit BT.709
full-range YUV 4:4:4 before it measures anything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import quantize, rgb_to_yuv
from jpegai_bench.images.read import Image8

BITS = 10
PEAK = 2**BITS - 1

Plane = npt.NDArray[np.float64]
Integers = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Planes:
    """One image as every metric wants it."""

    rgb8: Image8
    """The image itself, `[H, W, 3]`, 0 to 255."""
    rgb10: Integers
    """RGB rounded to 10 bits, `[3, H, W]`, 0 to 1023."""
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

    @property
    def rgb(self) -> Plane:
        """RGB in [0, 1] on the 10-bit grid, `[3, H, W]`, float64."""
        return self.rgb10 / PEAK


def prepare(image: Image8) -> Planes:
    """Prepare the planes of 8-bit RGB `[H, W, 3]`.

    Raises:
        BenchError: not 8-bit RGB, or empty.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BenchError(f"metrics need 8-bit RGB [H, W, 3], not {image.dtype} {list(image.shape)}")
    rgb = quantize(image / 255.0, BITS)
    yuv = quantize(rgb_to_yuv(rgb), BITS)
    return Planes(image, _integers(rgb.transpose(2, 0, 1)), _integers(yuv))


def _integers(samples: npt.NDArray[np.floating]) -> Integers:
    return np.ascontiguousarray(np.rint(samples * PEAK).astype(np.uint16))


def zero_pad(plane: Plane, side: int) -> Plane:
    """Extend `[H, W]` with zeros, right and bottom, until both sides are at least `side` pixels."""
    height, width = plane.shape
    return np.pad(plane, ((0, max(0, side - height)), (0, max(0, side - width))))
