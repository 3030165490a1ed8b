"""IW-SSIM of the luma: SSIM over five scales, each window weighted by the information that it conveys.

Source: Z. Wang, Q. Li, "Information content weighting for perceptual image quality assessment", IEEE Trans.
Image Processing 20(5), 2011. Borders and constants are those of its authors' code, as in piq, to which the
scores are equal: a Laplacian pyramid with the binomial filter 1 4 6 4 1, blocks of 3x3 and the parent sample,
noise variance 0.4.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from jpegai_bench.metrics.limits import NotApplicableError, require_side, require_structure
from jpegai_bench.metrics.moments import Scale, mean_and_variance, moments, products, scale_of
from jpegai_bench.metrics.planes import PEAK, Planes, zero_pad
from jpegai_bench.metrics.structure import SCALE_WEIGHTS, SIGMA, WINDOW, similarity
from jpegai_bench.metrics.windows import Tile, gaussian, grown, low_passed, resampled, strips, tiles

COLUMNS = ("iw_ssim",)
SIDE = 256
"""Smaller images are padded with zeros, as in the JPEG AI quality framework."""

_RANGE = 255.0
_NOISE = 0.4
_EPSILON = torch.finfo(torch.float64).eps
_BINOMIAL = tuple(2**0.5 * weight / 16 for weight in (1, 4, 6, 4, 1))
_TAPS = gaussian(WINDOW, SIGMA)
_BOX = (1 / 3, 1 / 3, 1 / 3)
_INSIDE = slice(WINDOW // 2 - 1, 1 - WINDOW // 2)
"""Blocks of 3x3 whose centres are those of the 11x11 windows."""
_SINGULAR = 1e-13
"""Smallest against largest eigenvalue of the covariance, below which its inverse is rounding noise."""


@dataclass(frozen=True)
class Content:
    """What one scale of the reference says of the information in its blocks."""

    mean: Tensor
    """Of each 3x3 block, on the grid of the 11x11 windows."""
    variance: Tensor
    power: Tensor
    """Local power of the Gaussian scale mixture, the s² of the paper."""
    eigenvalues: tuple[float, ...]
    """Of the blocks' covariance."""


@dataclass(frozen=True)
class Half:
    """The reference's five scales, fine to coarse, and the content of all but the last."""

    scales: tuple[Scale, ...]
    contents: tuple[Content, ...]


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half.

    Raises:
        NotApplicableError: a side is below the window's 11 pixels, or the reference is flat or has too little
            structure for the inverse of its covariance.
    """
    require_side(reference, WINDOW, "SSIM's window")
    require_structure(reference, "reference")
    bands = _bands(_samples(reference, device))
    scales = tuple(scale_of(band, _TAPS) for band in bands)
    contents = []
    for level, band in enumerate(bands[:-1]):
        parent = _enlarged(bands[level + 1], band.shape) if level < len(bands) - 2 else None
        contents.append(_content(band, parent))
    return Half(scales, tuple(contents))


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `iw_ssim`, 1 when identical; not symmetric."""
    bands = _bands(_samples(distorted, half.scales[0].samples.device))
    score = 1.0
    for level, (band, weight) in enumerate(zip(bands, SCALE_WEIGHTS, strict=True)):
        content = half.contents[level] if level < len(half.contents) else None
        score *= abs(_weighted_mean(half.scales[level], content, band)) ** (weight / sum(SCALE_WEIGHTS))
    return {"iw_ssim": score}


def _samples(image: Planes, device: torch.device) -> Tensor:
    return torch.from_numpy(zero_pad(image.yuv10[0] * (_RANGE / PEAK), SIDE)).to(device)


def _bands(samples: Tensor) -> list[Tensor]:
    """Four bands of the Laplacian pyramid, fine to coarse, and what remains."""
    bands = []
    for _ in SCALE_WEIGHTS[1:]:
        low = low_passed(samples, _BINOMIAL, step=2)
        bands.append(_band(samples, low))
        samples = low
    return [*bands, samples]


def _band(samples: Tensor, low: Tensor) -> Tensor:
    """What `samples` has beyond `low`, which is brought to twice its size by zeros between, and a filter."""
    band = torch.empty_like(samples)
    height, width = samples.shape
    for rows in strips(len(low), 2 * width):
        numbers = torch.arange(rows.start - 1, rows.stop + 1, device=low.device)
        part = low.index_select(0, numbers.abs().clamp(max=len(low) - 1))
        part = _interleaved(part, -2)
        part = torch.cat([part[:, 1:2], part, part[:, -1:]], -1)
        part = _interleaved(part, -1)
        target = slice(2 * rows.start, min(2 * rows.stop, height))
        torch.sub(samples[target], part[: target.stop - target.start, :width], out=band[target])
    return band


