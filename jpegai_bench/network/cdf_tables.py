"""Tables of quantised CDFs, one for each of 64 tabulated scales.

The range coder takes a symbol's CDF from exact integers alone. The tables begin as Gaussians and are replaced
by histograms of what a trained network codes of its training photographs.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from constriction import stream
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from jpegai_bench.network.arithmetic import FRACTION_BITS

LEVELS = 64
_STEP = 182
_LOWEST = -(13 << (FRACTION_BITS - 2))
"""CDFs are tabulated for scales 2**((-3.25 * 1024 + 182 k) / 1024), k = 0 … 63: 0.105 to 247."""
SCALES = tuple(2.0 ** ((_LOWEST + _STEP * k) / 2**FRACTION_BITS) for k in range(LEVELS))

_PRECISION = 16
_TABLE_WIDTH = 6.11
"""A table of the Gaussian ends at this many scales: all but 1e-9 of the mass."""
_PRIOR_SYMBOLS = 300.0
"""What the Gaussian weighs beside a histogram, in symbols: a level that is hardly met stays near it."""
NIBBLE = 4
"""Bits in which what lies outside a table is coded."""
LENGTH = 3
"""Bits that say how many nibbles those are."""
_SHORTEST = 3
"""Of a CDF: a symbol and the escape lie between three numbers."""
_LARGEST_OFFSET = 2**16


@dataclass(frozen=True)
class Tables:
    """A family of CDFs, 16 bits of precision; int32 tensors.

    A symbol that a table holds is coded as its place; one that it does not as the escape, the last place, and
    how far it lies beyond, alternately above and below, in the clear.
    """

    cdf: Tensor
    """`[families, longest]`; the last symbol of each is the escape."""
    length: Tensor
    """`[families]`"""
    offset: Tensor
    """`[families]`: the symbol at which a CDF begins."""

    @cached_property
    def models(self) -> list[Any]:
        """What the range coder takes: of exact probabilities, which it rounds to 24 bits."""
        rows = zip(np.diff(self.cdf.numpy()), self.length.tolist(), strict=True)
        shares = [(row[: length - 1] / 2**_PRECISION).astype(np.float32) for row, length in rows]
        return [stream.model.Categorical(share, perfect=False) for share in shares]

    def stored(self) -> dict[str, Tensor]:
        """As weights hold them: `cdf` without what stands behind the length of each, one after the other."""
        rows = [row[:length] for row, length in zip(self.cdf, self.length.tolist(), strict=True)]
        return {"cdf": torch.cat(rows), "length": self.length, "offset": self.offset}

    @classmethod
    def read(cls, cdf: Tensor, length: Tensor, offset: Tensor) -> "Tables | None":
        """What was `stored`; None where it is no family of CDFs."""
        if (cdf.dim(), length.dtype, length.shape) != (1, torch.int32, (LEVELS,)):
            return None
        lengths = length.tolist()
        if min(lengths) < _SHORTEST or sum(lengths) != len(cdf):
            return None
        tables = cls(pad_sequence(cdf.split(lengths), batch_first=True), length, offset)
        return tables if tables.is_sound else None

    @property
    def is_sound(self) -> bool:
        """Whether it is a family of CDFs."""
        tensors = (self.cdf, self.length, self.offset)
        shapes = [(LEVELS, *self.cdf.shape[1:2]), (LEVELS,), (LEVELS,)]
        if [(tensor.dtype, tensor.shape) for tensor in tensors] != [(torch.int32, shape) for shape in shapes]:
            return False
        if int(self.offset.long().abs().max()) > _LARGEST_OFFSET:
            return False
        return all(
            len(row) >= length >= _SHORTEST
            and (row[0], row[length - 1]) == (0, 2**_PRECISION)
            and bool((torch.diff(row[:length].long()) > 0).all())
            for row, length in zip(self.cdf, self.length.tolist(), strict=True)
        )

    @cached_property
    def _costs(self) -> Tensor:
        """Bits of each symbol of each family, `[families, longest - 1]`."""
        return _PRECISION - torch.log2(torch.diff(self.cdf).clamp_min(1).double()).float()

    def bits(self, symbols: Tensor, indexes: Tensor) -> Tensor:
        """What the range coder spends on each symbol under the CDF that `indexes` (same shape) names.

        A symbol beyond its table costs the escape and its value in the clear, by nibbles.
        """
        places, beyond = self.places(symbols.long(), indexes)
        bits = self._costs[indexes, places]
        bits[self._are_escapes(places, indexes)] += LENGTH + NIBBLE * self.nibbles(beyond)
        return bits

    def places(self, symbols: Tensor, indexes: Tensor) -> tuple[Tensor, Tensor]:
        """The place of each symbol in its table; of those outside, in their order, how far beyond."""
        escape = self._escapes[indexes]
        places = symbols - self.offset.long()[indexes]
        outside = (places < 0) | (places >= escape)
        far, last = places[outside], escape[outside]
        beyond = torch.where(far < 0, -2 * far - 1, 2 * (far - last))
        return torch.where(outside, escape, places), beyond

    def symbols(self, places: Tensor, indexes: Tensor) -> tuple[Tensor, Tensor]:
        """The symbol at each place, and whether that is the escape instead, whose symbol lies outside."""
        return places + self.offset.long()[indexes], self._are_escapes(places, indexes)

    def outside(self, beyond: Tensor, indexes: Tensor) -> Tensor:
        """The symbols that lie so far beyond their tables."""
        half = beyond >> 1
        place = torch.where(beyond & 1 == 1, -half - 1, half + self._escapes[indexes])
        return place + self.offset.long()[indexes]

    @staticmethod
    def nibbles(beyond: Tensor) -> Tensor:
        """How many nibbles a value has; zero has none."""
        return -(-torch.frexp(beyond.double()).exponent.long() // NIBBLE)

    @cached_property
    def _escapes(self) -> Tensor:
        return self.length.long() - 2

    def _are_escapes(self, places: Tensor, indexes: Tensor) -> Tensor:
        return places == self._escapes[indexes]


def table_indexes(log2_scale: Tensor) -> Tensor:
    """The nearest tabulated scale of gained scales, as log2 in units of 2**-10; int64."""
    level = torch.div(log2_scale.long() - _LOWEST + _STEP // 2, _STEP, rounding_mode="floor")
    return level.clamp(0, LEVELS - 1)


def scale_tables(histograms: Tensor | None = None) -> Tables:
    """One CDF for each of `SCALES`.

    Args:
        histograms: what `Histograms` has counted; without, Gaussians.
    """
    reaches = [max(1, math.ceil(_TABLE_WIDTH * scale)) for scale in SCALES]
    cdf = torch.zeros(LEVELS, 2 * reaches[-1] + 3, dtype=torch.int32)
    for level, (scale, reach) in enumerate(zip(SCALES, reaches, strict=True)):
        mass = torch.cat([_gaussian(scale, reach), torch.full((1,), 1e-9, dtype=torch.float64)])
        if histograms is not None:
            inner = histograms[level, _REACH - reach : _REACH + reach + 1]
            inner = (inner + inner.flip(0)) / 2
            counts = torch.cat([inner, (histograms[level].sum() - inner.sum()).clamp_min(0)[None]])
            mass = mass * _PRIOR_SYMBOLS + counts
        cdf[level, : len(mass) + 1] = _quantized(mass / mass.sum())
    lengths = torch.tensor([2 * reach + 3 for reach in reaches], dtype=torch.int32)
    return Tables(cdf, lengths, torch.tensor([-reach for reach in reaches], dtype=torch.int32))


def _quantized(mass: Tensor) -> Tensor:
    """The CDF of `mass` `[n]`, int32 `[n + 1]` from 0 to 2**16; every symbol has a share of its own."""
    least, whole = torch.ones_like(mass), 2**_PRECISION
    more = (mass * whole - least).clamp_min(0)
    more = more * ((whole - len(mass)) / more.sum())
    counts = torch.floor(more)
    missing = whole - len(mass) - int(counts.sum())
    counts[torch.argsort(counts - more, stable=True)[:missing]] += 1
    return F.pad(torch.cumsum(counts + least, dim=0), (1, 0)).int()


def _gaussian(scale: float, reach: int) -> Tensor:
    """Mass of -reach … reach under a zero-mean Gaussian."""
    distance = torch.arange(-reach, reach + 1, dtype=torch.float64).abs() * math.sqrt(0.5) / scale
    half = 0.5 * math.sqrt(0.5) / scale
    return 0.5 * (torch.erfc(distance - half) - torch.erfc(distance + half))


_REACH = math.ceil(_TABLE_WIDTH * SCALES[-1])


class Histograms:
    """Counts of coded symbols for each tabulated scale."""

    def __init__(self) -> None:
        self.counts = torch.zeros(LEVELS, 2 * _REACH + 1, dtype=torch.float64)
        """`[LEVELS, symbols]`, the middle one is of zero; what lies beyond counts at the ends."""

    def add(self, symbols: Tensor, indexes: Tensor) -> None:
        """Count symbols with the CDFs that `indexes` (same shape) names."""
        place = symbols.long().clamp(-_REACH, _REACH) + _REACH + indexes * self.counts.shape[1]
        self.counts += torch.bincount(place.flatten(), minlength=self.counts.numel()).reshape(
            self.counts.shape
        )
