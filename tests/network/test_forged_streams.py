"""What someone else made is decoded or refused; it never ends the process, which is another one here."""

import subprocess
import sys
from pathlib import Path

import forged_streams
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai_bench.errors import BenchError
from jpegai_bench.network import rans
from jpegai_bench.network.cdf_tables import LEVELS, scale_tables

TABLES = scale_tables()
CDFS = TABLES.lists[0]


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


def test_a_thousand_forged_streams_are_decoded_or_refused(tmp_path):
    assert 250 < decoded_elsewhere(0, 1000, tmp_path) < 900


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_100_000_forged_streams_are_decoded_or_refused(tmp_path, seed):
    assert 1250 < decoded_elsewhere(seed, 5000, tmp_path) < 4500


STATES = st.sampled_from([2**31, 2**63 - 1, 0x7FFFFFFF_FFFFFFFF >> 4]) | st.integers(2**31, 2**63 - 1)
TAILS = st.sampled_from([b"", b"\xff" * 4, b"\xff" * 400, bytes(8)]) | st.binary(max_size=10).map(
    lambda words: b"".join(bytes([byte]) * 4 for byte in words)
)


@st.composite
def forged(draw):
    """A stream, and the CDFs of symbols that go on behind its end."""
    index, steps = draw(st.integers(0, LEVELS - 1)), []
    for fifteens in draw(st.lists(st.integers(0, 90), max_size=3)):
        last = draw(st.integers(0, 15))
        nibbles = [draw(st.sampled_from([0, 15]))] * draw(st.integers(0, 15 * fifteens + last))
        steps += forged_streams.escape(CDFS[index], fifteens, last, nibbles)
    return forged_streams.written(steps, draw(STATES), draw(TAILS)), [index] * draw(st.integers(0, 40))


@settings(max_examples=300, deadline=None)
@given(forged())
def test_the_coder_reads_no_more_words_than_a_stream_is_padded_with(case):
    data, indexes = case
    assert 4 * forged_streams.words_read(data, indexes, TABLES) <= len(rans.padded(data, len(indexes)))


@pytest.mark.parametrize("payload", [8, 400, 40_000])
def test_an_escape_and_a_run_of_15s_reads_16_times_the_payload_which_is_padded(payload):
    """The worst: the run fills the payload, and promises 15 nibbles for each of its own."""
    data = forged_streams.written([(CDFS[30][-2], CDFS[30][-1] - CDFS[30][-2])], 2**63 - 1, b"\xff" * payload)
    read = 4 * forged_streams.words_read(data, [30], TABLES)
    assert 14 * payload < read <= len(rans.padded(data, 1))


def test_the_model_of_the_coder_reads_what_its_encoder_has_written():
    """Or the tests above would say nothing."""
    symbols = torch.randint(-400, 401, (500,), generator=torch.Generator().manual_seed(0))
    indexes = torch.arange(500) % LEVELS
    writer = rans.Writer()
    writer.add(symbols, indexes, TABLES)
    data = writer.finish()
    assert 4 * forged_streams.words_read(data, indexes.tolist(), TABLES) == len(data)


def test_forged_steps_are_what_the_coder_reads():
    cdf = CDFS[30]
    data = forged_streams.written(
        [(cdf[3], cdf[4] - cdf[3]), *forged_streams.escape(cdf, 0, 2, (8, 1)), (cdf[1], cdf[2] - cdf[1])],
        2**40,
        bytes(40),
    )
    offset, escape = int(TABLES.offset[30]), len(cdf) - 2
    read = rans.Reader(data, 3).read(torch.full((3,), 30), TABLES)
    assert read.tolist() == [offset + 3, offset + escape + 0x18 // 2, offset + 1]


@pytest.mark.parametrize("state", [0, 2**31 - 1, 2**63, 2**64 - 1])
def test_a_state_that_no_encoder_ends_with_is_refused(state):
    with pytest.raises(BenchError, match="damaged"):
        rans.Reader(state.to_bytes(8, "little") + bytes(400), 100)


def test_more_set_bits_than_the_coder_can_count_are_refused():
    with pytest.raises(BenchError, match="damaged"):
        rans.Reader((2**31).to_bytes(8, "little") + b"\xff" * (2**24 + 4), 100)


def test_a_symbol_that_no_encoder_takes_is_refused():
    steps = forged_streams.escape(CDFS[30], 0, 7, (15,) * 7)
    data = forged_streams.written(steps, 2**40, bytes(40))
    with pytest.raises(BenchError, match="damaged"):
        rans.Reader(data, 1).read(torch.full((1,), 30), TABLES)
