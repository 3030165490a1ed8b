import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network import rans
from jpegai_bench.network.entropy import LEVELS, Hyperprior, make_tables

TABLES = make_tables(Hyperprior(4, 4))["y"]


def round_trip(symbols, indexes):
    return rans.decode(rans.encode(symbols, indexes, TABLES), indexes, TABLES)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**24), 2**24) | st.integers(-3, 3), st.integers(0, LEVELS - 1)),
        min_size=4,
        max_size=300,
    )
)
def test_any_symbols_under_any_tables_come_back(pairs):
    symbols, indexes = torch.tensor(pairs).T
    assert torch.equal(round_trip(symbols, indexes), symbols)


def test_the_shape_comes_back():
    symbols = torch.randint(-9, 10, (1, 4, 3, 5))
    assert torch.equal(round_trip(symbols, torch.full_like(symbols, 30)), symbols)


def test_symbols_far_outside_their_table_come_back():
    symbols = torch.tensor([0, 2**24, -(2**24), 1, -70_000, 300])
    assert torch.equal(round_trip(symbols, torch.zeros_like(symbols)), symbols)


@pytest.mark.parametrize("value", [2**24 + 1, -(2**24) - 1, 2**31, -(2**63)])
def test_symbols_that_would_hang_the_coder_are_refused(value):
    with pytest.raises(BenchError, match="weights"):
        rans.encode(torch.tensor([0, 0, 0, value]), torch.zeros(4, dtype=torch.int64), TABLES)


def test_fewer_symbols_than_the_coder_holds_are_refused():
    with pytest.raises(ValueError, match="too few"):
        rans.encode(torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64), TABLES)


@pytest.mark.parametrize("data", [b"", bytes(4), bytes(7), bytes(13)])
def test_a_stream_of_no_possible_length_is_refused(data):
    with pytest.raises(BenchError, match="damaged"):
        rans.decode(data, torch.zeros(100, dtype=torch.int64), TABLES)


def test_a_stream_too_short_for_its_symbols_ends_without_reading_what_is_not_its_own():
    indexes = torch.full((100_000,), 40)
    first = rans.decode(bytes(range(16)), indexes, TABLES)
    assert torch.equal(rans.decode(bytes(range(16)), indexes, TABLES), first)
