"""Pictures of more than 8 bits a sample."""

import struct
import subprocess
import zlib
from pathlib import Path

import imageio_ffmpeg
import numpy as np

DEEP = np.random.default_rng(0).integers(0, 2**16, (64, 64, 3)).astype(np.uint16)
"""`[64, 64, 3]`, 16 bits."""


def by_ffmpeg(path: Path, pixels: str, encoder: str, *options: str, frames: int = 1) -> Path:
    """Write `DEEP` with an encoder of ffmpeg in its pixel format."""
    height, width, _ = DEEP.shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", f"{width}x{height}", "-i", "-"]
    target = ["-pix_fmt", pixels, "-c:v", encoder, *options, "-frames:v", str(frames), str(path)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *target]
    subprocess.run(command, input=frames * DEEP.astype("<u2").tobytes(), check=True)
    return path


def png_of_16_bits(channels: int) -> bytes:
    """5x4 pixels, white."""
    height, width = 4, 5
    kind = {1: 0, 3: 2, 4: 6}[channels]
    line = b"\0" + b"\xff\xff" * channels * width
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return png([(b"IHDR", header), (b"IDAT", zlib.compress(line * height))])


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks, the last is added."""
    parts = [_chunk(name, data) for name, data in [*chunks, (b"IEND", b"")]]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
