"""Tables of quantised CDFs, one for each of 64 tabulated scales.

The range coder takes a symbol's CDF from exact integers alone. The tables begin as Gaussians and are replaced
by histograms of what a trained network codes of its training photographs.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

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
_NIBBLE = 4
_SHORTEST = 3
"""Of a CDF: a symbol and the escape lie between three numbers."""
_LARGEST_OFFSET = 2**16


@dataclass(frozen=True)
class Tables:
    """A family of CDFs, 16 bits of precision; int32 tensors as CompressAI lays them out."""

    cdf: Tensor
    """`[families, longest]`; the last symbol of each is the escape."""
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

    @property
    def is_sound(self) -> bool:
        """Whether the range coder can take it: it believes what it is given, and checks nothing."""
        tensors = (self.cdf, self.length, self.offset)
        shapes = [(LEVELS, *self.cdf.shape[1:2]), (LEVELS,), (LEVELS,)]
        if [(tensor.dtype, tensor.shape) for tensor in tensors] != [(torch.int32, shape) for shape in shapes]:
            return False
        if int(self.offset.long().abs().max()) > _LARGEST_OFFSET:
            return False
        rows, lengths, _ = self.lists
        return all(
            len(row) == length >= _SHORTEST
            and (row[0], row[-1]) == (0, 2**_PRECISION)
            and all(a < b for a, b in pairwise(row))
            for row, length in zip(rows, lengths, strict=True)
        )

    @cached_property
    def _costs(self) -> Tensor:
        """Bits of each symbol of each family, `[families, longest - 1]`."""
        return _PRECISION - torch.log2(torch.diff(self.cdf).clamp_min(1).double()).float()

    def bits(self, symbols: Tensor, indexes: Tensor) -> Tensor:
        """What the range coder spends on each symbol under the CDF that `indexes` (same shape) names.

        A symbol beyond its table costs the escape and its value in the clear, by nibbles.
        """
        escape = self.length.long()[indexes] - 2
        place = symbols.long() - self.offset.long()[indexes]
        beyond = torch.where(place < 0, -2 * place - 1, 2 * (place - escape)).clamp_min(0)
        within = (place >= 0) & (place < escape)
        bits = self._costs[indexes, torch.where(within, place, escape)]
        nibbles = torch.ceil(torch.log2(beyond.float() + 1) / _NIBBLE)
        return torch.where(within, bits, bits + _NIBBLE * (1 + nibbles))


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
