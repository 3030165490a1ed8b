"""8-bit RGB pictures as the raw planar YUV of video codecs, and back; rounded, never truncated."""

from typing import Literal

import numpy as np

from jpegai_bench.images import color
from jpegai_bench.images.read import Image8

Chroma = Literal["4:2:0", "4:4:4"]
CHROMAS: tuple[Chroma, ...] = ("4:2:0", "4:4:4")


def to_planes(image: Image8, chroma: Chroma, bits: int) -> bytes:
    """8-bit RGB `[H, W, 3]` to planes Y, U, V of `bits` bits: BT.709, full range.

    Samples of more than 8 bits take two bytes, little-endian. In full range a gray pixel's chroma is exactly
    `2**(bits - 1)` (Rec. ITU-T H.273), where 0.5 times the peak would fall between two levels.

    Args:
        image: with 4:2:0, of even height and width (`pad_to`).
        chroma: 4:2:0 halves U and V by averaging 2x2 samples.
        bits: 8 to 16.
    """
    peak, middle = 2**bits - 1, 2 ** (bits - 1)
    if chroma == "4:2:0":
        luma, colours = color.to_420(image)
    else:
        yuv = color.rgb_to_yuv(image.astype(np.float64) / 255.0)
        luma, colours = yuv[0], yuv[1:]
    levels = np.concatenate([(luma * peak).ravel(), ((colours - 0.5) * peak + middle).ravel()])
    return np.rint(levels).clip(0, peak).astype(_sample(bits)).tobytes()


def from_planes(data: bytes, height: int, width: int, chroma: Chroma, bits: int) -> Image8:
    """Planes of a picture of `height` x `width` to 8-bit RGB `[H, W, 3]`: the inverse of `to_planes`.

    `data` must hold `size_of` bytes. Chroma of 4:2:0 is enlarged bilinearly, sited amid 2x2 samples.
    """
    peak, middle = 2**bits - 1, 2 ** (bits - 1)
    levels = np.frombuffer(data, dtype=_sample(bits)).astype(np.float64)
    luma = levels[: height * width].reshape(height, width) / peak
    colours = (levels[height * width :] - middle) / peak + 0.5
    if chroma == "4:2:0":
        return color.from_420(luma, colours.reshape(2, height // 2, width // 2))
    return color.to_uint8(color.yuv_to_rgb(np.concatenate([luma[None], colours.reshape(2, height, width)])))


def size_of(height: int, width: int, chroma: Chroma, bits: int) -> int:
    """Bytes of a picture's planes."""
    samples = 3 * height * width
    return (samples // 2 if chroma == "4:2:0" else samples) * (1 if bits == 8 else 2)


def pixel_format(chroma: Chroma, bits: int) -> str:
    """What ffmpeg calls it, as `yuv420p10le`."""
    return f"yuv{chroma.replace(':', '')}p{'' if bits == 8 else f'{bits}le'}"


def padded(size: int, least: int) -> int:
    """A side of that size, made even and at least `least`."""
    return max(size + size % 2, least)


def pad(image: Image8, least: int) -> Image8:
    """`[H, W, 3]` with sides as `padded` gives them: its last row and column are repeated."""
    height, width = image.shape[:2]
    below, right = padded(height, least) - height, padded(width, least) - width
    return np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge") if below or right else image


def _sample(bits: int) -> str:
    return "u1" if bits == 8 else "<u2"
