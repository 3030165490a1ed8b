"""Bits a sample by a file's header, for Pillow reduces most of what is deeper to 8 without a word."""

import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import TiffImagePlugin
from PIL.ImageFile import ImageFile

_NEVER_DEEPER = frozenset(
    {"BMP", "DIB", "GIF", "JPEG", "MPO", "MSP", "PCX", "PSD", "QOI", "SUN", "TGA", "WEBP", "XBM"}
)
"""Formats of which Pillow opens nothing beyond 8 bits."""


def sample_bits(picture: ImageFile, path: Path) -> int | None:
    """The most bits that a sample of an opened picture has in its file; None for a format not known here."""
    if picture.format in _NEVER_DEEPER:
        return 8
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return max(picture.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    if picture.format == "PPM":
        return _bits_of_ppm(picture)
    with path.open("rb") as file:
        match picture.format:
            case "PNG":
                return file.read(25)[24]
            case "SGI":
                return 8 * file.read(4)[3]
            case "JPEG2000":
                return _bits_of_jpeg2000(file.read())
            case "AVIF":
                return _bits_of_avif(file.read())
    return None


def _bits_of_ppm(picture: ImageFile) -> int:
    # The decoder's arguments end with the peak value; of what has 8 bits they are the raw mode alone.
    fields = picture.tile[0][3]
    peak = fields[-1] if isinstance(fields, tuple) else 255
    return peak.bit_length() if isinstance(peak, int) else 8


def _bits_of_jpeg2000(data: bytes) -> int:
    """Of a JP2 file or a bare codestream: ISO/IEC 15444-1, A.5.1 (SIZ) and I.5.3.4 (palette)."""
    if data.startswith(b"\xff\x4f"):
        return _bits_of_codestream(data)
    depths = []
    for kind, content in _boxes(data):
        if kind == b"jp2c":
            depths.append(_bits_of_codestream(content))
        elif kind == b"jp2h":
            palettes = [inner for name, inner in _boxes(content) if name == b"pclr"]
            depths += [(bits & 0x7F) + 1 for inner in palettes for bits in inner[3 : 3 + inner[2]]]
    return max(depths)


def _bits_of_codestream(data: bytes) -> int:
    (components,) = struct.unpack_from(">H", data, 40)
    return max((bits & 0x7F) + 1 for bits in data[42 : 42 + 3 * components : 3])


def _bits_of_avif(data: bytes) -> int:
    """Of the primary item and of every track; of all items where that one, as a grid, does not tell."""
    boxes = dict(_boxes(data))
    tracks = boxes.get(b"moov", b"").split(b"av1C")[1:]
    depths = [_bits_of_av1c(track) for track in tracks]
    if b"meta" in boxes:
        inner = dict(_boxes(boxes[b"meta"][4:]))
        properties = dict(_boxes(inner[b"iprp"]))
        shared = list(_boxes(properties[b"ipco"]))
        (primary,) = struct.unpack_from(">I" if inner[b"pitm"][0] else ">H", inner[b"pitm"], 4)
        associated = [shared[number - 1] for number in _associated(properties[b"ipma"], primary) if number]
        depths += _depths(associated) or _depths(shared)
    return max(depths)


def _depths(properties: list[tuple[bytes, bytes]]) -> list[int]:
    depths = [_bits_of_av1c(content) for kind, content in properties if kind == b"av1C"]
    return depths + [bits for kind, content in properties if kind == b"pixi" for bits in content[5:]]


def _bits_of_av1c(content: bytes) -> int:
    """From AV1's configuration record: high_bitdepth and twelve_bit."""
    return 8 + 2 * bool(content[2] & 0x40) + 2 * bool(content[2] & 0x20)


def _associated(content: bytes, item: int) -> list[int]:
    """Numbers, from 1, of the properties of an item: ISO/IEC 23008-12, 9.3 (ipma)."""
    version, wide = content[0], content[3] & 1
    (entries,) = struct.unpack_from(">I", content, 4)
    place, numbers = 8, []
    for _ in range(entries):
        form = ">IB" if version else ">HB"
        owner, count = struct.unpack_from(form, content, place)
        place += struct.calcsize(form)
        indices = struct.unpack_from(f">{count}{'H' if wide else 'B'}", content, place)
        place += count * (1 + wide)
        if owner == item:
            numbers += [index & (0x7FFF if wide else 0x7F) for index in indices]
    return numbers


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes in a row: ISO/IEC 14496-12, 4.2, and the same in JP2."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, place + 8)
            head = 16
        end = place + size if size else len(data)
        if end < place + head:
            return
        yield kind, data[place + head : end]
        place = end
