"""JPEG XL by libjxl, through ffmpeg."""

from dataclasses import dataclass

import numpy as np

from jpegai_bench.codecs import ffmpeg
from jpegai_bench.codecs.ffmpeg import through_ffmpeg
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images.read import Image8

_RAW = ("-f", "rawvideo", "-pix_fmt", "rgb24")
_TAGS = ("-color_range", "pc", "-color_primaries", "bt709", "-color_trc", "iec61966-2-1")
_MARK = b"\xff\x0a"
_EFFORTS = range(1, 10)
_LOWEST, _HIGHEST = 0.05, 15.0


@dataclass(frozen=True)
class JPEGXL:
    """JPEG XL by libjxl: VarDCT in XYB, 4:4:4, 8-bit RGB in and out, perceptual as the encoder is.

    `quality` is the distance, a real number from 0.05 to 15; a higher one means a lower rate. The bytes are a
    bare codestream without a container; all are counted.
    """

    name: str = "jpegxl"
    effort: int = 7
    """1 to 9, libjxl's own scale."""
    qualities: tuple[float, ...] = (0.5, 0.8, 1.2, 1.8, 2.7, 4.0, 6.0, 9.0, 15.0)
    """From above 1 to 0.18 bpp (easy) or 0.4 bpp (hard) on the Kodak photographs, where libjxl ends."""
    timeout: float = 3600.0
    """Seconds after which one encoding or decoding is taken to hang."""

    chroma = "4:4:4"

    def __post_init__(self) -> None:
        if self.effort not in _EFFORTS:
            raise BenchError(f"{self.name}: effort {self.effort} is not a whole number from 1 to 9")
        for quality in self.qualities:
            self._check_quality(quality)

    def check(self) -> None:
        """Raises BenchError: ffmpeg is missing or lacks libjxl."""
        ffmpeg.check_encoder(self.name, "libjxl")

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at distance `quality`.

        Raises:
            BenchError: `quality` is out of range, or ffmpeg fails or hangs.
        """
        self._check_quality(quality)
        height, width = image.shape[:2]
        stream = through_ffmpeg(
            image.tobytes(),
            [*_TAGS, *_RAW, "-s", f"{width}x{height}"],
            [*self._settings(quality), "-f", "image2", "-update", "1"],
            self.timeout,
            f"{self.name}: encoding {width}x{height} at distance {quality:g}",
        )
        return Encoded(stream)

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is no codestream, or a damaged one, or ffmpeg fails or hangs.
        """
        if not data.startswith(_MARK):
            raise BenchError(f"{self.name}: {len(data)} bytes are no JPEG XL codestream")
        doing = f"{self.name}: decoding {len(data)} bytes"
        strict = ["-err_detect", "explode", "-xerror", "-threads", "1", "-f", "jpegxl_pipe", "-c:v", "libjxl"]
        # A portable pixmap holds the size, which raw samples do not.
        made = through_ffmpeg(
            data, strict, ["-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe"], self.timeout, doing
        )
        head = made.split(b"\n", 3)
        width, height = map(int, head[1].split())
        return np.frombuffer(head[3], dtype=np.uint8).reshape(height, width, 3).copy()

    def fingerprint(self) -> dict[str, str]:
        """Settings, version of ffmpeg, and a hash of this file."""
        return {
            "codec": "jpegxl",
            "settings": " ".join(self._settings(1.0)),
            "ffmpeg": ffmpeg.ffmpeg_version(),
            "source": code_hash([__file__]),
        }

    def describe(self) -> str:
        """One line for captions."""
        version = ffmpeg.ffmpeg_version().removeprefix("ffmpeg version ")
        return f"libjxl in ffmpeg {version} effort {self.effort}, 4:4:4 (XYB) 8 bit"

    def _check_quality(self, quality: float) -> None:
        if not _LOWEST <= quality <= _HIGHEST:
            raise BenchError(
                f"{self.name}: quality {quality:g} is no distance; give {_LOWEST:g} to {_HIGHEST:g}"
            )

    def _settings(self, distance: float) -> list[str]:
        return ["-c:v", "libjxl", "-distance", f"{distance:g}", "-effort", str(self.effort), "-threads", "1"]
