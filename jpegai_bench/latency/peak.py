"""The machine's measured peak: the fastest product of matrices, as a scale for the speed of a network."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jpegai_bench.system.devices import computing

if TYPE_CHECKING:
    import torch

SIDES = {"cpu": (256, 512, 1024), "cuda": (2048, 4096, 8192)}
"""Of square matrices: the best of several sizes counts, for caches and interruptions differ."""
_CHANNELS, _SIDE = 128, 32
"""Of the convolution."""
_SECONDS = 0.2
"""For each candidate."""


@dataclass(frozen=True)
class Peak:
    """The fastest that was seen."""

    gflop_s: float
    """GFLOP/s, a multiplication and an addition counted as two."""
    by: str
    """What it was seen with, as `product of 512x512`."""
    product_gflop_s: float
    """That of the fastest product of square matrices, where something else was faster."""


def measured_peak(precision: str, device: str, wait: Callable[[], None]) -> Peak:
    """Time products of square matrices in torch, with its threads as they are.

    On a CPU a 3x3 convolution, which is the product of a matrix of patches, is timed too: on some processors
    torch's library for matrices (MKL) leaves vector units idle that its library for convolutions (oneDNN,
    which multiplies as often as is counted) makes use of. On a GPU cuDNN may multiply less often than is
    counted: there products of matrices alone count. As where a codec computes, nothing is rounded to TF32.

    Args:
        precision: `float32`, `float64` or `bfloat16`.
        device: as torch names it.
        wait: returns when the device has done all that it was asked for.
    """
    import torch

    with computing(), torch.inference_mode():
        candidates = _candidates(getattr(torch, precision), device)
        speeds = [(flops / _fastest(call, wait) / 1e9, name) for name, flops, call in candidates]
    gflop_s, by = max(speeds)
    return Peak(gflop_s, by, max(speed for speed, name in speeds if name.startswith("product")))


def _candidates(
    dtype: "torch.dtype", device: str
) -> Iterator[tuple[str, float, Callable[[], "torch.Tensor"]]]:
    """Name, floating-point operations, and the call."""
    import torch

    random = partial(torch.rand, dtype=dtype, device=device)
    for side in SIDES["cpu" if device == "cpu" else "cuda"]:
        first, second = random(side, side), random(side, side)
        call = partial(torch.mm, first, second, out=torch.empty_like(first))
        yield f"product of {side}x{side}", 2.0 * side**3, call
    if device == "cpu":
        image, weight = random(1, _CHANNELS, _SIDE, _SIDE), random(_CHANNELS, _CHANNELS, 3, 3)
        convolve = partial(torch.nn.functional.conv2d, image, weight, padding=1)
        yield f"convolution of {_CHANNELS} channels", 2.0 * 9 * _CHANNELS**2 * _SIDE**2, convolve


def _fastest(call: Callable[[], object], wait: Callable[[], None]) -> float:
    call()
    best = float("inf")
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end or best == float("inf"):
        wait()
        start = time.perf_counter()
        call()
        wait()
        best = min(best, time.perf_counter() - start)
    return best
