"""Local filters of planes in float64: separable taps, resampling, and the tiles that they run on.

A tile is small enough for the processor's cache. That makes filters several times as fast as on a whole
plane, and bounds the memory for large images; where a tile ends depends on the plane's size alone, so sums
over tiles are the same however many threads or processes work.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

Taps = tuple[float, ...]
Tile = tuple[slice, slice]
"""Rows and columns."""

_TILE_COLUMNS = 1024
_TILE_PIXELS = 49152


def gaussian(size: int, sigma: float) -> Taps:
    """Taps of a Gaussian of `size` samples and standard deviation `sigma`, of sum 1."""
    weights = [math.exp(-((k - (size - 1) / 2) ** 2) / (2 * sigma**2)) for k in range(size)]
    return tuple(weight / math.fsum(weights) for weight in weights)


def tiles(height: int, width: int) -> Iterator[Tile]:
    """Cut `[height, width]` into tiles, row by row."""
    columns = min(width, _TILE_COLUMNS)
    rows = max(_TILE_PIXELS // columns, 1)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield slice(top, min(top + rows, height)), slice(left, min(left + columns, width))


def strips(height: int, width: int) -> Iterator[slice]:
    """Cut `height` rows of `width` samples into strips."""
    rows = max(_TILE_PIXELS // width, 8)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def grown(tile: Tile, margin: int) -> Tile:
    """The input `[h + margin, w + margin]` that filters of `margin + 1` taps need for an output tile."""
    rows, columns = tile
    return slice(rows.start, rows.stop + margin), slice(columns.start, columns.stop + margin)


def filtered(planes: Tensor, taps: Sequence[float], step: int = 1) -> Tensor:
    """Filter `[..., H, W]` along both axes, only where all taps lie inside, and keep each `step`-th sample.

    Returns:
        `[..., (H - n) // step + 1, (W - n) // step + 1]` for n taps.
    """
    return _along(_along(planes, taps, -2, step), taps, -1, step)


def low_passed(plane: Tensor, taps: Sequence[float], step: int = 1) -> Tensor:
    """Filter `[H, W]` with an odd number of taps along both axes, keeping each `step`-th sample.

    Beyond the borders the plane is reflected, the edge itself not repeated.
    """
    height, width = plane.shape
    margin = len(taps) // 2
    result = plane.new_empty(((height - 1) // step + 1, (width - 1) // step + 1))
    for rows in strips(len(result), width):
        part = reflected_rows(plane, rows.start * step - margin, (rows.stop - 1) * step + margin + 1)
        result[rows] = filtered(reflected_columns(part, margin), taps, step)
    return result


def resampled(plane: Tensor, dim: int, positions: Tensor) -> Tensor:
    """Interpolate `plane` along `dim` linearly at `positions`, held to the first and the last sample."""
    last = plane.shape[dim] - 1
    positions = positions.clamp(0.0, float(last))
    before = positions.floor().long().clamp(max=max(last - 1, 0))
    share = positions - before
    if dim in (-2, plane.ndim - 2):
        share = share[:, None]
    start = plane.index_select(dim, before)
    return torch.lerp(start, plane.index_select(dim, (before + 1).clamp(max=last)), share)


def _along(planes: Tensor, taps: Sequence[float], dim: int, step: int) -> Tensor:
    count = (planes.shape[dim] - len(taps)) // step + 1

    def shifted(k: int) -> Tensor:
        window = planes.narrow(dim, k, (count - 1) * step + 1)
        if step == 1:
            return window
        return window[..., ::step, :] if dim == -2 else window[..., ::step]

    result = shifted(0) * taps[0]
    for k, weight in enumerate(taps[1:], 1):
        result.add_(shifted(k), alpha=weight)
    return result


def reflected_rows(plane: Tensor, start: int, stop: int) -> Tensor:
    """Rows `start` to `stop - 1`; those outside the plane are reflected, the edge itself not repeated."""
    last = len(plane) - 1
    if start >= 0 and stop <= last + 1:
        return plane[start:stop]
    numbers = torch.arange(start, stop, device=plane.device).abs()
    return plane.index_select(0, last - (last - numbers).abs())


def reflected_columns(plane: Tensor, margin: int) -> Tensor:
    """Extend `plane` by `margin` columns on both sides, reflected without repeating the edge."""
    before = plane[:, 1 : margin + 1].flip(-1)
    after = plane[:, -margin - 1 : -1].flip(-1)
    return torch.cat([before, plane, after], -1)
