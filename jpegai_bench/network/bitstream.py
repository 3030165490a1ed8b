"""The container: a header, four payloads and a checksum.

    magic            4 bytes  b"JAIB"
    format version   1 byte
    width, height    2 bytes each, big-endian as everything
    quality          2 bytes, in thousandths
    shared id        8 bytes, of the weights that decide the bitstream
    payload lengths  4 variable-length integers (7 bits a byte, lowest first)
    payloads         z and y of luma, z and y of chroma
    CRC-32           4 bytes, over everything before it

CRC and lengths are checked before any payload reaches the range coder.
"""

import struct
import zlib
from dataclasses import dataclass

from jpegai_bench.errors import BenchError

MAGIC = b"JAIB"
FORMAT_VERSION = 1
MAX_PIXELS = 67_108_864
"""8192 x 8192; a stream that claims more is refused before anything is allocated."""
_HEADER = struct.Struct(">4sBHHH8s")
_PAYLOADS = 4


@dataclass(frozen=True)
class Bitstream:
    """What a file holds."""

    width: int
    height: int
    quality: int
    """In thousandths."""
    shared_id: bytes
    """8 bytes."""
    payloads: tuple[bytes, ...]
    """z and y of luma, z and y of chroma."""

    def to_bytes(self) -> bytes:
        """The whole file."""
        header = _HEADER.pack(MAGIC, FORMAT_VERSION, self.width, self.height, self.quality, self.shared_id)
        lengths = b"".join(_variable_length(len(payload)) for payload in self.payloads)
        body = header + lengths + b"".join(self.payloads)
        return body + struct.pack(">I", zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bitstream":
        """Parse and check a whole file.

        Raises:
            BenchError: not our file, another format version, truncated, damaged, or of absurd size.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise BenchError("not a jpegai-bench bitstream")
        if len(data) < _HEADER.size + _PAYLOADS + 4:
            raise BenchError(f"truncated bitstream: {len(data)} bytes are less than a header")
        _, version, width, height, quality, shared_id = _HEADER.unpack_from(data)
        if version != FORMAT_VERSION:
            raise BenchError(f"bitstream of format {version}, this program reads format {FORMAT_VERSION}")
        position, lengths = _HEADER.size, []
        for _ in range(_PAYLOADS):
            length, position = _read_variable_length(data, position)
            lengths.append(length)
        missing = position + sum(lengths) + 4 - len(data)
        if missing > 0:
            raise BenchError(f"truncated or damaged bitstream: {missing} bytes are missing")
        if missing < 0:
            raise BenchError(f"damaged bitstream: {-missing} bytes too many")
        if struct.unpack(">I", data[-4:])[0] != zlib.crc32(data[:-4]):
            raise BenchError("damaged bitstream: the checksum does not match")
        check_size(width, height)
        payloads = []
        for length in lengths:
            payloads.append(data[position : position + length])
            position += length
        return cls(width, height, quality, shared_id, tuple(payloads))


def check_size(width: int, height: int) -> None:
    """Refuse image sizes that the container or a sane decoder cannot hold."""
    if not (0 < width < 65536 and 0 < height < 65536) or width * height > MAX_PIXELS:
        raise BenchError(
            f"image size {width}x{height} is out of range: up to 65535 a side, {MAX_PIXELS} pixels"
        )


def _variable_length(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_variable_length(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for count in range(5):
        if position + count >= len(data):
            break
        byte = data[position + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, position + count + 1
    raise BenchError("truncated or damaged bitstream: the header ends too early")
