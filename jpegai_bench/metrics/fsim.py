"""FSIMc of the 10-bit RGB: phase congruency, gradient and chroma.

Source: L. Zhang et al., "FSIM: A feature similarity index for image quality assessment", IEEE Trans. Image
Processing 20(8), 2011; phase congruency after P. Kovesi, "Image features from phase congruency", Videre 1(3),
1999. Constants and the reduction of large pictures are those of the authors' code, as in piq, to which the
scores are equal.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.planes import Planes

COLUMNS = ("fsim",)
SIDE = 48
"""The coarsest of the four log-Gabor scales has a wavelength of 6 * 2**3 = 48 pixels."""

_SCALES = 4
_ORIENTATIONS = 4
_SHORTEST_WAVE = 6.0
_BANDWIDTH = 0.55
_ANGULAR_SPREAD = math.pi / _ORIENTATIONS / 1.2
_EPSILON = torch.finfo(torch.float64).eps
_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
# Of the similarities of phase congruency, gradient, I and Q, and the exponent of the chroma.
_T1, _T2, _T3, _T4, _CHROMA = 0.85, 160.0, 200.0, 200.0, 0.03


@dataclass(frozen=True)
class Half:
    """What is compared, each `[h, w]` after the reduction to some 256 pixels on the shorter side."""

    congruency: Tensor
    gradient: Tensor
    chroma: tuple[Tensor, Tensor]


def prepare(reference: Planes, device: torch.device) -> Half:
    """Do the reference's half.

    Raises:
        NotApplicableError: a side is below `SIDE`, or the image is flat (phase congruency is then the
            quotient of two rounding errors).
    """
    require_side(reference, SIDE, "one period of FSIM's coarsest filter")
    require_structure(reference, "reference")
    return _half(reference, device)


def compare(half: Half, distorted: Planes) -> dict[str, float]:
    """Return `fsim`, 1 when identical.

    Raises:
        NotApplicableError: the distorted image is flat.
    """
    require_structure(distorted, "distorted image")
    other = _half(distorted, half.gradient.device)
    weight = torch.maximum(half.congruency, other.congruency)
    score = _similarity(half.congruency, other.congruency, _T1)
    score.mul_(_similarity(half.gradient, other.gradient, _T2)).mul_(weight)
    chroma = _similarity(half.chroma[0], other.chroma[0], _T3)
    chroma.mul_(_similarity(half.chroma[1], other.chroma[1], _T4))
    score.mul_(chroma.abs_().pow_(_CHROMA))
    return {"fsim": score.sum().item() / weight.sum().item()}


def _similarity(first: Tensor, second: Tensor, constant: float) -> Tensor:
    squares = (first * first).addcmul_(second, second).add_(constant)
    return (first * second).mul_(2.0).add_(constant).div_(squares)


def _half(image: Planes, device: torch.device) -> Half:
    reduction = max(1, round(min(image.height, image.width) / 256))
    channels = [
        avg_pool2d(torch.from_numpy(image.channel(k)).to(device)[None, None], reduction)[0, 0] * 255.0
        for k in range(3)
    ]
    luma, *chroma = (
        sum(
            (weight * channel for weight, channel in zip(row, channels, strict=True)),
            torch.zeros_like(channels[0]),
        )
        for row in _YIQ
    )
    return Half(_phase_congruency(luma), _gradient(luma), (chroma[0], chroma[1]))


def _gradient(luma: Tensor) -> Tensor:
    """Magnitude of Scharr's gradient, zeros beyond the border."""
    wide = pad(luma, (1, 1, 1, 1))
    across = wide[:, 2:] - wide[:, :-2]
    down = wide[2:] - wide[:-2]
    across = 3.0 * (across[:-2] + across[2:]) + 10.0 * across[1:-1]
    down = 3.0 * (down[:, :-2] + down[:, 2:]) + 10.0 * down[:, 1:-1]
    return (across.square_().addcmul_(down, down)).sqrt_().div_(16.0)


