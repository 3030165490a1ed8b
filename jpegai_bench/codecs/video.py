"""Intra pictures of video codecs through ffmpeg: VVC by libvvenc, HEVC by libx265, AV1 by libaom.

Pictures reach ffmpeg and leave it as raw planes in the codec's own sample format, so that ffmpeg converts
nothing; all colour conversion and all rounding are ours.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jpegai_bench.codecs import ffmpeg, planes
from jpegai_bench.codecs.ffmpeg import through_ffmpeg
from jpegai_bench.codecs.planes import CHROMAS, Chroma, pixel_format
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError, one_of
from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images import color
from jpegai_bench.images.read import Image8

_BITS = 10
# Given for the input: as output options they would make ffmpeg insert a conversion through RGB.
_TAGS = ("-color_range", "pc", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
_SIZE = struct.Struct(">HH")
_CRC_SIZE = 4


@dataclass(frozen=True)
class _Format:
    """A video codec, and how its encoder is told to code one picture as well as it can by squared error."""

    title: str
    encoder: str
    """As ffmpeg calls it; `muxer` likewise."""
    muxer: str
    presets: tuple[str, ...]
    preset: str
    chromas: tuple[Chroma, ...]
    parameter: str
    """What `quality` is; a whole number from 0 to `highest`."""
    highest: int
    least: int
    """Smallest side that is coded as it is."""
    qualities: tuple[float, ...]
    """From above 1 to below 0.06 bpp on the Kodak photographs, as far as the codec goes."""
    version: str
    """Where in the encoder's log its version is: group 1."""
    settings: Callable[[int, str], list[str]]
    """ffmpeg's options, by quality and preset."""
    told: str
    """What a caption says of them."""
    start: bytes = b""
    """What every stream begins with; of a codec whose decoder notices no damage, a CRC-32 takes its place."""


def _vvc(qp: int, preset: str) -> list[str]:
    # libvvenc's own I-slice offset of -3 is a rate allocation for video; without it the QP is the slice's QP.
    parameters = "IntraQPOffset=0:Range=full:AccessUnitDelimiter=0"
    return ["-qp", str(qp), "-preset", preset, "-g", "1", "-qpa", "0", "-vvenc-params", parameters]


def _hevc(qp: int, preset: str) -> list[str]:
    # ipratio=1: the QP is the slice's. info=0: no message with the encoder's settings inside the stream.
    still = f"qp={qp}:ipratio=1:keyint=1:range=full:info=0"
    alone = "pools=none:frame-threads=1:wpp=0:log-level=error"
    return ["-preset", preset, "-tune", "psnr", "-x265-params", f"{still}:{alone}"]


def _av1(crf: int, preset: str) -> list[str]:
    # usage=good: at equal rate 0.3 dB above usage=allintra on Kodak's photographs 3 and 5.
    still = ["-still-picture", "1", "-usage", "good", "-cpu-used", preset, "-row-mt", "0"]
    return [*still, "-crf", str(crf), "-b:v", "0", "-aom-params", "tune=psnr:deltaq-mode=0:aq-mode=0"]


_FORMATS = {
    "vvc": _Format(
        title="vvenc",
        encoder="libvvenc",
        muxer="vvc",
        presets=("faster", "fast", "medium", "slow", "slower"),
        preset="medium",
        chromas=("4:2:0",),
        parameter="QP",
        highest=63,
        # ffmpeg gives libvvenc a buffer of one byte a luma sample; in smaller pictures headers overflow it.
        least=64,
        qualities=(17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 47.0, 52.0),
        version=r"libvvenc version: (\S+)",
        settings=_vvc,
        told="qpa off",
    ),
    "hevc": _Format(
        title="x265",
        encoder="libx265",
        muxer="hevc",
        presets=("medium", "slow", "slower", "veryslow", "placebo"),
        preset="placebo",
        chromas=CHROMAS,
        parameter="QP",
        highest=51,
        least=64,
        qualities=(17.0, 22.0, 27.0, 32.0, 37.0, 41.0, 45.0, 48.0, 51.0),
        version=r"HEVC encoder version (\S+)",
        settings=_hevc,
        told="tune psnr",
        # ffmpeg's decoder conceals what a slice lacks, and tells it neither with -err_detect nor in its log.
        start=b"\0\0\0\1",
    ),
    "av1": _Format(
        title="libaom",
        encoder="libaom-av1",
        muxer="obu",
        presets=tuple(str(speed) for speed in range(9)),
        preset="3",
        chromas=CHROMAS,
        parameter="CRF",
        highest=63,
        least=16,
        qualities=(10.0, 18.0, 26.0, 34.0, 42.0, 50.0, 56.0, 60.0, 63.0),
        version=r"\] v(\d\S*)",
        settings=_av1,
        told="tune psnr",
    ),
}


