"""Range coding of integer symbols with tables of quantised CDFs, by CompressAI's rANS coder."""

import numpy as np
import torch
from compressai.ans import BufferedRansEncoder, RansDecoder
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import Tables

_LARGEST_SYMBOL = 2**24
_FEWEST_SYMBOLS = 4
_STATE_BYTES = 4
_WORD_BYTES = 4


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
        # CompressAI's coder writes outside its buffer for fewer symbols.
        if self._count < _FEWEST_SYMBOLS:
            raise ValueError(f"{self._count} symbols are too few for the range coder")
        return self._encoder.flush()


class Reader:
    """Symbols of one stream, in the order in which they were added.

    The stream must be whole: the coder turns truncated bytes into garbage without a word, so the container
    checks its CRC first.
    """

    def __init__(self, data: bytes, symbols: int) -> None:
        """`symbols`: how many there are at most.

        Raises:
            BenchError: `data` has not the length of a whole stream.
        """
        if len(data) < _STATE_BYTES or len(data) % _WORD_BYTES:
            raise BenchError(f"damaged bitstream: a payload of {len(data)} bytes is no range-coded stream")
        # The coder reads on past the end of a stream made too short on purpose: let it find zeros there.
        self._decoder = RansDecoder()
        self._padded = data + bytes(_WORD_BYTES * (symbols + 4))
        self._decoder.set_stream(self._padded)

    def read(self, indexes: Tensor, tables: Tables) -> Tensor:
        """The next symbols, int64, of the shape of `indexes`."""
        symbols = self._decoder.decode_stream(indexes.flatten().int().tolist(), *tables.lists)
        return torch.from_numpy(np.array(symbols, dtype=np.int64)).reshape(indexes.shape)