def _phase_congruency(luma: Tensor) -> Tensor:
    bank = _bank(*luma.shape, luma.device)
    spectrum = torch.fft.fft2(luma)
    energies, amplitudes = torch.zeros_like(luma), torch.zeros_like(luma)
    for filters, noise in zip(bank.filters, bank.noise, strict=True):
        energy, amplitude = _response(spectrum, filters, noise)
        energies.add_(energy)
        amplitudes.add_(amplitude)
    return energies.add_(_EPSILON).div_(amplitudes.add_(_EPSILON))


def _response(spectrum: Tensor, filters: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Energy above the noise, and amplitude, of one orientation, summed over its scales."""
    response = torch.fft.ifft2(spectrum * filters)
    even, odd = response.real.contiguous(), response.imag.contiguous()
    square = (even * even).addcmul_(odd, odd)
    # The median energy at the finest scale measures the noise, of which little else is left there.
    threshold = noise * math.sqrt(square[0].median().item())
    even_sum, odd_sum = even.sum(0), odd.sum(0)
    length = (even_sum * even_sum).addcmul_(odd_sum, odd_sum).sqrt_()
    deviation = (even * odd_sum).addcmul_(odd, even_sum, value=-1.0).abs_().sum(0)
    energy = (length * length).sub_(deviation).div_(length.add_(_EPSILON)).sub_(threshold).clamp_(min=0.0)
    return energy, square.sqrt_().sum(0)


@dataclass(frozen=True)
class _Bank:
    """Log-Gabor filters in the frequency domain."""

    filters: tuple[Tensor, ...]
    """One `[scale, h, w]` an orientation, zero frequency first."""
    noise: tuple[float, ...]
    """Noise threshold of each orientation, over the square root of the median energy."""


@lru_cache(maxsize=2)
def _bank(height: int, width: int, device: torch.device) -> _Bank:
    down, across = _frequencies(height, device)[:, None], _frequencies(width, device)[None]
    radius, angle = torch.hypot(down, across), torch.atan2(-across.expand(height, -1), down)
    low_pass = 1.0 / (1.0 + (radius / 0.45) ** 30)
    radius[0, 0] = 1.0
    radial = []
    for scale in range(_SCALES):
        wave = _SHORTEST_WAVE * 2.0**scale
        gabor = torch.exp(-(torch.log(radius * wave) ** 2) / (2.0 * math.log(_BANDWIDTH) ** 2)) * low_pass
        gabor[0, 0] = 0.0
        radial.append(gabor)
    filters = []
    for orientation in range(_ORIENTATIONS):
        apart = (angle - orientation * math.pi / _ORIENTATIONS).abs()
        apart = torch.minimum(apart, 2.0 * math.pi - apart)
        filters.append(torch.stack(radial) * torch.exp(-(apart**2) / (2.0 * _ANGULAR_SPREAD**2)))
    return _Bank(tuple(filters), tuple(_noise(stack) for stack in filters))


def _frequencies(size: int, device: torch.device) -> Tensor:
    """Cycles per pixel, zero first; of an odd size, in Kovesi's manner, from -1/2 to 1/2."""
    half = size // 2
    steps = torch.arange(-half, size - half, dtype=torch.float64, device=device)
    return torch.roll(steps / (size - size % 2), -half)


def _noise(filters: Tensor) -> float:
    """Mean and two standard deviations of the energy of Rayleigh noise whose median energy is 1."""
    even = 0.5 * (filters + torch.roll(filters.flip(-2, -1), (1, 1), (-2, -1)))
    gram = torch.einsum("ahw,bhw->ab", even, even)
    power = 1.0 / (math.log(2.0) * filters[0].square().sum().item())
    # 2 * the squares + 4 * the products of two different scales: twice the sum over all pairs.
    tau = math.sqrt(power * gram.sum().item())
    return tau * (math.sqrt(math.pi / 2) + 2.0 * math.sqrt(2.0 - math.pi / 2)) / 1.7