@dataclass(frozen=True)
class Video:
    """A video codec on still pictures: 10 bit, one intra picture at a fixed QP or CRF, perceptual tuning off.

    `quality` is the QP (VVC 0 to 63, HEVC 0 to 51) or CRF (AV1, 0 to 63), a whole number; a higher one means
    a lower rate. The bytes are 4 of our own (width and height, 16 bits each, big-endian) and the raw
    elementary stream, without a container; all are counted. Of HEVC the stream's first start code, four bytes
    that say nothing, gives its place to a CRC-32 of size and stream. Odd sizes, and for VVC and HEVC sizes
    below 64, are padded by repeating the edge and cropped after decoding.
    """

    format: Literal["vvc", "hevc", "av1"]
    name: str = ""
    """Empty: the format's, with `_444` for 4:4:4."""
    preset: str = ""
    """The encoder's own; empty: medium, placebo and cpu-used 3."""
    chroma: Chroma = "4:2:0"
    qualities: tuple[float, ...] = ()
    """What is measured where nothing else is asked for; empty: the format's."""
    threads: int = 1
    """Threads of one ffmpeg process; they do not change the bytes."""
    timeout: float = 3600.0
    """Seconds after which one encoding or decoding is taken to hang."""

    def __post_init__(self) -> None:
        one_of("format", self.format, tuple(_FORMATS))
        own = _FORMATS[self.format]
        name = self.format + ("_444" if self.chroma == "4:4:4" else "")
        object.__setattr__(self, "name", self.name or name)
        object.__setattr__(self, "preset", str(self.preset) or own.preset)
        object.__setattr__(self, "qualities", tuple(self.qualities) or own.qualities)
        one_of(f"{self.name}: preset", self.preset, own.presets)
        one_of(f"{self.name}: chroma", self.chroma, own.chromas)
        for quality in self.qualities:
            self._check_quality(quality)

    def check(self) -> None:
        """Raises BenchError: ffmpeg is missing or lacks the encoder."""
        ffmpeg.check_encoder(self.name, self._own.encoder)

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at QP or CRF `quality`.

        Raises:
            BenchError: `quality` is out of range, the picture is too large, or ffmpeg fails or hangs.
        """
        own = self._own
        self._check_quality(quality)
        height, width = image.shape[:2]
        if max(height, width) > 0xFFFF:
            raise BenchError(f"{self.name}: {width}x{height} pixels; a side may have at most 65535")
        padded = planes.pad(image, own.least)
        size = f"{padded.shape[1]}x{padded.shape[0]}"
        settings = own.settings(int(quality), self.preset)
        doing = f"{self.name}: encoding {width}x{height} at {own.parameter} {quality:g}"
        stream = through_ffmpeg(
            planes.to_planes(padded, self.chroma, _BITS),
            [*_TAGS, *self._raw(), "-s", size],
            ["-c:v", own.encoder, *settings, "-threads", str(self.threads), "-f", own.muxer],
            self.timeout,
            doing,
        )
        if not stream.startswith(own.start):
            raise BenchError(f"{doing}: {own.title} wrote {len(stream)} bytes that are no stream of its own")
        head = _SIZE.pack(width, height)
        if own.start:
            head += _checksum(head, stream)
        return Encoded(head + stream[len(own.start) :])

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not what `encode` wrote, or ffmpeg fails or hangs.
        """
        if len(data) <= _SIZE.size:
            raise BenchError(f"{self.name}: {len(data)} bytes are no picture")
        width, height = _SIZE.unpack_from(data)
        doing = f"{self.name}: decoding {width}x{height}"
        head, stream, start = data[: _SIZE.size], data[_SIZE.size :], self._own.start
        if start:
            checksum, stream = stream[:_CRC_SIZE], start + stream[_CRC_SIZE:]
            if checksum != _checksum(head, stream):
                raise BenchError(f"{doing}: {len(data)} bytes are none of this codec, cut short or damaged")
        raw = through_ffmpeg(
            stream,
            ["-err_detect", "explode", "-xerror", "-threads", str(self.threads), "-f", self._own.muxer],
            self._raw(),
            self.timeout,
            doing,
        )
        high, wide = (planes.padded(side, self._own.least) for side in (height, width))
        if min(height, width) == 0 or len(raw) != planes.size_of(high, wide, self.chroma, _BITS):
            raise BenchError(f"{doing}: the stream holds a picture of another size; it is damaged")
        return planes.from_planes(raw, high, wide, self.chroma, _BITS)[:height, :width]

    def fingerprint(self) -> dict[str, str]:
        """Settings, versions of ffmpeg and the encoder, and a hash of the source that they pass through."""
        return {
            "codec": self.format,
            "settings": f"{self.chroma} {' '.join(self._own.settings(0, self.preset))}",
            "ffmpeg": ffmpeg.ffmpeg_version(),
            "encoder": self._version,
            "source": code_hash([__file__, planes.__file__, color.__file__]),
        }

    def describe(self) -> str:
        """One line for captions, as `vvenc 1.15.0-dev medium, 4:2:0 10 bit, qpa off`."""
        own = self._own
        preset = f"cpu-used {self.preset}" if self.format == "av1" else self.preset
        return f"{own.title} {self._version} {preset}, {self.chroma} {_BITS} bit, {own.told}"

    def _check_quality(self, quality: float) -> None:
        own = self._own
        if quality not in range(own.highest + 1):
            raise BenchError(
                f"{self.name}: quality {quality:g} is no {own.parameter}; "
                f"give a whole number from 0 to {own.highest}"
            )

    @property
    def _own(self) -> _Format:
        return _FORMATS[self.format]

    @property
    def _version(self) -> str:
        return ffmpeg.version_in_log(self._own.encoder, self._own.version)

    def _raw(self) -> list[str]:
        return ["-f", "rawvideo", "-pix_fmt", pixel_format(self.chroma, _BITS)]


def _checksum(head: bytes, stream: bytes) -> bytes:
    return zlib.crc32(head + stream).to_bytes(_CRC_SIZE, "big")
