"""R-D points on photographs that were held out, while a network is trained."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network
from jpegai_bench.training.data import centre_crop, to_planes
from jpegai_bench.training.loss import rate_distortion

FIGURES = ("bpp", "psnr_y", "psnr_u", "psnr_v", "ms_ssim")
_AT_ONCE = 8
"""Pictures."""


def load(
    paths: Sequence[Path], crop: int, reduction: tuple[float, float], leave_out: Callable[[str], None]
) -> Tensor:
    """The middle of each photograph, no smaller than a crop: 8-bit RGB `[N, crop, crop, 3]`.

    `leave_out` is told what cannot be decoded.
    """
    loaded = []
    for path in paths:
        try:
            loaded.append(centre_crop(path, crop, reduction))
        except BenchError as error:
            leave_out(str(error))
    return torch.from_numpy(np.stack(loaded)) if loaded else torch.empty(0, crop, crop, 3)


@torch.no_grad()
def points(network: Network, pictures: Tensor) -> dict[str, float]:
    """Means of `FIGURES`, the rate as estimated, at each whole quality: `bpp_q0`, `psnr_y_q0`, …

    Args:
        network: in training, where it is left; the pictures lie on its device.
        pictures: as `load` has them.
    """
    network.eval()
    sums = pictures.new_zeros((network.size.qualities, len(FIGURES)), dtype=torch.float32)
    for part in pictures.split(_AT_ONCE):
        planes, zero = to_planes(part), sums.new_zeros(len(part))
        for quality, sum_of_quality in enumerate(sums):
            output = network(planes, zero + quality)
            loss = rate_distortion(output, planes, zero, 1.0, zero)
            sum_of_quality += len(part) * torch.stack([getattr(loss, name) for name in FIGURES])
    network.train()
    means = (sums / len(pictures)).tolist()
    return {
        f"{name}_q{quality}": value
        for quality, row in enumerate(means)
        for name, value in zip(FIGURES, row, strict=True)
    }
