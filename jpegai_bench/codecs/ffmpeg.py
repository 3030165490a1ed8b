"""Conventional codecs through the ffmpeg binary that imageio-ffmpeg brings: VVC.

Pictures reach ffmpeg and leave it as raw 4:2:0 planes in the codec's own sample format, so that ffmpeg
converts nothing; all colour conversion and all rounding are ours.
"""

import re
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.images import color
from jpegai_bench.images.color import Array
from jpegai_bench.images.read import Image8
from jpegai_bench.sources import code_hash

PRESETS = ("faster", "fast", "medium", "slow", "slower")

_BITS = 10
_RAW = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le")
# Given for the input: as output options they would make ffmpeg insert a conversion through RGB.
_TAGS = ("-color_range", "pc", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
# libvvenc's own I-slice offset of -3 is a rate allocation for video; without it the QP is the slice's QP.
_VVENC_PARAMS = "IntraQPOffset=0:Range=full:AccessUnitDelimiter=0"
# ffmpeg gives libvvenc a buffer of one byte a luma sample; in smaller pictures the headers alone overflow it.
_SMALLEST = 64
_SIZE = struct.Struct(">HH")


@dataclass(frozen=True)
class VVC:
    """VVC intra by libvvenc: 4:2:0, 10 bit, one still picture at a fixed QP, perceptual optimisation off.

    `quality` is the slice QP, a whole number from 0 to 63; a higher one means a lower rate. The bytes are
    4 of our own (width and height, 16 bits each, big-endian) and the raw elementary stream; all are counted.
    Odd sizes and sizes below 64 are padded by repeating the edge and cropped after decoding.
    """

    preset: str = "medium"
    """libvvenc's preset, one of `PRESETS`."""
    threads: int = 1
    """Threads of one ffmpeg process; they do not change the bytes."""
    timeout: float = 3600.0
    """Seconds after which one encoding or decoding is taken to hang."""

    name = "vvc"
    qualities = (17.0, 22.0, 27.0, 32.0, 37.0, 42.0, 47.0)
    """From above 1 to 0.03 bpp (easy) or 0.1 bpp (hard) on the Kodak photographs; JVET's four among them."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise BenchError(f"vvc: no preset {self.preset!r}; choose one of {', '.join(PRESETS)}")

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at slice QP `quality`.

        Raises:
            BenchError: `quality` is not a QP, the picture is too large, or ffmpeg fails or hangs.
        """
        if quality not in range(64):
            raise BenchError(f"vvc: quality {quality:g} is not a QP; give a whole number from 0 to 63")
        height, width = image.shape[:2]
        if max(height, width) > 0xFFFF:
            raise BenchError(f"vvc: {width}x{height} pixels; a side may have at most 65535")
        padded_height, padded_width = _padded(height), _padded(width)
        pad = ((0, padded_height - height), (0, padded_width - width), (0, 0))
        stream = _through_ffmpeg(
            _to_planes(np.pad(image, pad, mode="edge")),
            [*_TAGS, *_RAW, "-s", f"{padded_width}x{padded_height}"],
            [*self._settings(int(quality)), "-threads", str(self.threads), "-f", "vvc"],
            self.timeout,
            f"vvc: encoding {width}x{height} at QP {quality:g}",
        )
        return Encoded(_SIZE.pack(width, height) + stream)

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`.

        Raises:
            BenchError: `data` is not what `encode` wrote, or ffmpeg fails or hangs.
        """
        if len(data) <= _SIZE.size:
            raise BenchError(f"vvc: {len(data)} bytes are no picture")
        width, height = _SIZE.unpack_from(data)
        doing = f"vvc: decoding {width}x{height}"
        planes = _through_ffmpeg(
            data[_SIZE.size :],
            ["-err_detect", "explode", "-xerror", "-threads", str(self.threads), "-f", "vvc"],
            list(_RAW),
            self.timeout,
            doing,
        )
        padded_height, padded_width = _padded(height), _padded(width)
        if min(height, width) == 0 or len(planes) != 3 * padded_height * padded_width:
            raise BenchError(f"{doing}: the stream holds a picture of another size; it is damaged")
        luma, chroma = _from_planes(planes, padded_height, padded_width)
        chroma = chroma[:, : (height + 1) // 2, : (width + 1) // 2]
        return color.from_420(luma[:height, :width], chroma)

    def fingerprint(self) -> dict[str, str]:
        """Settings, versions of ffmpeg and libvvenc, and a hash of the source that they pass through."""
        ffmpeg, vvenc = _versions(_binary())
        return {
            "codec": self.name,
            "settings": " ".join(self._settings(0)[4:]),
            "ffmpeg": ffmpeg,
            "vvenc": vvenc,
            "source": code_hash([__file__, color.__file__]),
        }

    def describe(self) -> str:
        """One line for captions, as `vvenc 1.15.0-dev medium, 4:2:0 10 bit, qpa off`."""
        return f"vvenc {_versions(_binary())[1]} {self.preset}, 4:2:0 {_BITS} bit, qpa off"

    def _settings(self, qp: int) -> list[str]:
        still = ["-g", "1", "-qpa", "0", "-vvenc-params", _VVENC_PARAMS]
        return ["-c:v", "libvvenc", "-qp", str(qp), "-preset", self.preset, *still]


def _padded(size: int) -> int:
    return max(size + size % 2, _SMALLEST)


def _to_planes(image: Image8) -> bytes:
    """8-bit RGB of even size to planar 10-bit 4:2:0.

    Rec. ITU-T H.273, full range: a gray pixel's chroma is exactly 512, where 0.5 * 1023 falls between two.
    """
    peak, middle = 2**_BITS - 1, 2 ** (_BITS - 1)
    luma, chroma = color.to_420(image)
    levels = np.concatenate([(luma * peak).ravel(), ((chroma - 0.5) * peak + middle).ravel()])
    return np.rint(levels).clip(0, peak).astype("<u2").tobytes()


def _from_planes(planes: bytes, height: int, width: int) -> tuple[Array, Array]:
    """Planar 10-bit 4:2:0 to luma `[H, W]` and chroma `[2, H/2, W/2]`; the inverse of `_to_planes`."""
    peak, middle = 2**_BITS - 1, 2 ** (_BITS - 1)
    levels = np.frombuffer(planes, dtype="<u2").astype(np.float64)
    luma = levels[: height * width].reshape(height, width) / peak
    chroma = (levels[height * width :].reshape(2, height // 2, width // 2) - middle) / peak + 0.5
    return luma, chroma


def _through_ffmpeg(
    data: bytes, source: Sequence[str], target: Sequence[str], timeout: float, doing: str
) -> bytes:
    """Give `data` to ffmpeg as a file, with options `source`, and return the file it makes with `target`."""
    # Files, not pipes: libvvenc writes its messages to stdout.
    try:
        with tempfile.TemporaryDirectory(prefix="jpegai-bench-") as folder:
            given, made = Path(folder, "given"), Path(folder, "made")
            given.write_bytes(data)
            run_ffmpeg([*source, "-i", str(given), *target, str(made)], timeout, doing)
            result = made.read_bytes() if made.exists() else b""
    except OSError as error:
        raise BenchError(f"{doing}: no temporary file ({error.strerror}); see to TMPDIR") from None
    if not result:
        raise BenchError(f"{doing}: ffmpeg wrote nothing")
    return result


def run_ffmpeg(arguments: Sequence[str], timeout: float, doing: str) -> str:
    """Run ffmpeg and return its log.

    Args:
        arguments: everything after the binary's name.
        timeout: seconds after which it is killed.
        doing: what it is run for; errors begin with it.

    Raises:
        BenchError: ffmpeg is missing, fails or hangs.
    """
    command = [_binary(), "-hide_banner", "-nostdin", "-y", "-loglevel", "level+info", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{doing}: ffmpeg did not finish within {timeout:g} s") from None
    except OSError as error:
        raise BenchError(f"{doing}: {command[0]} cannot be run ({error.strerror})") from None
    log = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise BenchError(f"{doing}: ffmpeg failed ({_reason(log) or f'exit status {done.returncode}'})")
    return log


def _reason(log: str) -> str:
    """The line that names the cause: the first error, as the later ones only tell what followed."""
    lines = [line for line in log.splitlines() if re.search(r"\[(error|fatal|panic)\]", line)]
    first = re.sub(r"^(\[[^]]*\] )+", "", lines[0]).strip() if lines else ""
    if first.startswith("Unknown encoder"):
        first += "; pip install --upgrade 'imageio-ffmpeg>=0.8'"
    if first.startswith("Error submitting video frame"):
        first += "; libvvenc's buffer ends at 8 bpp, a higher QP may fit"
    return first


def _binary() -> str:
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise BenchError("no ffmpeg here; pip install --upgrade 'imageio-ffmpeg>=0.8'") from None


@cache
def _versions(binary: str) -> tuple[str, str]:
    """Version line of ffmpeg `binary` and version of its libvvenc, which tells it only when it encodes."""
    picture = ["-f", "lavfi", "-i", f"color=s={_SMALLEST}x{_SMALLEST}:r=1:d=1,format=yuv420p10le"]
    encode = ["-c:v", "libvvenc", "-preset", "faster", "-threads", "1", "-f", "null", "-"]
    log = run_ffmpeg([*picture, *encode], 60.0, "vvc: asking for versions")
    vvenc = re.search(r"libvvenc version: (\S+)", log)
    ffmpeg = subprocess.run([binary, "-version"], capture_output=True, timeout=60.0, check=False).stdout
    lines = ffmpeg.decode(errors="replace").splitlines() or ["unknown"]
    return lines[0].split(" Copyright")[0], vvenc[1] if vvenc else "unknown"