def _interleaved(wide: Tensor, dim: int) -> Tensor:
    """Filter n + 2 samples along `dim`, with zeros between them, to 2n; the outer two are borders."""
    size = wide.shape[dim] - 2
    before, here, after = (wide.narrow(dim, k, size) for k in range(3))
    even = torch.add(before, after).mul_(_BINOMIAL[0]).add_(here, alpha=_BINOMIAL[2])
    odd = torch.add(here, after).mul_(_BINOMIAL[1])
    return torch.stack([even, odd], dim).flatten(dim - 1, dim)


def _enlarged(parent: Tensor, shape: torch.Size) -> Tensor:
    """The parent of each sample: bilinear to 4n - 3, one more at each end, and every second of these."""
    for dim in (-2, -1):
        size = parent.shape[dim]
        fine = 2.0 * torch.arange(2 * size, dtype=parent.dtype, device=parent.device) - 1.0
        parent = resampled(parent, dim, (fine + 0.5) * (size / (4 * size - 3)) - 0.5)
    return parent[: shape[0], : shape[1]]


def _content(band: Tensor, parent: Tensor | None) -> Content:
    height, width = (size - 2 for size in band.shape)
    covariance: Tensor | float = 0.0
    for tile in tiles(height, width):
        blocks = _blocks(band, parent, tile)
        covariance = covariance + blocks @ blocks.T
    assert isinstance(covariance, Tensor)
    values, vectors = torch.linalg.eigh(covariance / (height * width))
    if values[0] <= _SINGULAR * values[-1]:
        raise NotApplicableError("reference has too little structure: singular covariance")
    whitening = (vectors / (values * len(values)).sqrt()).T

    inside = tuple(size - WINDOW + 1 for size in band.shape)
    mean, variance, power = (band.new_empty(inside) for _ in range(3))
    offset = _INSIDE.start
    for tile in tiles(*inside):
        rows, columns = (slice(part.start + offset, part.stop + offset) for part in tile)
        mean[tile], variance[tile] = mean_and_variance(band[grown((rows, columns), 2)], _BOX)
        power[tile] = (
            (whitening @ _blocks(band, parent, (rows, columns))).square_().sum(0).view(mean[tile].shape)
        )
    return Content(mean, variance, power, tuple(values.tolist()))


def _blocks(band: Tensor, parent: Tensor | None, tile: Tile) -> Tensor:
    """Samples of each 3x3 block of a tile, and the parent of its middle, `[9 or 10, h * w]`."""
    rows, columns = tile

    def shifted(plane: Tensor, down: int, right: int) -> Tensor:
        moved = plane[rows.start + down : rows.stop + down, columns.start + right : columns.stop + right]
        return moved.reshape(-1)

    samples = [shifted(band, down, right) for down in range(3) for right in range(3)]
    return torch.stack(samples if parent is None else [*samples, shifted(parent, 1, 1)])


def _weighted_mean(scale: Scale, content: Content | None, distorted: Tensor) -> float:
    """Mean of the similarity over the windows, weighted by information where the content is given."""
    total, weights = distorted.new_zeros(()), distorted.new_zeros(())
    for tile in tiles(*scale.mean.shape):
        planes = products(scale, tile, distorted)
        found = similarity(scale, tile, planes, _RANGE, luminance=content is None)
        if content is not None:
            information = _information(content, tile, planes)
            weights += information.sum()
            found.mul_(information)
        total += found.sum()
    return total.item() / (scale.mean.numel() if content is None else weights.item())


def _information(content: Content, tile: Tile, planes: Tensor) -> Tensor:
    """Bits that reference and distorted image tell a viewer of each block, after the paper's equation 28."""
    _, variance, covariance = moments(planes[:, _INSIDE, _INSIDE], _BOX, content.mean[tile])
    reference_variance = content.variance[tile]
    gain = covariance / (reference_variance + _EPSILON)
    flat = (reference_variance < _EPSILON) | (variance < _EPSILON)
    gain.masked_fill_(flat, 0.0)
    rest = torch.addcmul(variance, gain, covariance, value=-1.0).masked_fill_(variance < _EPSILON, 0.0)

    signal = gain.square_().add_(1.0).mul_(_NOISE).add_(rest).mul_(content.power[tile]).div_(_NOISE**2)
    floor = rest.div_(_NOISE).add_(1.0)
    # The logarithm of a product for the sum of logarithms: in halves, far from the end of the range.
    bits = torch.zeros_like(signal)
    middle = len(content.eigenvalues) // 2
    for values in (content.eigenvalues[:middle], content.eigenvalues[middle:]):
        factors = torch.ones_like(signal)
        for value in values:
            factors.mul_(torch.add(floor, signal, alpha=value))
        bits.add_(factors.log2_())
    return bits.masked_fill_(bits < _EPSILON, 0.0)
