import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network.bitstream import FORMAT_VERSION, MAX_PIXELS, Bitstream, check_size

SMALL = Bitstream(768, 512, 2500, b"weights!", b"z and the latent of luma, then of chroma")
DATA = SMALL.to_bytes()


def sealed(body):
    """A body with the checksum that belongs to it."""
    return body + struct.pack(">I", zlib.crc32(body))


@given(
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    quality=st.integers(0, 65535),
    shared_id=st.binary(min_size=8, max_size=8),
    payload=st.binary(max_size=300),
)
def test_what_is_written_is_read(width, height, quality, shared_id, payload):
    stream = Bitstream(width, height, quality, shared_id, payload)
    assert Bitstream.from_bytes(stream.to_bytes()) == stream


def test_every_field_has_its_place():
    header = b"JAIB" + bytes([3]) + bytes([3, 0]) + bytes([2, 0]) + bytes([9, 196]) + b"weights!"
    assert sealed(header + SMALL.payload) == DATA


@pytest.mark.parametrize("length", [0, 1, 40, 2_100_000])
def test_the_container_costs_23_bytes(length):
    stream = Bitstream(9, 9, 0, bytes(8), bytes(length))
    assert len(stream.to_bytes()) == 4 + 1 + 2 + 2 + 2 + 8 + length + 4


@pytest.mark.parametrize("position", range(len(DATA)))
def test_every_single_bit_flip_is_refused(position):
    for bit in range(8):
        damaged = bytearray(DATA)
        damaged[position] ^= 1 << bit
        with pytest.raises(BenchError):
            Bitstream.from_bytes(bytes(damaged))


def test_every_truncation_is_refused():
    for length in range(len(DATA)):
        with pytest.raises(BenchError):
            Bitstream.from_bytes(DATA[:length])


@pytest.mark.parametrize("tail", [b"\0", b"\n", bytes(4), DATA])
def test_bytes_after_the_end_are_refused(tail):
    with pytest.raises(BenchError, match="checksum does not match"):
        Bitstream.from_bytes(DATA + tail)


@pytest.mark.parametrize("data", [b"", b"JAI", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000)])
def test_a_foreign_file_is_refused_by_name(data):
    with pytest.raises(BenchError, match="not a jpegai-bench bitstream"):
        Bitstream.from_bytes(data)


def test_a_stream_of_format_1_is_refused_and_told_what_reads_it():
    """As 0.1 wrote it: four payloads, their lengths before them."""
    header = struct.pack(">4sBHHH8s", b"JAIB", 1, 768, 512, 2500, b"weights!")
    first = sealed(header + bytes([8, 12, 8, 8]) + bytes(36))
    with pytest.raises(BenchError, match=r"format 1, which jpegai-bench 0\.1 reads; .* reads format 3"):
        Bitstream.from_bytes(first)


@pytest.mark.parametrize("version", [0, 4, 255])
def test_another_format_version_is_named(version):
    body = bytearray(DATA[:-4])
    body[4] = version
    with pytest.raises(BenchError, match=f"format {version}; this program reads format {FORMAT_VERSION}"):
        Bitstream.from_bytes(sealed(bytes(body)))


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (0, 100), (100, 0), (8193, 8192)])
def test_an_absurd_size_is_refused_even_with_a_valid_checksum(width, height):
    body = DATA[:5] + struct.pack(">HH", width, height) + DATA[9:-4]
    with pytest.raises(BenchError, match=f"{width}x{height}"):
        Bitstream.from_bytes(sealed(body))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4096, 2160), (65535, 1), (8192, 8192)])
def test_sizes_up_to_the_limit_are_taken(width, height):
    assert width * height <= MAX_PIXELS
    check_size(width, height)
