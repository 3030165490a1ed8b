"""Decoding JPEG as IJG's libjpeg does from version 7 on, where it differs from libjpeg-turbo.

Halved chroma is enlarged by the inverse DCT itself: of each block's 64 coefficients a block of 16x16 samples
is made (jidctint.c, `jpeg_idct_16x16`). libjpeg-turbo makes 8x8, and interpolates between the samples.
"""

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

from jpegai_bench.codecs import bt601
from jpegai_bench.images.read import Image8

_MCU = 16
"""Side in luma samples of what 4:2:0 codes together."""
_HALVED = [(2, 2), (1, 1), (1, 1)]
_START_OF_FRAME, _BASELINE, _START_OF_SCAN = range(0xC0, 0xD0), (0xC0, 0xC1), 0xDA
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Markers amid those of frames that are none: DHT, JPG, DAC."""


def decode(data: bytes) -> Image8:
    """A sequential JPEG file of 4:2:0 to 8-bit RGB `[H, W, 3]`.

    Raises:
        ValueError: `data` is another kind of JPEG file.
        OSError: it is a damaged one, or none.
    """
    whole, height, width = _of_whole_blocks(data)
    with Image.open(io.BytesIO(whole), formats=["JPEG"]) as picture:
        if [layer[1:3] for layer in picture.layer] != _HALVED:  # type: ignore[attr-defined]
            raise ValueError("not of 4:2:0")
        picture.draft("L", None)
        luma = np.array(picture)
    with Image.open(io.BytesIO(whole), formats=["JPEG"]) as picture:
        # At half of its size a picture's chroma is neither reduced nor enlarged.
        picture.draft("YCbCr", (luma.shape[1] // 2, luma.shape[0] // 2))
        chroma = np.array(picture)[..., 1:]
    planes = [luma, *(enlarged(chroma[..., channel]) for channel in (0, 1))]
    return bt601.to_rgb(np.stack(planes, axis=-1)[:height, :width], limited=False)


def enlarged(plane: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """`[H, W]`, sides multiples of 8, to `[2H, 2W]` by an inverse DCT of 16x16 for each block of 8x8."""
    height, width = plane.shape
    blocks = plane.reshape(height // 8, 8, width // 8, 8) - 128.0
    larger = np.einsum("pi,yixj,qj->ypxq", _ENLARGE, blocks, _ENLARGE, optimize=True)
    return np.rint(larger.reshape(2 * height, 2 * width) + 128.0).clip(0, 255).astype(np.uint8)


def _basis(size: int) -> npt.NDArray[np.float64]:
    """The DCT's first 8 functions at `size` places, `[size, 8]`."""
    place, frequency = np.mgrid[:size, :8]
    scale = np.where(frequency == 0, np.sqrt(1 / 8), np.sqrt(2 / 8))
    return np.asarray(scale * np.cos(np.pi * (2 * place + 1) * frequency / (2 * size)))


_ENLARGE = _basis(16) @ _basis(8).T
"""8 samples to their coefficients, and these to 16 samples."""


def _of_whole_blocks(data: bytes) -> tuple[bytes, int, int]:
    """The file with its size made whole MCUs, and its own height and width.

    They are coded whole, so that nothing else changes, and the enlarging needs blocks that are whole.
    """
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        if marker in _START_OF_FRAME and marker not in _NO_FRAME:
            if marker not in _BASELINE:
                raise ValueError("not sequential")
            height, width = struct.unpack_from(">HH", data, position + 5)
            rounded = (-(-side // _MCU) * _MCU for side in (height, width))
            size = struct.pack(">HH", *(min(side, 0xFFFF) for side in rounded))
            return data[: position + 5] + size + data[position + 9 :], height, width
        if marker == _START_OF_SCAN:
            break
        position += 2 + length
    raise OSError("no start of a frame")
