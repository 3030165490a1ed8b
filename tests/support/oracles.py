"""The metrics by other hands: public implementations and direct formulas, none of which the package uses.

Every function takes reference and distorted as 8-bit RGB `[H, W, 3]` and makes its planes itself, by the
steps of the JPEG AI quality framework: 10-bit RGB, 10-bit BT.709 full-range YUV 4:4:4.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import imageio_ffmpeg
import iw_ssim_by_definition
import numpy as np
import numpy.typing as npt
import piq
import pytorch_msssim
import torch
from skimage.metrics import peak_signal_noise_ratio

from jpegai_bench.images.read import Image8

Plane = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PEAK = 1023


def yuv10(image: Image8) -> Integers:
    """Y, U and V `[3, H, W]`, 0 to 1023: each an exact fraction of whole numbers, rounded half to even."""
    red, green, blue = rgb10(image)
    luma = 2126 * red + 7152 * green + 722 * blue
    # U = (B - Y) / 1.8556 + 1023 / 2, V = (R - Y) / 1.5748 + 1023 / 2
    blueness = 2 * (10000 * blue - luma) + PEAK * 18556
    redness = 2 * (10000 * red - luma) + PEAK * 15748
    planes = _divided(luma, 10000), _divided(blueness, 2 * 18556), _divided(redness, 2 * 15748)
    return np.stack(planes).clip(0, PEAK)


def rgb10(image: Image8) -> Integers:
    """R, G and B `[3, H, W]`, 0 to 1023."""
    return _divided(image.astype(np.int64).transpose(2, 0, 1) * PEAK, 255)


def _divided(numerator: Integers, denominator: int) -> Integers:
    whole, rest = np.divmod(numerator, denominator)
    return whole + ((2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1)))


def _luma(image: Image8, side: int = 1) -> torch.Tensor:
    """Y in [0, 1], float64, `[1, 1, H, W]`, with zeros right and below up to `side` pixels."""
    return torch.from_numpy(_padded(yuv10(image)[0] / PEAK, side))[None, None]


def _rgb(image: Image8) -> torch.Tensor:
    return torch.from_numpy(rgb10(image) / PEAK)[None]


def _padded(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    return np.pad(plane, ((0, max(0, side - height)), (0, max(0, side - width))))


def ms_ssim_by_pytorch_msssim(
    reference: Image8, distorted: Image8, dtype: torch.dtype = torch.float64
) -> float:
    """The framework calls it in float32; its window is a float32 one in any case."""
    first, second = ((_luma(image, 164) * PEAK).to(dtype) for image in (distorted, reference))
    return pytorch_msssim.ms_ssim(first, second, data_range=PEAK).item()


def ms_ssim_by_piq(reference: Image8, distorted: Image8) -> float:
    return piq.multi_scale_ssim(_luma(distorted, 164), _luma(reference, 164)).item()


def fsim_by_piq(reference: Image8, distorted: Image8) -> float:
    return piq.fsim(_rgb(distorted), _rgb(reference)).item()


def vif_by_piq(reference: Image8, distorted: Image8, dtype: torch.dtype = torch.float64) -> float:
    return piq.vif_p(_luma(distorted, 64).to(dtype), _luma(reference, 64).to(dtype)).item()


def iw_ssim_by_piq(reference: Image8, distorted: Image8, dtype: torch.dtype = torch.float64) -> float:
    first, second = (_luma(image, 256).to(dtype) for image in (distorted, reference))
    return piq.information_weighted_ssim(first, second).item()


def iw_ssim_from_the_definition(reference: Image8, distorted: Image8) -> float:
    first, second = (_luma(image, 256)[0, 0].numpy() * 255 for image in (reference, distorted))
    return iw_ssim_by_definition.iw_ssim(first, second)


def nlpd_by_iqa_pytorch(reference: Image8, distorted: Image8) -> float:
    from IQA_pytorch import NLPD

    return NLPD(channels=1).double()(_luma(reference, 128), _luma(distorted, 128), as_loss=False).item()


def fsim_by_iqa_pytorch(reference: Image8, distorted: Image8) -> float:
    from IQA_pytorch import FSIM

    with _as_of_2020():
        return FSIM(channels=3)(_rgb(distorted), _rgb(reference), as_loss=False).item()


def vif_by_iqa_pytorch(reference: Image8, distorted: Image8) -> float:
    from IQA_pytorch import VIFs

    with _as_of_2020():
        return VIFs(channels=1)(_luma(distorted, 64), _luma(reference, 64), as_loss=False).item()


@contextmanager
def _as_of_2020() -> Iterator[None]:
    """What IQA_pytorch 0.1 expects of torch 1.3, and its filters in float64.

    `torch.rfft` and `torch.ifft` had real and imaginary parts as a last axis of two; torch has dropped them
    for `torch.fft`. The filters are made in the default type or cast with `.float()`.
    """

    def rfft(signal: torch.Tensor, dimensions: int, onesided: bool) -> torch.Tensor:
        assert dimensions == 2
        assert not onesided
        return torch.view_as_real(torch.fft.fft2(signal))

    def ifft(signal: torch.Tensor, dimensions: int) -> torch.Tensor:
        assert dimensions == 2
        return torch.view_as_real(torch.fft.ifft2(torch.view_as_complex(signal)))

    with (
        mock.patch.object(torch, "rfft", rfft, create=True),
        mock.patch.object(torch, "ifft", ifft, create=True),
        mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
    ):
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def hvs_by_psnr_hvsm(reference: Image8, distorted: Image8) -> dict[str, float]:
    """PSNR-HVS and PSNR-HVS-M; it leaves it to its caller to repeat the edge up to a multiple of 8."""
    from psnr_hvsm import BACKENDS

    planes = [yuv10(image)[0] / PEAK for image in (reference, distorted)]
    planes = [np.pad(plane, [(0, -size % 8) for size in plane.shape], mode="edge") for plane in planes]
    with np.errstate(invalid="ignore"):  # it divides 0 by 0 in a flat block, and then leaves it out
        hvs, hvs_m = BACKENDS["numpy"]["psnr_hvs_hvsm"](*planes)
    return {"psnr_hvs_m": float(hvs_m), "psnr_hvs": float(hvs)}


def psnr_by_skimage(reference: Image8, distorted: Image8) -> dict[str, float]:
    first, second = yuv10(reference), yuv10(distorted)
    planes = {
        f"psnr_{name}": peak_signal_noise_ratio(first[k], second[k], data_range=PEAK)
        for k, name in enumerate("yuv")
    }
    return planes | {"psnr_rgb": peak_signal_noise_ratio(reference, distorted, data_range=255)}


def vmaf_by_the_binary(reference: Image8, distorted: Image8) -> float:
    """The score that ffmpeg's libvmaf writes for two raw files of one frame."""
    height, width = reference.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        for name, image in (("ref", reference), ("dist", distorted)):
            Path(folder, f"{name}.yuv").write_bytes(yuv10(image).astype("<u2").tobytes())
        raw = f"-f rawvideo -pix_fmt yuv444p10le -s {width}x{height} -i"
        measured = "[0:v][1:v]libvmaf=model=version=vmaf_v0.6.1:n_threads=2:log_fmt=json:log_path=o.json"
        words = f"{raw} dist.yuv {raw} ref.yuv -lavfi {measured} -f null -".split()
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *words]
        subprocess.run(command, cwd=folder, capture_output=True, check=True, stdin=subprocess.DEVNULL)
        return json.loads(Path(folder, "o.json").read_text())["frames"][0]["metrics"]["vmaf"]


def vmaf_by_vmaf_torch(reference: Image8, distorted: Image8) -> float:
    """Of the luma at 10 bits as libvmaf has it inside: a quarter of the sample, 0 to 255.75."""
    from vmaf_torch import VMAF

    planes = [torch.from_numpy(yuv10(image)[0] / 4.0).float()[None, None] for image in (reference, distorted)]
    with torch.inference_mode():
        return VMAF()(*planes).item()
