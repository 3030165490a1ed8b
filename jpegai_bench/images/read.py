"""Read a picture file as 8-bit RGB, or refuse it by name."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from jpegai_bench.errors import BenchError
from jpegai_bench.system.files import write_bytes

Image8 = npt.NDArray[np.uint8]

MAX_PIXELS = 200_000_000
"""Larger pictures are refused: the header of a damaged file can claim anything."""

Image.MAX_IMAGE_PIXELS = None  # our own limit, and our own words, instead of Pillow's warning


def read_rgb(path: str | Path) -> Image8:
    """Read `path` as 8-bit RGB `[H, W, 3]`.

    Gray and palette pictures become RGB; an EXIF rotation is applied. Refused, because the conversion
    would be a choice that changes the numbers: an alpha channel that is not fully opaque, 16 bits a sample,
    CMYK and other colour spaces.

    Raises:
        BenchError: the file is missing, damaged, too large, or of a kind that is refused.
    """
    path = Path(path)
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BenchError(f"{path}: {picture.width}x{picture.height} pixels, more than {MAX_PIXELS}")
            if picture.mode in ("RGB", "RGBA") and _is_deep(picture):
                raise BenchError(f"{path}: 16 bits a sample is not supported; convert it to 8-bit RGB first")
            picture.load()
            return _as_rgb(ImageOps.exif_transpose(picture), path)
    except FileNotFoundError:
        raise BenchError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BenchError(f"{path}: is a folder, not a picture") from None
    except UnidentifiedImageError:
        raise BenchError(f"{path}: not a picture that Pillow can read") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BenchError(f"{path}: damaged or unreadable picture ({error})") from None


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
        kind = {"CMYK": "CMYK", "I;16": "16 bits a sample", "I": "32 bits a sample", "F": "float samples"}
        raise BenchError(f"{path}: {kind.get(mode, mode)} is not supported; convert it to 8-bit RGB first")
    return np.array(picture, dtype=np.uint8)


def _is_deep(picture: ImageFile.ImageFile) -> bool:
    """Whether the file has more than 8 bits a sample: Pillow reduces colour to 8 without a word."""
    for tile in picture.tile:
        # The decoder's arguments: the raw mode, as "RGB;16B", or a tuple with it; in PPM with the peak value.
        fields = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if any(isinstance(field, str) and ";16" in field for field in fields):
            return True
        if picture.format == "PPM" and isinstance(fields[-1], int) and fields[-1] > 255:
            return True
    return False


def write_png(path: str | Path, rgb: Image8) -> None:
    """Write 8-bit RGB `[H, W, 3]` as PNG, whole or not at all."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, format="PNG")
    write_bytes(Path(path), out.getvalue(), "give another file in a folder that exists")
