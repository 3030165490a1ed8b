"""NLPD, the normalised Laplacian pyramid distance of the luma, in the JPEG AI framework's variant.

Source: V. Laparra, J. Balle, A. Berardino, E. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", HVEI 2016. The pyramid's filter is that of Burt and Adelson, 1983. The
framework's variant differs from the authors' MATLAB code: borders are reflected without repeating the edge,
low-pass bands are enlarged bilinearly with corners aligned, all six bands are differences, and the weight of
0.0072 two pixels away in the first band is left out. Results differ by 1 to 4%.
"""

import numpy as np

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.planes import Plane, Planes, zero_pad

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


def score(reference: Planes, distorted: Planes) -> dict[str, float]:
    """Return `nlpd`, 0 when identical; lower is better. Blind to a shift of the mean.

    Raises:
        NotApplicableError: a side is below `WINDOW`, or the reference is flat (any other flat image would
            then be at distance 0).
    """
    require_side(reference, WINDOW, "NLPD's filter")
    require_structure(reference, "reference")
    bands = zip(normalised_bands(reference), normalised_bands(distorted), strict=True)
    return {"nlpd": float(np.mean([np.sqrt(np.mean((first - second) ** 2)) for first, second in bands]))}


def normalised_bands(image: Planes) -> list[Plane]:
    """Six normalised bands, the first at full size `[H, W]`, each next one half as large."""
    low, bands = zero_pad(image.luma, SIDE), []
    for constant, weights in _NORMALISATION:
        lower = _low_pass(low)[::2, ::2]
        band = low - _low_pass(_enlarge(lower))[: low.shape[0], : low.shape[1]]
        bands.append(band / (constant + _neighbours(np.abs(band), weights)))
        low = lower
    return bands


def _low_pass(plane: Plane) -> Plane:
    for axis in (0, 1):
        size = plane.shape[axis]
        pad = [(2, 2) if axis == k else (0, 0) for k in (0, 1)]
        wide = np.moveaxis(np.pad(plane, pad, mode="reflect"), axis, 0)
        taps = (weight * wide[k : k + size] for k, weight in enumerate(_LOW_PASS))
        plane = np.moveaxis(sum(taps, np.zeros(())), 0, axis)
    return plane


def _enlarge(plane: Plane) -> Plane:
    """Double `[H, W]` to `[2H, 2W]`, bilinear, the corner samples staying in the corners."""
    for axis in (0, 1):
        size = plane.shape[axis]
        position = np.arange(2 * size) * ((size - 1) / (2 * size - 1))
        before = np.minimum(position.astype(np.int64), size - 2)
        share = np.expand_dims(position - before, 1 - axis)
        plane = plane.take(before, axis) * (1.0 - share) + plane.take(before + 1, axis) * share
    return plane


def _neighbours(size: Plane, weights: tuple[float, float, float, float]) -> Plane:
    above, left, right, below = weights
    wide = np.pad(size, 1, mode="reflect")
    across = left * wide[1:-1, :-2] + right * wide[1:-1, 2:]
    return above * wide[:-2, 1:-1] + across + below * wide[2:, 1:-1]
