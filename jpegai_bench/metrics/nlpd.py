"""NLPD, the normalised Laplacian pyramid distance of the luma, in the JPEG AI framework's variant.

Source: V. Laparra, J. Balle, A. Berardino, E. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", HVEI 2016. The pyramid's filter is that of Burt and Adelson, 1983. The
framework's variant differs from the authors' MATLAB code: borders are reflected without repeating the edge,
low-pass bands are enlarged bilinearly with corners aligned, all six bands are differences, and the weight of
0.0072 two pixels away in the first band is left out. Results differ by 1 to 4%.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.planes import Planes, zero_pad
from jpegai_bench.metrics.windows import (
    filtered,
    low_passed,
    reflected_columns,
    reflected_rows,
    resampled,
    strips,
)

COLUMNS = ("nlpd",)
WINDOW = 5
"""Pixels of the filter; an image with a side below it is refused, as its score would be the padding's."""
SIDE = 128
"""Smaller images are padded with zeros, as in the JPEG AI quality framework."""

_LOW_PASS = (0.05, 0.25, 0.4, 0.25, 0.05)

# Divisive normalisation of each band, fine to coarse: the constant, and the weights of the neighbours above,
# left, right and below, as its authors fitted them to photographs.
_NORMALISATION = (
    (0.0248, (0.1011, 0.1493, 0.1460, 0.1015)),
    (0.0185, (0.0757, 0.1986, 0.1846, 0.0837)),
    (0.0179, (0.0477, 0.2138, 0.2243, 0.0467)),
    (0.0191, (0.0, 0.2503, 0.2616, 0.0)),
    (0.0220, (0.0, 0.2598, 0.2552, 0.0)),
    (0.2782, (0.0, 0.2215, 0.0717, 0.0)),
)


@dataclass(frozen=True)
class Half:
    """Six normalised bands, the first at full size `[H, W]`, each next one half as large."""

    bands: tuple[Tensor, ...]


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half.

    Raises:
        NotApplicableError: a side is below `WINDOW`, or the reference is flat (any other flat image would
            then be at distance 0).
    """
    require_side(reference, WINDOW, "NLPD's filter")
    require_structure(reference, "reference")
    return Half(tuple(_bands(reference, device)))


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `nlpd`, 0 when identical; lower is better. Blind to a shift of the mean."""
    bands = zip(half.bands, _bands(distorted, half.bands[0].device), strict=True)
    distances = [second.sub_(first).square_().mean().item() for first, second in bands]
    return {"nlpd": sum(math.sqrt(distance) for distance in distances) / len(distances)}


def _bands(image: Planes, device: torch.device) -> Iterator[Tensor]:
    low = torch.from_numpy(zero_pad(image.luma, SIDE)).to(device)
    for constant, weights in _NORMALISATION:
        lower = low_passed(low, _LOW_PASS, step=2)
        yield _normalised(_band(low, lower), constant, weights)
        low = lower


def _band(low: Tensor, lower: Tensor) -> Tensor:
    """What `low` `[H, W]` has beyond `lower`, which is enlarged and filtered.

    Enlarged bilinearly to twice its size, the corner samples staying in the corners.
    """
    margin = len(_LOW_PASS) // 2
    places = [torch.arange(2 * size, dtype=low.dtype, device=low.device) for size in lower.shape]
    down, across = (at * ((len(at) // 2 - 1) / (len(at) - 1)) for at in places)
    band = torch.empty_like(low)
    for rows in strips(*low.shape):
        at = reflected_rows(down, rows.start - margin, rows.stop + margin)
        enlarged = resampled(resampled(lower, -2, at), -1, across)
        smooth = filtered(reflected_columns(enlarged, margin), _LOW_PASS)
        torch.sub(low[rows], smooth[:, : low.shape[1]], out=band[rows])
    return band


def _normalised(band: Tensor, constant: float, weights: tuple[float, float, float, float]) -> Tensor:
    """Divide by a constant and the size of the neighbours."""
    above, left, right, below = weights
    result = torch.empty_like(band)
    for rows in strips(*band.shape):
        size = reflected_rows(band, rows.start - 1, rows.stop + 1).abs()
        across = reflected_columns(size[1:-1], 1)
        neighbours = (left * across[:, :-2]).add_(across[:, 2:], alpha=right).add_(constant)
        if above or below:
            neighbours.add_(size[:-2], alpha=above).add_(size[2:], alpha=below)
        torch.div(band[rows], neighbours, out=result[rows])
    return result
