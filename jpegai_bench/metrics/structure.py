"""Structural similarity of windows, which MS-SSIM and IW-SSIM average.

Source: Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error visibility to
structural similarity", IEEE Trans. Image Processing 13(4), 2004: Gaussian window of 11x11, K1 = 0.01,
K2 = 0.03.
"""

from torch import Tensor

from jpegai_bench.metrics.moments import Scale, moments
from jpegai_bench.metrics.windows import Tile

WINDOW = 11
SIGMA = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, fine to coarse, as fitted in the MS-SSIM paper; IW-SSIM takes the same."""


def similarity(scale: Scale, tile: Tile, planes: Tensor, peak: float, luminance: bool) -> Tensor:
    """Contrast and structure of each window of a tile, times its luminance term where that is asked for.

    Args:
        scale: the reference.
        tile: of the windows.
        planes: `products` of both images there.
        peak: the largest value that a sample can have.
        luminance: whether the luminance term is a factor.
    """
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    reference_mean = scale.mean[tile]
    mean, variance, covariance = moments(planes, scale.taps, reference_mean)
    result = covariance.mul_(2.0).add_(c2).div_(variance.add_(scale.variance[tile]).add_(c2))
    if luminance:
        squares = (mean * mean).addcmul_(reference_mean, reference_mean).add_(c1)
        result.mul_(mean.mul_(reference_mean).mul_(2.0).add_(c1)).div_(squares)
    return result
