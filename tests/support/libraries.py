"""The seven metrics as one gets them by gluing libraries together: each pair alone, nothing kept."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import piq
import torch
from pytorch_msssim import ms_ssim

from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import nlpd, psnr, psnr_hvs, vmaf
from jpegai_bench.metrics.planes import PEAK, Planes, prepare

CPU = torch.device("cpu")


def scores(reference: Image8, distorted: Image8, dtype: torch.dtype) -> dict[str, float]:
    """In `dtype` where single precision is customary: MS-SSIM and VIF."""
    first, second = prepare(reference), prepare(distorted)
    found = _ms_ssim(first, second, dtype) | _vif(first, second, dtype)
    for name, score in LIBRARIES.items():
        if name not in found:
            found |= score(first, second)
    return found


def _vif(first: Planes, second: Planes, dtype: torch.dtype) -> dict[str, float]:
    return {"vif": piq.vif_p(plane(second, 64, dtype), plane(first, 64, dtype), data_range=1.0).item()}


def plane(image: Planes, side: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    height, width = image.height, image.width
    padded = np.pad(image.luma, ((0, max(0, side - height)), (0, max(0, side - width))))
    return torch.from_numpy(padded).to(dtype)[None, None]


def _ms_ssim(first: Planes, second: Planes, dtype: torch.dtype) -> dict[str, float]:
    samples = (plane(image, 164, dtype) * PEAK for image in (second, first))
    return {"ms_ssim": ms_ssim(*samples, data_range=PEAK).item()}


def _fsim(first: Planes, second: Planes) -> dict[str, float]:
    samples = (
        torch.from_numpy(np.stack([image.channel(k) for k in range(3)]))[None] for image in (second, first)
    )
    return {"fsim": piq.fsim(*samples, data_range=1.0, chromatic=True).item()}


def _iw_ssim(first: Planes, second: Planes) -> dict[str, float]:
    value = piq.information_weighted_ssim(plane(second, 256), plane(first, 256), data_range=1.0)
    return {"iw_ssim": value.item()}


def _vmaf(first: Planes, second: Planes) -> dict[str, float]:
    """By way of files on disk, with as many threads as torch takes."""
    import json
    import subprocess

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        first.yuv10.tofile("reference.yuv")
        second.yuv10.tofile("distorted.yuv")
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", f"{first.width}x{first.height}"]
        libvmaf = (
            f"libvmaf=model=version=vmaf_v0.6.1:n_threads={torch.get_num_threads()}:log_fmt=json:log_path=l"
        )
        inputs = [*raw, "-i", "distorted.yuv", *raw, "-i", "reference.yuv"]
        command = [vmaf.binary(), "-v", "error", "-nostdin", *inputs, "-lavfi", f"[0:v][1:v]{libvmaf}"]
        subprocess.run([*command, "-f", "null", "-"], check=True)
        return {"vmaf": json.loads(Path("l").read_text())["frames"][0]["metrics"]["vmaf"]}


LIBRARIES = {
    "ms_ssim": lambda a, b: _ms_ssim(a, b, torch.float64),
    "fsim": _fsim,
    "nlpd": lambda a, b: nlpd.compare(nlpd.prepare(a, CPU), b),
    "iw_ssim": _iw_ssim,
    "vmaf": _vmaf,
    "vif": lambda a, b: _vif(a, b, torch.float64),
    "psnr_hvs_m": lambda a, b: psnr_hvs.compare(psnr_hvs.prepare(a, CPU), b),
    "psnr_y": lambda a, b: psnr.compare(psnr.prepare(a, CPU), b),
}
"""By the first column that each fills."""
