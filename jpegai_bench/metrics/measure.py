"""Every metric of one pair of images; a metric that fails becomes NA and stops no other."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import fsim, iw_ssim, ms_ssim, nlpd, psnr, psnr_hvs, vif, vmaf
from jpegai_bench.metrics.catalogue import chosen
from jpegai_bench.metrics.limits import NotApplicableError
from jpegai_bench.metrics.planes import Planes
from jpegai_bench.metrics.planes import prepare as planes_of

KEEP_PIXELS = 12_000_000
"""The reference's halves of larger images are not kept: together they take some 160 bytes a pixel."""


class Metric(Protocol):
    """What each metric's file offers."""

    COLUMNS: tuple[str, ...]

    def prepare(self, reference: Planes, device: torch.device) -> Any:
        """Do what depends on the reference alone."""

    def compare(self, half: Any, distorted: Planes) -> dict[str, float]:
        """Score a distorted image by column."""


METRICS: tuple[Any, ...] = (ms_ssim, fsim, nlpd, iw_ssim, vmaf, vif, psnr_hvs, psnr)
"""Every metric's file, as a `Metric`."""


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
        self.names = chosen(only)
        self.device = _usable(device)
        self._planes = planes_of(image)
        self._threads = threads
        self._halves: dict[str, Any] = {}

    def compare(self, distorted: Image8) -> Scores:
        """Measure 8-bit RGB `distorted` `[H, W, 3]` against this reference.

        Raises:
            BenchError: another size than the reference's, or not 8-bit RGB.
        """
        other = planes_of(distorted)
        if self._planes.rgb8.shape != other.rgb8.shape:
            first, second = (f"{image.width}x{image.height}" for image in (self._planes, other))
            raise BenchError(
                f"cannot compare images of different size: reference {first}, distorted {second}"
            )
        values, reasons = dict.fromkeys(self.names, math.nan), {}
        with _torch_threads(self._threads), torch.inference_mode():
            for metric in METRICS:
                wanted = [name for name in metric.COLUMNS if name in values]
                if not wanted:
                    continue
                scores, failure = self._attempt(metric, other)
                for name in wanted:
                    value = scores.get(name, math.nan)
                    if math.isfinite(value):
                        values[name] = value
                    else:
                        reasons[name] = failure or f"not a finite number: {value}"
        return Scores(values, reasons)

    def _attempt(self, metric: Metric, distorted: Planes) -> tuple[dict[str, float], str]:
        """The scores, or none and why."""
        half, failure = self._half(metric)
        if failure:
            return {}, failure
        return _attempt(lambda: metric.compare(half, distorted), {})

    def _half(self, metric: Metric) -> tuple[Any, str]:
        """The reference's half of a metric, or why there is none."""
        name = metric.COLUMNS[0]
        if name in self._halves:
            return self._halves[name]
        found = _attempt(lambda: metric.prepare(self._planes, self.device), None)
        if self._planes.height * self._planes.width <= KEEP_PIXELS:
            self._halves[name] = found
        return found


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


def _attempt(work: Callable[[], Any], nothing: Any) -> tuple[Any, str]:
    """What `work` returns, or `nothing` and the reason."""
    try:
        return work(), ""
    except NotApplicableError as error:
        return nothing, str(error)
    except Exception as error:  # whatever a library raises must not cost the other columns
        lines = str(error).strip().splitlines() or ["no message"]
        return nothing, f"{type(error).__name__}: {lines[0]}"


def _usable(device: str) -> torch.device:
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except Exception as error:  # torch raises whatever its backend does
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BenchError(f"device={device}: cannot be used ({lines[0]})") from None
    return found


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    """Hold torch to `threads`: parallel workers share a machine, and float32 sums follow the thread count."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
