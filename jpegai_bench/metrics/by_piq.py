"""MS-SSIM, FSIM, IW-SSIM and VIF by piq itself, on the planes that ours are computed on; the rest is ours.

Source: S. Kastryulin et al., "PyTorch Image Quality: Metrics for image quality assessment", 2022.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jpegai_bench.metrics import fsim, iw_ssim, measure, ms_ssim, vif
from jpegai_bench.metrics.limits import require_side, require_structure
from jpegai_bench.metrics.measure import Reference
from jpegai_bench.metrics.planes import Planes, zero_pad
from jpegai_bench.metrics.structure import WINDOW


def reference_of(backend: str) -> type[Reference]:
    """What compares pictures by a backend of `backends.BACKENDS`."""
    return PiqReference if backend == "piq" else Reference


class PiqReference(Reference):
    """As `Reference`; four of the metrics are piq's."""

    def _attempt(self, metric: measure.Metric, distorted: Planes) -> tuple[dict[str, float], str]:
        return super()._attempt(_BY_PIQ.get(metric.COLUMNS, metric), distorted)


@dataclass(frozen=True)
class _Metric:
    """A metric of piq's as a `measure.Metric`; refused where ours is."""

    COLUMNS: tuple[str, ...]
    function: str
    least: int
    why: str
    padded: int = 0
    """Zeros are added to the luma up to this side; 0 takes RGB."""
    structured: Callable[[Planes, str], None] = require_structure

    def prepare(self, reference: Planes, device: torch.device) -> Tensor:
        require_side(reference, self.least, self.why)
        self.structured(reference, "reference")
        return self._samples(reference).to(device)

    def compare(self, half: Tensor, distorted: Planes) -> dict[str, float]:
        import piq

        if not self.padded:
            require_structure(distorted, "distorted image")
        score = getattr(piq, self.function)(self._samples(distorted).to(half.device), half, data_range=1.0)
        return {self.COLUMNS[0]: score.item()}

    def _samples(self, image: Planes) -> Tensor:
        """In [0, 1], float64, `[1, C, H, W]`."""
        if self.padded:
            return torch.from_numpy(zero_pad(image.luma, self.padded))[None, None]
        return torch.from_numpy(np.stack([image.channel(number) for number in range(3)]))[None]


def _any(image: Planes, which: str) -> None:
    """Flat pictures too."""


_BY_PIQ: dict[tuple[str, ...], Any] = {
    metric.COLUMNS: metric
    for metric in (
        _Metric(ms_ssim.COLUMNS, "multi_scale_ssim", WINDOW, "SSIM's window", ms_ssim.SIDE, _any),
        _Metric(fsim.COLUMNS, "fsim", fsim.SIDE, "one period of FSIM's coarsest filter"),
        _Metric(iw_ssim.COLUMNS, "information_weighted_ssim", WINDOW, "SSIM's window", iw_ssim.SIDE),
        _Metric(vif.COLUMNS, "vif_p", vif.WINDOW, "VIF's window", vif.SIDE),
    )
}
