"""Conventional codecs through Pillow: JPEG."""

import io
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image, features

from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import MAX_PIXELS, Image8
from jpegai_bench.sources import code_hash


@dataclass(frozen=True)
class JPEG:
    """Baseline JPEG by libjpeg-turbo: 4:2:0, 8 bit, Huffman tables optimised.

    `quality` is libjpeg's, a whole number from 1 to 95; a higher one means a higher rate. The bytes are a
    whole JFIF file, headers and tables counted.
    """

    name = "jpeg"
    qualities = (5.0, 10.0, 20.0, 35.0, 50.0, 70.0)
    """From about 0.16 to 1.35 bpp on the Kodak photographs; JPEG goes little lower."""

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at libjpeg's `quality`.

        Raises:
            BenchError: `quality` is not one of libjpeg's, or the picture is too large for JPEG.
        """
        if quality not in range(1, 96):
            raise BenchError(f"jpeg: quality {quality:g} is not a whole number from 1 to 95")
        file = io.BytesIO()
        try:
            picture = Image.fromarray(image)
            picture.save(file, format="JPEG", quality=int(quality), subsampling="4:2:0", optimize=True)
        except OSError as error:
            height, width = image.shape[:2]
            raise BenchError(f"jpeg: {width}x{height} pixels cannot be coded ({error})") from None
        return Encoded(file.getvalue())

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not a JPEG file, or a damaged one.
        """
        try:
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
                if picture.mode != "RGB" or picture.width * picture.height > MAX_PIXELS:
                    raise BenchError(f"jpeg: {picture.width}x{picture.height} {picture.mode} is none of ours")
                picture.load()
                return np.array(picture, dtype=np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise BenchError(
                f"jpeg: {len(data)} bytes are no JPEG file, or a damaged one ({error})"
            ) from None

    def describe(self) -> str:
        """One line for captions."""
        return f"Pillow {PIL.__version__}, 4:2:0 8 bit, optimized Huffman tables"

    def fingerprint(self) -> dict[str, str]:
        """Settings, versions of Pillow and libjpeg, and a hash of this file."""
        return {
            "codec": self.name,
            "settings": "4:2:0 optimize",
            "pillow": PIL.__version__,
            "libjpeg": features.version_feature("libjpeg_turbo") or features.version("jpg") or "unknown",
            "source": code_hash([__file__]),
        }
