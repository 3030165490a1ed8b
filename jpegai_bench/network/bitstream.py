"""The container: a header, a payload and a checksum.

    magic            4 bytes  b"JAIB"
    format version   1 byte
    width, height    2 bytes each, big-endian as everything
    quality          2 bytes, in thousandths
    shared id        8 bytes, of the weights that decide the bitstream
    payload          one range-coded stream: z and the latent of luma, then of chroma
    CRC-32           4 bytes, over everything before it

The CRC is checked before the payload reaches the range coder.
"""

import struct
import zlib
from dataclasses import dataclass, replace

from jpegai_bench.errors import BenchError

MAGIC = b"JAIB"
FORMAT_VERSION = 3
_READERS = {1: "jpegai-bench 0.1", 2: "a development version before 0.2"}
"""What reads an earlier format."""
MAX_PIXELS = 67_108_864
"""8192 x 8192; a stream that claims more is refused before anything is allocated."""
_HEADER = struct.Struct(">4sBHHH8s")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True)
class Bitstream:
    """What a file holds."""

    width: int
    height: int
    quality: int
    """In thousandths."""
    shared_id: bytes
    """8 bytes."""
    payload: bytes
    """z and the latent of luma, then of chroma."""

    def to_bytes(self) -> bytes:
        """The whole file."""
        header = _HEADER.pack(MAGIC, FORMAT_VERSION, self.width, self.height, self.quality, self.shared_id)
        body = header + self.payload
        return body + struct.pack(">I", zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bitstream":
        """Parse and check a whole file.

        Raises:
            BenchError: not our file, another format version, truncated, damaged, or of absurd size.
        """
        stream = cls.from_header(data)
        if len(data) < _HEADER.size + 4 or struct.unpack(">I", data[-4:])[0] != zlib.crc32(data[:-4]):
            raise BenchError("truncated or damaged bitstream: the checksum does not match")
        check_size(stream.width, stream.height)
        return replace(stream, payload=data[_HEADER.size : -4])

    @classmethod
    def from_header(cls, data: bytes) -> "Bitstream":
        """What the first bytes of a file claim: without the payload, nothing of it checked by the checksum.

        Raises:
            BenchError: not our file, another format version, or truncated.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise BenchError("not a jpegai-bench bitstream")
        if len(data) < _HEADER.size:
            raise BenchError(f"truncated bitstream: {len(data)} bytes are less than a header")
        _, version, width, height, quality, shared_id = _HEADER.unpack_from(data)
        if version != FORMAT_VERSION:
            reader = _READERS.get(version)
            told = f", which {reader} reads" if reader else ""
            raise BenchError(
                f"bitstream of format {version}{told}; this program reads format {FORMAT_VERSION}"
            )
        return cls(width, height, quality, shared_id, b"")


def check_size(width: int, height: int) -> None:
    """Refuse image sizes that the container or a sane decoder cannot hold."""
    if not (0 < width < 65536 and 0 < height < 65536) or width * height > MAX_PIXELS:
        raise BenchError(
            f"image size {width}x{height} is out of range: up to 65535 a side, {MAX_PIXELS} pixels"
        )
