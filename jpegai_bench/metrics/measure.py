"""Every metric of one pair of images; a metric that fails becomes NA and stops no other."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import fsim, iw_ssim, ms_ssim, nlpd, psnr, psnr_hvs, vif, vmaf
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.limits import NotApplicableError
from jpegai_bench.metrics.planes import Planes, prepare

Scorer = Callable[[Planes, Planes], dict[str, float]]


@dataclass(frozen=True)
class Scores:
    """What was measured on one pair."""

    values: dict[str, float]
    """Every name of the catalogue, in its order; nan is NA."""
    reasons: dict[str, str]
    """Why each NA is one."""


def measure(reference: Image8, distorted: Image8, threads: int = 1) -> Scores:
    """Measure 8-bit RGB `distorted` against `reference`, both `[H, W, 3]`, on `threads` CPU threads.

    The two must not be swapped: VIF, IW-SSIM and VMAF are not symmetric.

    Raises:
        BenchError: different sizes, or not 8-bit RGB.
    """
    return measure_planes(prepare(reference), prepare(distorted), threads)


def measure_planes(reference: Planes, distorted: Planes, threads: int = 1) -> Scores:
    """Measure prepared planes, so that a reference need be prepared only once.

    Raises:
        BenchError: different sizes.
    """
    if reference.rgb8.shape != distorted.rgb8.shape:
        first, second = (f"{image.width}x{image.height}" for image in (reference, distorted))
        raise BenchError(f"cannot compare images of different size: reference {first}, distorted {second}")
    values, reasons = dict.fromkeys(NAMES, math.nan), {}
    with _torch_threads(threads):
        for names, scorer in _scorers(threads):
            scores, failure = _attempt(scorer, reference, distorted)
            for name in names:
                value = scores.get(name, math.nan)
                if math.isfinite(value):
                    values[name] = value
                else:
                    reasons[name] = failure or f"not a finite number: {value}"
    return Scores(values, reasons)


def _scorers(threads: int) -> tuple[tuple[tuple[str, ...], Scorer], ...]:
    """Each metric file's `score` and the columns that it fills."""
    return (
        (("ms_ssim",), ms_ssim.score),
        (("fsim",), fsim.score),
        (("nlpd",), nlpd.score),
        (("iw_ssim",), iw_ssim.score),
        (("vmaf",), partial(vmaf.score, threads=threads)),
        (("vif",), vif.score),
        (("psnr_hvs_m", "psnr_hvs"), psnr_hvs.score),
        (("psnr_y", "psnr_u", "psnr_v", "psnr_rgb"), psnr.score),
    )


def _attempt(scorer: Scorer, reference: Planes, distorted: Planes) -> tuple[dict[str, float], str]:
    try:
        return scorer(reference, distorted), ""
    except NotApplicableError as error:
        return {}, str(error)
    except Exception as error:  # whatever a library raises must not cost the other columns
        lines = str(error).strip().splitlines() or ["no message"]
        return {}, f"{type(error).__name__}: {lines[0]}"


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Hold torch to `threads`: parallel workers share a machine, and float32 sums follow the thread count."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
