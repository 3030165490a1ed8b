"""Range coding of integer symbols with tables of quantised CDFs, by CompressAI's rANS coder."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from compressai.ans import RansDecoder, RansEncoder
from torch import Tensor

from jpegai_bench.errors import BenchError

_LARGEST_SYMBOL = 2**24
_FEWEST_SYMBOLS = 4
_STATE_BYTES = 8
_WORD_BYTES = 4


@dataclass(frozen=True)
class Tables:
    """A family of CDFs, 16 bits of precision; int32 tensors as CompressAI lays them out."""

    cdf: Tensor
    """`[families, longest]`"""
    length: Tensor
    """`[families]`"""
    offset: Tensor
    """`[families]`: the symbol at which a CDF begins."""

    @cached_property
    def lists(self) -> tuple[list[list[int]], list[int], list[int]]:
        """What the range coder takes; it copies them at every call, so rows end where their CDF does."""
        lengths = self.length.tolist()
        rows = [row[:length] for row, length in zip(self.cdf.tolist(), lengths, strict=True)]
        return rows, lengths, self.offset.tolist()


def encode(symbols: Tensor, indexes: Tensor, tables: Tables) -> bytes:
    """Code integer `symbols`, four at least, each with the CDF that `indexes` (same shape) names.

    Raises:
        BenchError: a symbol is beyond 2**24, as only diverged or damaged weights make them.
    """
    # CompressAI's coder writes outside its buffer for fewer symbols, and never returns beyond 2**27.
    if symbols.numel() < _FEWEST_SYMBOLS:
        raise ValueError(f"{symbols.numel()} symbols are too few for the range coder")
    if bool(((symbols < -_LARGEST_SYMBOL) | (symbols > _LARGEST_SYMBOL)).any()):
        raise BenchError(
            "a latent is not finite or far too large to be coded: the weights are damaged or diverged"
        )
    return RansEncoder().encode_with_indexes(
        symbols.flatten().int().tolist(), indexes.flatten().int().tolist(), *tables.lists
    )


def decode(data: bytes, indexes: Tensor, tables: Tables) -> Tensor:
    """Decode to int64 symbols of the shape of `indexes`.

    `data` must be whole: the coder turns truncated bytes into garbage without a word, so the container
    checks its CRC first.

    Raises:
        BenchError: `data` has not the length of a whole stream.
    """
    if len(data) < _STATE_BYTES or len(data) % _WORD_BYTES:
        raise BenchError(f"damaged bitstream: a payload of {len(data)} bytes is no range-coded stream")
    # The coder reads on past the end of a stream made too short on purpose: let it find zeros there.
    padded = data + bytes(_WORD_BYTES * indexes.numel())
    symbols = RansDecoder().decode_with_indexes(padded, indexes.flatten().int().tolist(), *tables.lists)
    return torch.from_numpy(np.array(symbols, dtype=np.int64)).reshape(indexes.shape)
