"""Read a picture file as 8-bit RGB, or refuse it by name."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, PngImagePlugin, TiffTags, UnidentifiedImageError

from jpegai_bench.errors import BenchError
from jpegai_bench.images.depth import sample_bits
from jpegai_bench.system.files import write_bytes

Image8 = npt.NDArray[np.uint8]

MAX_PIXELS = 200_000_000
"""Larger pictures are refused: the header of a damaged file can claim anything."""

Image.MAX_IMAGE_PIXELS = None  # our own limit, and our own words, instead of Pillow's warning
# Bytes of metadata: Pillow refuses whole pictures for a colour profile beyond 1 MB.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_PIXELS
warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata that is not as it should be

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What shows a picture upright, by its EXIF orientation."""


def read_rgb(path: str | Path) -> Image8:
    """Read `path` as 8-bit RGB `[H, W, 3]`.

    Gray and palette pictures become RGB; an EXIF rotation is applied, and nothing else of the metadata is.
    Refused, because the conversion would be a choice that changes the numbers: an alpha channel that is not
    fully opaque, more than 8 bits a sample, CMYK and other colour spaces.

    Raises:
        BenchError: the file is missing, damaged, too large, or of a kind that is refused.
    """
    path = Path(path)
    with opened(path) as picture:
        if picture.format == "TIFF":  # Pillow turns it by itself, and would follow what its EXIF points to
            for group in TiffTags.TAGS_V2_GROUPS:
                picture.getexif().pop(group, None)
        picture.load()
        return _as_rgb(_upright(picture), path)


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """A picture that Pillow has opened, and by its header nothing speaks against; not yet decoded.

    Raises:
        BenchError: as `read_rgb`, for whatever goes wrong while the block runs too.
    """
    try:
        with Image.open(_without_exif(path)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BenchError(f"{path}: {picture.width}x{picture.height} pixels, more than {MAX_PIXELS}")
            bits = sample_bits(picture, path)
            if bits is None or bits > 8:
                kind = f"{bits} bits a sample" if bits else f"{picture.format}, whose depth is not known,"
                raise _unsupported(path, kind)
            if picture.mode == "L" and "transparency" in picture.info:  # the file's level, not yet of 8 bits
                picture.info["transparency"] = picture.info["transparency"] * 255 // (2**bits - 1)
            yield picture
    except BenchError:
        raise
    except FileNotFoundError:
        raise BenchError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BenchError(f"{path}: is a folder, not a picture") from None
    except UnidentifiedImageError:
        raise BenchError(f"{path}: not a picture that Pillow can read") from None
    except Exception as error:  # decoders raise what they like, libavif a RuntimeError
        if isinstance(error, OSError) and error.strerror:
            raise BenchError(f"{path}: cannot be read ({error.strerror})") from None
        reason = str(error) or type(error).__name__
        raise BenchError(f"{path}: damaged or unreadable picture ({reason})") from None


def _without_exif(path: Path) -> Path | io.BytesIO:
    """The file; of AVIF a copy without EXIF: Pillow rewrites it, although the container says how to turn."""
    with path.open("rb") as file:
        if file.read(8)[4:] != b"ftyp":
            return path
    return io.BytesIO(re.sub(rb"(?s)(infe[\2\3].{7,9})Exif", rb"\1skip", path.read_bytes(), count=1))


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as EXIF says; what cannot be read of it says nothing."""
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _as_rgb(picture: Image.Image, path: Path) -> Image8:
    if "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB"):
        picture = picture.convert("RGBA")
    elif picture.mode == "P":
        picture = picture.convert("RGB")
    mode = picture.mode
    if mode in ("LA", "RGBA"):
        lowest = picture.getchannel("A").getextrema()[0]
        if lowest != 255:
            raise BenchError(f"{path}: has transparent pixels; flatten it on a background first")
        mode = "L" if mode == "LA" else "RGB"
        picture = picture.convert(mode)
    if mode in ("1", "L"):
        picture, mode = picture.convert("RGB"), "RGB"
    if mode != "RGB":
        raise _unsupported(path, "float samples" if mode == "F" else mode)
    return np.array(picture, dtype=np.uint8)


def _unsupported(path: Path, kind: str) -> BenchError:
    return BenchError(f"{path}: {kind} is not supported; convert it to 8-bit RGB first")


def write_png(path: str | Path, rgb: Image8) -> None:
    """Write 8-bit RGB `[H, W, 3]` as PNG, whole or not at all."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, format="PNG")
    write_bytes(Path(path), out.getvalue(), "give another file in a folder that exists")
