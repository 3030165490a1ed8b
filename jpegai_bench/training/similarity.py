"""MS-SSIM as a loss: the definition that pytorch-msssim has, with filters that are quick to descend.

Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003. An
11-tap filter of one channel is slow as a convolution, and slower in its gradient; as a product with a banded
matrix from either side it takes a quarter of the time.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first."""
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM `[B]` of planes `[B, 1, H, W]` in [0, 1]; the gradient reaches `x`.

    The window has 11 taps, or the most odd number of which five scales fit into the planes.
    """
    taps = _taps(min(x.shape[-2:]))
    values = []
    for scale, weight in enumerate(_WEIGHTS):
        if scale:
            padding = [side % 2 for side in x.shape[-2:]]
            x, y = (F.avg_pool2d(plane, 2, padding=padding) for plane in (x, y))
        luminance, contrast = _similarity(x, y, taps)
        value = contrast if scale < len(_WEIGHTS) - 1 else luminance * contrast
        values.append(torch.relu(value.mean(dim=(1, 2, 3))) ** weight)
    return torch.stack(values).prod(dim=0)


def _similarity(x: Tensor, y: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    rows, columns = (_band(side, taps, x.device) for side in x.shape[-2:])

    def blur(planes: Tensor) -> Tensor:
        return rows @ planes @ columns.T

    mean_x, square_x, product = blur(torch.cat([x, x * x, x * y], dim=1)).split(1, dim=1)
    mean_y, square_y = blur(torch.cat([y, y * y], dim=1)).split(1, dim=1)
    mean_xy, mean_xx, mean_yy = mean_x * mean_y, mean_x * mean_x, mean_y * mean_y
    contrast = (2 * (product - mean_xy) + _C2) / (square_x - mean_xx + square_y - mean_yy + _C2)
    return (2 * mean_xy + _C1) / (mean_xx + mean_yy + _C1), contrast


@cache
def _band(side: int, taps: int, device: torch.device) -> Tensor:
    """`[side - taps + 1, side]`: a Gaussian window at each place that has room for it."""
    distance = torch.arange(taps, device=device) - taps // 2
    window = torch.exp(-(distance**2) / (2 * _SIGMA**2))
    band = torch.zeros(side - taps + 1, side, device=device)
    for row in range(len(band)):
        band[row, row : row + taps] = window / window.sum()
    return band


def _taps(side: int) -> int:
    fits = (side - 1) // 2 ** (len(_WEIGHTS) - 1) + 1
    return min(11, fits - 1 + fits % 2)
