import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network.bitstream import FORMAT_VERSION, MAX_PIXELS, Bitstream, check_size

SMALL = Bitstream(768, 512, 2500, b"weights!", (b"side", b"the latent of luma", b"", b"chroma"))
DATA = SMALL.to_bytes()


def sealed(body):
    """A body with the checksum that belongs to it."""
    return body + struct.pack(">I", zlib.crc32(body))


@given(
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    quality=st.integers(0, 65535),
    shared_id=st.binary(min_size=8, max_size=8),
    payloads=st.tuples(*[st.binary(max_size=300)] * 4),
)
def test_what_is_written_is_read(width, height, quality, shared_id, payloads):
    stream = Bitstream(width, height, quality, shared_id, payloads)
    assert Bitstream.from_bytes(stream.to_bytes()) == stream


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 2_100_000])
def test_payload_lengths_around_each_step_of_their_coding(length):
    stream = Bitstream(9, 9, 0, bytes(8), (bytes(length), b"a", bytes(length), b""))
    assert Bitstream.from_bytes(stream.to_bytes()) == stream


def test_the_container_costs_27_bytes_while_payloads_are_short():
    assert len(DATA) - sum(map(len, SMALL.payloads)) == 4 + 1 + 2 + 2 + 2 + 8 + 4 + 4


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


@pytest.mark.parametrize("tail", [b"\0", b"\n", DATA])
def test_bytes_after_the_end_are_refused(tail):
    with pytest.raises(BenchError, match=f"{len(tail)} bytes too many"):
        Bitstream.from_bytes(DATA + tail)


@pytest.mark.parametrize("data", [b"", b"JAI", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(1000)])
def test_a_foreign_file_is_refused_by_name(data):
    with pytest.raises(BenchError, match="not a jpegai-bench bitstream"):
        Bitstream.from_bytes(data)


def test_another_format_version_is_named():
    body = bytearray(DATA[:-4])
    body[4] = FORMAT_VERSION + 1
    with pytest.raises(
        BenchError, match=f"format {FORMAT_VERSION + 1}, this program reads format {FORMAT_VERSION}"
    ):
        Bitstream.from_bytes(sealed(bytes(body)))


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (0, 100), (100, 0), (8193, 8192)])
def test_an_absurd_size_is_refused_even_with_a_valid_checksum(width, height):
    body = DATA[:5] + struct.pack(">HH", width, height) + DATA[9:-4]
    with pytest.raises(BenchError, match=f"{width}x{height}"):
        Bitstream.from_bytes(sealed(body))


def test_lengths_that_claim_gigabytes_are_refused_before_anything_is_allocated():
    with pytest.raises(BenchError, match="bytes are missing"):
        Bitstream.from_bytes(sealed(DATA[:19] + b"\xff\xff\xff\xff\x7f" + DATA[20:-4]))


def test_a_length_that_never_ends_is_refused():
    with pytest.raises(BenchError, match="header"):
        Bitstream.from_bytes(sealed(DATA[:19] + b"\xff" * 40))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4096, 2160), (65535, 1), (8192, 8192)])
def test_sizes_up_to_the_limit_are_taken(width, height):
    assert width * height <= MAX_PIXELS
    check_size(width, height)
