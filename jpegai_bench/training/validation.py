"""R-D points on photographs that were held out, while a network is trained."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import Network, Planes
from jpegai_bench.training.data import centre_crop, to_planes
from jpegai_bench.training.loss import rate_distortion


def load(
    paths: Sequence[Path], crop: int, reduction: tuple[float, float], leave_out: Callable[[str], None]
) -> list[Planes]:
    """The middle of each photograph; `leave_out` is told what cannot be decoded."""
    loaded = []
    for path in paths:
        try:
            loaded.append(to_planes(centre_crop(path, crop, reduction)[None]))
        except BenchError as error:
            leave_out(str(error))
    return loaded


FIGURES = ("bpp", "psnr_y", "psnr_u", "psnr_v", "ms_ssim")


@torch.no_grad()
def points(network: Network, pictures: Sequence[Planes]) -> dict[str, float]:
    """Means of `FIGURES`, the rate as estimated, at each whole quality: `bpp_q0`, `psnr_y_q0`, …"""
    device = next(network.parameters()).device
    network.eval()
    figures = {}
    for quality in range(network.size.qualities):
        sums = torch.zeros(len(FIGURES))
        for picture in pictures:
            planes = Planes(*(plane.to(device) for plane in picture))
            output = network(planes, torch.full((1,), float(quality), device=device))
            zero = torch.zeros(1, device=device)
            loss = rate_distortion(output, planes, zero, 1.0, zero)
            sums += torch.stack([getattr(loss, name) for name in FIGURES]).cpu()
        for name, value in zip(FIGURES, sums / len(pictures), strict=True):
            figures[f"{name}_q{quality}"] = float(value)
    network.train()
    return figures
