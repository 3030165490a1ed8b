"""What someone else made is decoded or refused; it never ends the process, which is another one here."""

import contextlib
import subprocess
import sys
from pathlib import Path

import forged_streams
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import LEVELS, scale_tables
from jpegai_bench.network.range_coder import Reader

TABLES = scale_tables()
ESCAPES = [length - 2 for length in TABLES.length.tolist()]


def decoded_elsewhere(seed: int, count: int, folder: Path) -> int:
    """How many of `count` forged streams another process decodes."""
    command = [sys.executable, "-W", "ignore", "-m", "forged_streams", str(seed), str(count), str(folder)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=Path(forged_streams.__file__).parent,
    )
    assert done.returncode == 0, f"{folder / 'last.jai'}: exit status {done.returncode}\n{done.stderr}"
    return int(done.stdout)


def test_150_forged_streams_are_decoded_or_refused(tmp_path):
    assert 12 < decoded_elsewhere(0, 150, tmp_path) < 135


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_100_000_forged_streams_are_decoded_or_refused(tmp_path, seed):
    assert 400 < decoded_elsewhere(seed, 5000, tmp_path) < 4500


INDEXES = st.lists(st.integers(0, LEVELS - 1), max_size=40).map(sorted)
WORDS = st.lists(st.sampled_from([0, 2**32 - 1]) | st.integers(0, 2**32 - 1), max_size=30)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.lists(INDEXES, max_size=4))
def test_any_words_become_symbols_or_are_refused(words, calls):
    reader = Reader(b"".join(word.to_bytes(4, "little") for word in words))
    with contextlib.suppress(BenchError):
        for indexes in calls:
            symbols = reader.read(torch.tensor(indexes, dtype=torch.int64), TABLES)
            assert symbols.shape == (len(indexes),)
            assert all(abs(symbol) <= 2**24 for symbol in symbols.tolist())


def test_leading_zeros_of_what_lies_outside_a_table_do_not_matter():
    data = forged_streams.written([3, ESCAPES[30], 1], [30] * 3, [4], [8, 1, 0, 0], TABLES)
    reader, offset = Reader(data), int(TABLES.offset[30])
    read = reader.read(torch.full((3,), 30), TABLES)
    assert read.tolist() == [offset + 3, offset + ESCAPES[30] + 0x18 // 2, offset + 1]
    reader.finish()


def test_a_symbol_that_no_encoder_takes_is_refused():
    data = forged_streams.written([ESCAPES[30]], [30], [7], [15] * 7, TABLES)
    with pytest.raises(BenchError, match="damaged"):
        Reader(data).read(torch.full((1,), 30), TABLES)


def test_what_goes_on_behind_the_last_symbol_is_refused():
    data = forged_streams.written([3, 2, 1], [30] * 3, [], [], TABLES)
    reader = Reader(data + b"\x12\x34\x56\x78" * 3)
    reader.read(torch.full((3,), 30), TABLES)
    with pytest.raises(BenchError, match="damaged"):
        reader.finish()


def test_words_that_no_encoder_writes_are_refused():
    """The last of equal shares ends below the whole range, which no whole number of them fills."""
    indexes = torch.full((2000,), 20)
    with pytest.raises(BenchError, match="damaged"):
        Reader(b"\xff" * 4000).read(indexes, TABLES)
