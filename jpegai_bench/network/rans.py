"""Range coding of integer symbols with tables of quantised CDFs, by CompressAI's rANS coder."""

from dataclasses import dataclass

import torch
from compressai.ans import RansDecoder, RansEncoder
from torch import Tensor


@dataclass(frozen=True)
class Tables:
    """A family of CDFs, 16 bits of precision; int32 tensors as CompressAI lays them out."""

    cdf: Tensor
    """`[families, longest]`"""
    length: Tensor
    """`[families]`"""
    offset: Tensor
    """`[families]`: the symbol at which a CDF begins."""

    def _lists(self) -> tuple[list[list[int]], list[int], list[int]]:
        return self.cdf.tolist(), self.length.tolist(), self.offset.tolist()


def encode(symbols: Tensor, indexes: Tensor, tables: Tables) -> bytes:
    """Code integer `symbols`, each with the CDF that `indexes` (same shape) names."""
    return RansEncoder().encode_with_indexes(
        symbols.flatten().int().tolist(), indexes.flatten().int().tolist(), *tables._lists()
    )


def decode(data: bytes, indexes: Tensor, tables: Tables) -> Tensor:
    """Decode to int64 symbols of the shape of `indexes`.

    `data` must be whole: the coder turns truncated bytes into garbage without a word, so the container
    checks its CRC first.
    """
    symbols = RansDecoder().decode_with_indexes(data, indexes.flatten().int().tolist(), *tables._lists())
    return torch.tensor(symbols, dtype=torch.int64).reshape(indexes.shape)
