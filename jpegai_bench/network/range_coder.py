"""Range coding of integer symbols with tables of quantised CDFs, by constriction's range coder.

It is written in Rust, takes arrays, and reads nothing but its own data: behind the end it goes on with zeros.
What is added at once is coded table by table; then what lies outside its table, as lengths and nibbles under
uniform models.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from constriction import stream
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.cdf_tables import LENGTH, LEVELS, NIBBLE, Tables

_LARGEST_SYMBOL = 2**24
_WORD = np.dtype("<u4")
_LENGTHS, _NIBBLES = (stream.model.Uniform(1 << bits) for bits in (LENGTH, NIBBLE))
Integers = npt.NDArray[np.int64]


class Writer:
    """One stream, to which symbols are added in the order in which they are decoded."""

    def __init__(self) -> None:
        self._encoder = stream.queue.RangeEncoder()

    def add(self, symbols: Tensor, indexes: Tensor, tables: Tables) -> None:
        """Code integer `symbols`, each with the CDF that `indexes` (same shape) names.

        Raises:
            BenchError: a symbol is beyond 2**24, as only diverged or damaged weights make them.
        """
        if bool(((symbols < -_LARGEST_SYMBOL) | (symbols > _LARGEST_SYMBOL)).any()):
            raise BenchError(
                "a latent is not finite or far too large to be coded: the weights are damaged or diverged"
            )
        places, beyond = tables.places(symbols.flatten(), indexes.flatten())
        order, counts = _by_table(indexes)
        pieces = np.split(places.numpy()[order], np.cumsum(counts)[:-1])
        for piece, model in zip(pieces, tables.models, strict=True):
            self._add(piece, model)
        lengths = tables.nibbles(beyond).numpy()
        owner, shift = _nibbles(lengths)
        self._add(lengths, _LENGTHS)
        self._add(beyond.numpy()[owner] >> shift & (1 << NIBBLE) - 1, _NIBBLES)

    def finish(self) -> bytes:
        """The whole stream."""
        return self._encoder.get_compressed().astype(_WORD).tobytes()

    def _add(self, symbols: npt.NDArray[Any], model: Any) -> None:
        if symbols.size:
            self._encoder.encode(symbols.astype(np.int32), model)


class Reader:
    """Symbols of one stream, in the order in which they were added.

    The stream must be whole: damaged bytes may become garbage without a word, so the container checks its CRC
    first.
    """

    def __init__(self, data: bytes) -> None:
        """The whole stream.

        Raises:
            BenchError: no `Writer` makes `data`.
        """
        if len(data) % _WORD.itemsize:
            raise BenchError(f"damaged bitstream: a payload of {len(data)} bytes is no range-coded stream")
        self._decoder = stream.queue.RangeDecoder(np.frombuffer(data, _WORD).astype(np.uint32))

    def read(self, indexes: Tensor, tables: Tables) -> Tensor:
        """The next symbols, int64, of the shape of `indexes`.

        Raises:
            BenchError: no `Writer` makes such a stream.
        """
        order, counts = _by_table(indexes)
        pieces = [self._read(int(count), model) for count, model in zip(counts, tables.models, strict=True)]
        places = np.empty(indexes.numel(), np.int64)
        places[order] = np.concatenate(pieces)
        symbols, outside = tables.symbols(torch.from_numpy(places), indexes.flatten())
        lengths = self._read(int(outside.sum()), _LENGTHS)
        owner, shift = _nibbles(lengths)
        beyond = np.zeros_like(lengths)
        np.add.at(beyond, owner, self._read(len(owner), _NIBBLES) << shift)
        symbols[outside] = tables.outside(torch.from_numpy(beyond), indexes.flatten()[outside])
        if symbols.numel() and int(symbols.abs().max()) > _LARGEST_SYMBOL:
            raise BenchError("damaged bitstream: it codes a symbol beyond 2**24")
        return symbols.reshape(indexes.shape)

    def finish(self) -> None:
        """Check that nothing is left; a last word that changes no symbol is not seen.

        Raises:
            BenchError: something is.
        """
        if not self._decoder.maybe_exhausted():
            raise BenchError("damaged bitstream: its payload goes on behind the last symbol")

    def _read(self, count: int, model: Any) -> Integers:
        if not count:
            return np.empty(0, np.int64)
        try:
            return self._decoder.decode(model, count).astype(np.int64)
        except AssertionError as error:  # what constriction raises where no encoder can have written the data
            raise BenchError("damaged bitstream: its payload is no range-coded stream") from error


def _by_table(indexes: Tensor) -> tuple[Integers, Integers]:
    """The order that sorts symbols by their table, and how many each table has."""
    flat = indexes.flatten().numpy().astype(np.int16)
    return np.argsort(flat, kind="stable"), np.bincount(flat, minlength=LEVELS)


def _nibbles(lengths: Integers) -> tuple[Integers, Integers]:
    """Of values of so many nibbles, lowest first: for each nibble its value, and its shift in bits."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owner, NIBBLE * (np.arange(len(owner)) - first)
