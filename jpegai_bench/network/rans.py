"""Range coding of integer symbols with tables of quantised CDFs, by CompressAI's rANS coder."""

import numpy as np
import torch
from compressai.ans import BufferedRansEncoder, RansDecoder
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import Tables

_LARGEST_SYMBOL = 2**24
_FEWEST_SYMBOLS = 4
_WORD = np.dtype("<u4")
_STATE_WORDS = 2
_ALL_ONES = 0xFFFFFFFF
_MOST_ONES = 2**22


class Writer:
    """One stream, to which symbols are added in the order in which they are decoded."""

    def __init__(self) -> None:
        self._encoder = BufferedRansEncoder()
        self._count = 0

    def add(self, symbols: Tensor, indexes: Tensor, tables: Tables) -> None:
        """Code integer `symbols`, each with the CDF that `indexes` (same shape) names.

        Raises:
            BenchError: a symbol is beyond 2**24, as only diverged or damaged weights make them.
        """
        # CompressAI's coder never returns beyond 2**27.
        if bool(((symbols < -_LARGEST_SYMBOL) | (symbols > _LARGEST_SYMBOL)).any()):
            raise BenchError(
                "a latent is not finite or far too large to be coded: the weights are damaged or diverged"
            )
        self._encoder.encode_with_indexes(
            symbols.flatten().int().tolist(), indexes.flatten().int().tolist(), *tables.lists
        )
        self._count += symbols.numel()

    def finish(self) -> bytes:
        """The whole stream."""
        # CompressAI's coder has a buffer of a word a symbol. It writes two at the end, before that one for
        # every two symbols at most: 2 + ceil(n / 2) <= n from 4 on. Nibbles have a word each, and need less.
        if self._count < _FEWEST_SYMBOLS:
            raise ValueError(f"{self._count} symbols are too few for the range coder")
        return self._encoder.flush()


class Reader:
    """Symbols of one stream, in the order in which they were added.

    The stream must be whole: the coder turns truncated bytes into garbage without a word, so the container
    checks its CRC first. No stream, also none made on purpose, has the coder read what is not its own.
    """

    def __init__(self, data: bytes, symbols: int) -> None:
        """`symbols`: how many there are at most.

        Raises:
            BenchError: no `Writer` makes `data`.
        """
        self._decoder = RansDecoder()
        self._decoder.set_stream(padded(data, symbols))

    def read(self, indexes: Tensor, tables: Tables) -> Tensor:
        """The next symbols, int64, of the shape of `indexes`.

        Raises:
            BenchError: one is beyond 2**24, which no `Writer` takes.
        """
        decoded = self._decoder.decode_stream(indexes.flatten().int().tolist(), *tables.lists)
        symbols = np.array(decoded, dtype=np.int64)
        if symbols.size and max(symbols.max(), -symbols.min()) > _LARGEST_SYMBOL:
            raise BenchError("damaged bitstream: it codes a symbol beyond 2**24")
        return torch.from_numpy(symbols).reshape(indexes.shape)


def padded(data: bytes, symbols: int) -> bytes:
    """A stream with as many zeros behind it as CompressAI's decoder may read of any `symbols` symbols.

    The decoder knows no end. Its state x is in [2**31, 2**63), which is checked of the first; where a step
    leaves less, it pulls a word: x << 32 | word. A symbol is one step of at most 16 bits, which pulls at most
    one word. An escape goes on in nibbles, each x >> 4: a run of u 15s, a nibble that is less, then as many
    nibbles as these come to, at most 15 u + 14. Let `ones` words have all bits set.

    - A pull after a nibble leaves 2**59 or more, so t nibbles pull at most ceil(t / 8) words.
    - A run has at most 8 nibbles until its first pull. A pulled word is read from the lowest nibble up, all 8
      before the next pull, so every one but the last is all ones: u <= 8 + 8 ones + 7. That makes
      u + 1 + 15 u + 14 <= 128 ones + 255 nibbles, and the symbol pulls at most 1 + 16 ones + 32 words.
    - Behind the end are zeros, so a run there ends with its first pull, and is empty where the symbol's first
      step has pulled. Either u = 8, and a zero ends it, or u <= 7: at most 129 nibbles, which pull 17 words.

    So the symbol that first reads behind the end reads at most 16 ones + 33 words, and each one after it 17.
    Where `ones` is above 2**22 the coder's int could not hold 4 (15 u + 14), and the stream is refused.

    Raises:
        BenchError: no `Writer` makes `data`: its length, its first state, or far too many ones.
    """
    words = np.frombuffer(data, _WORD) if len(data) % _WORD.itemsize == 0 else np.empty(0, _WORD)
    if len(words) < _STATE_WORDS or not 2**31 <= int(words[1]) << 32 | int(words[0]) < 2**63:
        raise BenchError(f"damaged bitstream: a payload of {len(data)} bytes is no range-coded stream")
    ones = int(np.count_nonzero(words == _ALL_ONES))
    if ones > _MOST_ONES:
        raise BenchError(f"damaged bitstream: {ones} words of its payload have all bits set")
    return data + bytes(_WORD.itemsize * (16 * ones + 33 + 17 * symbols))
