"""IW-SSIM written down from its definition: slow, and by other means than any implementation in use.

Source: Z. Wang, Q. Li, "Information content weighting for perceptual image quality assessment", IEEE Trans.
Image Processing 20(5), 2011, with the constants, the pyramid and the parent bands of the authors' MATLAB
code, which builds on E. Simoncelli's matlabPyrTools. Every linear step is a matrix, every variance the mean
of squared differences, and the information of a neighbourhood is the determinant of the whole covariance
matrix of what is seen of reference and distorted, where implementations sum over eigenvalues.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Plane = npt.NDArray[np.float64]

SCALE_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]) / 1.0001
"""MS-SSIM's, brought to a sum of 1."""
VISUAL_NOISE = 0.4
"""Variance of the internal noise, for samples of 0 to 255."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_BINOMIAL = np.sqrt(2) * np.array([1, 4, 6, 4, 1]) / 16
_FLAT = 1e-15
"""Variance of a window below which it is taken for flat, as in the authors' code."""
_STRIP = 16
"""Rows of neighbourhoods whose covariance matrices are held at a time."""


def iw_ssim(reference: Plane, distorted: Plane) -> float:
    """IW-SSIM of luma `[H, W]` in [0, 255]; both sides at least 161 pixels."""
    first, second = _pyramid(reference), _pyramid(distorted)
    score = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        structure, luminance = _similarity(first[scale], second[scale])
        if scale == 4:
            score *= abs(np.mean(structure * luminance)) ** weight
            continue
        parent = first[scale + 1] if scale < 3 else None
        information = _information(first[scale], second[scale], parent)[4:-4, 4:-4]
        score *= abs(np.sum(structure * information) / np.sum(information)) ** weight
    return float(score)


def _pyramid(image: Plane) -> list[Plane]:
    """Four Laplacian bands and the low-pass rest."""
    bands = []
    for _ in range(4):
        down, right = (_blur(size) for size in image.shape)
        low = down[::2] @ image @ right[::2].T
        bands.append(image - down[:, ::2] @ low @ right[:, ::2].T)
        image = low
    return [*bands, image]


def _blur(size: int) -> Plane:
    """Matrix `[size, size]` of the binomial filter; samples are mirrored at the first and the last one."""
    matrix = np.zeros((size, size))
    for row in range(size):
        for offset, tap in zip(range(-2, 3), _BINOMIAL, strict=True):
            column = abs(row + offset)
            matrix[row, min(column, 2 * (size - 1) - column)] += tap
    return matrix


def _similarity(first: Plane, second: Plane) -> tuple[Plane, Plane]:
    """SSIM's structure-contrast and luminance terms under an 11x11 Gaussian of 1.5 pixels, where it fits."""
    square = np.arange(-5, 6) ** 2
    window = np.exp(-(square[:, None] + square) / (2 * 1.5**2))
    first_mean, second_mean, first_variance, second_variance, covariance = _moments(
        first, second, window / window.sum()
    )
    structure = (2 * covariance + C2) / (first_variance + second_variance + C2)
    luminance = (2 * first_mean * second_mean + C1) / (first_mean**2 + second_mean**2 + C1)
    return structure, luminance


def _moments(first: Plane, second: Plane, window: Plane) -> tuple[Plane, Plane, Plane, Plane, Plane]:
    """Means, variances and covariance of two planes under `window`, where it fits."""
    side = len(window)
    height, width = (size - side + 1 for size in first.shape)
    offsets = [
        (weight, slice(i, i + height), slice(j, j + width)) for (i, j), weight in np.ndenumerate(window)
    ]
    zero = np.zeros((height, width))
    first_mean = sum((weight * first[rows, columns] for weight, rows, columns in offsets), zero)
    second_mean = sum((weight * second[rows, columns] for weight, rows, columns in offsets), zero)
    first_variance, second_variance, covariance = zero.copy(), zero.copy(), zero.copy()
    for weight, rows, columns in offsets:
        first_rest, second_rest = first[rows, columns] - first_mean, second[rows, columns] - second_mean
        first_variance += weight * first_rest**2
        second_variance += weight * second_rest**2
        covariance += weight * first_rest * second_rest
    return first_mean, second_mean, first_variance, second_variance, covariance


def _information(reference: Plane, distorted: Plane, parent: Plane | None) -> Plane:
    """Bits that the eye gets of each 3x3 neighbourhood (and its parent) from both images, `[H - 2, W - 2]`.

    A neighbourhood of the reference is s·u, with u Gaussian of covariance C; that of the distorted image is
    g·s·u + v. The eye adds its noise n to both. The information is log2 |cov(s·u + n, g·s·u + v + n')| less
    that of the noise alone; the paper's half of it would fall out of the weighted mean.
    """
    neighbours = sliding_window_view(reference, (3, 3)).reshape(*(size - 2 for size in reference.shape), 9)
    if parent is not None:
        doubled = _double(parent.shape[0]) @ parent @ _double(parent.shape[1]).T
        above = doubled[1 : reference.shape[0] - 1, 1 : reference.shape[1] - 1]
        neighbours = np.concatenate([neighbours, above[..., None]], axis=-1)
    count = neighbours.shape[-1]
    vectors = neighbours.reshape(-1, count)
    covariance = vectors.T @ vectors / len(vectors)
    energy = np.sum(vectors * np.linalg.solve(covariance, vectors.T).T, axis=1) / count
    energy = energy.reshape(neighbours.shape[:2])

    gain, rest = _gain(reference, distorted)
    identity, noise_alone = np.eye(count), 2 * count * np.log(VISUAL_NOISE)
    information = np.empty_like(energy)
    for top in range(0, len(energy), _STRIP):
        strip = slice(top, top + _STRIP)
        g, v = gain[strip, :, None, None], rest[strip, :, None, None]
        signal = energy[strip, :, None, None] * covariance
        joint = np.block(
            [
                [signal + VISUAL_NOISE * identity, g * signal],
                [g * signal, g**2 * signal + (v + VISUAL_NOISE) * identity],
            ]
        )
        information[strip] = (np.linalg.slogdet(joint)[1] - noise_alone) / np.log(2)
    return information


def _gain(reference: Plane, distorted: Plane) -> tuple[Plane, Plane]:
    """Slope of the regression of distorted on reference in each 3x3 window, and the variance that is left."""
    *_, variance, left, covariance = _moments(reference, distorted, np.full((3, 3), 1 / 9))
    varies = variance >= _FLAT
    gain = np.where(varies, covariance / np.where(varies, variance, 1.0), 0.0)
    return gain, np.maximum(left - gain * covariance, 0.0)


def _double(size: int) -> Plane:
    """Matrix `[2 * size, size]` that enlarges a parent band.

    Bilinear to 4 * size - 3 samples, pixel areas aligned; a sample more on either side by going on in a
    straight line; then every second one.
    """
    fine = 4 * size - 3
    matrix = np.zeros((fine + 2, size))
    for row in range(fine):
        position = min(max((row + 0.5) * size / fine - 0.5, 0.0), size - 1.0)
        before = min(int(position), size - 2)
        matrix[row + 1, before] = 1.0 - (position - before)
        matrix[row + 1, before + 1] = position - before
    matrix[0] = 2 * matrix[1] - matrix[2]
    matrix[-1] = 2 * matrix[-2] - matrix[-3]
    return matrix[::2]
