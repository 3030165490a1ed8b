"""8-bit RGB as 8-bit YCbCr of BT.601 and back, rounded; before some still-picture codecs and inside JPEG.

Source: ITU-R BT.601-7, 2.5.1 to 2.5.3; full range as in JFIF (Rec. ITU-T T.871, 7).
"""

import numpy as np
import numpy.typing as npt

from jpegai_bench.images.read import Image8

_TO_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ]
)
_TO_RGB = np.linalg.inv(_TO_YCBCR)


def to_ycbcr(rgb: Image8, limited: bool) -> Image8:
    """RGB `[H, W, 3]` to YCbCr `[H, W, 3]`; in limited range Y is 16 to 235, Cb and Cr 16 to 240."""
    scale, offset = _range(limited)
    return _rounded(rgb @ _TO_YCBCR.T * scale + offset)


def to_rgb(ycbcr: Image8, limited: bool) -> Image8:
    """The inverse of `to_ycbcr`, but for what both round."""
    scale, offset = _range(limited)
    return _rounded((ycbcr - offset) / scale @ _TO_RGB.T)


def _range(limited: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What a component is multiplied by, and what is added."""
    if limited:
        return np.array([219.0, 224.0, 224.0]) / 255.0, np.array([16.0, 128.0, 128.0])
    return np.ones(3), np.array([0.0, 128.0, 128.0])


def _rounded(values: npt.NDArray[np.float64]) -> Image8:
    return np.rint(values).clip(0, 255).astype(np.uint8)
