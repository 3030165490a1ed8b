"""Every metric of one pair of images; a metric that fails becomes NA and stops no other."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import fsim, iw_ssim, ms_ssim, nlpd, psnr, psnr_hvs, vif, vmaf
from jpegai_bench.metrics.catalogue import chosen
from jpegai_bench.metrics.limits import NotApplicableError
from jpegai_bench.metrics.planes import Planes, prepare

Scorer = Callable[[Planes, Planes], dict[str, float]]


@dataclass(frozen=True)
class Scores:
    """What was measured on one pair."""

    values: dict[str, float]
    """Every name that was wanted, in the catalogue's order; nan is NA."""
    reasons: dict[str, str]
    """Why each NA is one."""


class Reference:
    """A picture that others are compared with; what depends on it alone is done once."""

    def __init__(
        self, image: Image8, only: Sequence[str] | None = None, device: str = "cpu", threads: int = 1
    ) -> None:
        """Prepare 8-bit RGB `[H, W, 3]` for `compare`.

        Args:
            image: the original.
            only: names of the catalogue that are wanted; all where not given.
            device: where torch computes, as `cpu` or `cuda`.
            threads: CPU threads of one comparison.

        Raises:
            BenchError: not 8-bit RGB, an unknown name, or no such device.
        """
        self.planes = prepare(image)
        self.names = chosen(only)
        self._threads = threads

    def compare(self, distorted: Image8) -> Scores:
        """Measure 8-bit RGB `distorted` `[H, W, 3]` against this reference.

        Raises:
            BenchError: another size than the reference's, or not 8-bit RGB.
        """
        other = prepare(distorted)
        if self.planes.rgb8.shape != other.rgb8.shape:
            first, second = (f"{image.width}x{image.height}" for image in (self.planes, other))
            raise BenchError(
                f"cannot compare images of different size: reference {first}, distorted {second}"
            )
        values, reasons = dict.fromkeys(self.names, math.nan), {}
        with _torch_threads(self._threads):
            for names, scorer in _scorers(self._threads):
                wanted = [name for name in names if name in values]
                if not wanted:
                    continue
                scores, failure = _attempt(scorer, self.planes, other)
                for name in wanted:
                    value = scores.get(name, math.nan)
                    if math.isfinite(value):
                        values[name] = value
                    else:
                        reasons[name] = failure or f"not a finite number: {value}"
        return Scores(values, reasons)


def measure(
    reference: Image8,
    distorted: Image8,
    only: Sequence[str] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Scores:
    """Measure 8-bit RGB `distorted` against `reference`, both `[H, W, 3]`.

    The two must not be swapped: VIF, IW-SSIM and VMAF are not symmetric. Arguments and errors are those of
    `Reference`, which is the faster way where one picture is compared with several.

    >>> import numpy as np
    >>> picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    >>> scores = measure(picture, picture, only=["psnr_y", "iw_ssim"])
    >>> round(scores.values["iw_ssim"], 6)
    1.0
    """
    return Reference(reference, only, device, threads).compare(distorted)


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
