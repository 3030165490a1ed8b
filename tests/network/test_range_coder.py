from hashlib import sha256

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import LEVELS, Histograms, scale_tables
from jpegai_bench.network.range_coder import Reader, Writer


def counted():
    """The tables of symbols that are rarely zero."""
    histograms = Histograms()
    symbols = torch.randint(-9, 10, (20_000,), generator=torch.Generator().manual_seed(0))
    histograms.add(symbols, torch.arange(20_000) % LEVELS)
    return scale_tables(histograms.counts)


GAUSSIAN = scale_tables()
FAMILIES = {"gaussian": GAUSSIAN, "counted": counted()}


def round_trip(*added):
    """What is read of a stream to which `(symbols, indexes, tables)` were added one after the other."""
    writer = Writer()
    for symbols, indexes, tables in added:
        writer.add(symbols, indexes, tables)
    reader = Reader(writer.finish())
    read = [reader.read(indexes, tables) for _, indexes, tables in added]
    reader.finish()
    return read


def calls(family):
    tables = FAMILIES[family]
    symbol = st.integers(-(2**24), 2**24) | st.integers(-3, 3)
    pairs = st.lists(st.tuples(symbol, st.integers(0, LEVELS - 1)), min_size=1, max_size=80)
    return pairs.map(lambda pairs: (*torch.tensor(pairs).T, tables))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(list(FAMILIES)).flatmap(calls), min_size=1, max_size=6))
def test_any_symbols_under_any_tables_come_back_in_their_order(added):
    for (symbols, _, _), read in zip(added, round_trip(*added), strict=True):
        assert torch.equal(read, symbols)


def test_the_bytes_stay_what_they_were():
    """Of every version of the coder: streams are kept, and read elsewhere."""
    symbols = torch.randint(-40, 41, (600,), generator=torch.Generator().manual_seed(0))
    writer = Writer()
    writer.add(symbols, torch.arange(600) % LEVELS, GAUSSIAN)
    assert sha256(writer.finish()).hexdigest()[:16] == "e1eb523ed252ee0a"


def test_further_pieces_cost_nothing_but_their_symbols():
    """One stream, one state: 100 pieces of 10 symbols are as long as one of 1000."""
    symbols, writer = torch.zeros(1000, dtype=torch.int64), Writer()
    for piece in symbols.split(10):
        writer.add(piece, torch.full_like(piece, 25), GAUSSIAN)
    bits = float(GAUSSIAN.bits(symbols, torch.full_like(symbols, 25)).sum())
    assert abs(8 * len(writer.finish()) - bits) <= 64


def test_the_shape_comes_back():
    symbols = torch.randint(-9, 10, (1, 4, 3, 5))
    (read,) = round_trip((symbols, torch.full_like(symbols, 30), GAUSSIAN))
    assert torch.equal(read, symbols)
    assert read.dtype == torch.int64


def test_symbols_far_outside_their_table_come_back():
    symbols = torch.tensor([0, 2**24, -(2**24), 1, -70_000, 300])
    (read,) = round_trip((symbols, torch.zeros_like(symbols), GAUSSIAN))
    assert torch.equal(read, symbols)


@pytest.mark.parametrize("value", [2**24 + 1, -(2**24) - 1, 2**31, -(2**63), 2**63 - 1])
def test_symbols_that_would_hang_the_coder_are_refused(value):
    with pytest.raises(BenchError, match="weights"):
        Writer().add(torch.tensor([0, 0, 0, value]), torch.zeros(4, dtype=torch.int64), GAUSSIAN)


@pytest.mark.parametrize("data", [bytes(3), bytes(7), bytes(13)])
def test_a_stream_of_no_possible_length_is_refused(data):
    with pytest.raises(BenchError, match="damaged"):
        Reader(data)


@pytest.mark.parametrize("data", [b"", bytes(range(8))])
def test_a_stream_too_short_for_its_symbols_goes_on_with_zeros(data):
    indexes = torch.full((5_000,), 40)
    first, second = (Reader(data).read(indexes, GAUSSIAN) for _ in range(2))
    assert torch.equal(first, second)
