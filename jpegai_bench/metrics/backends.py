"""Who computes MS-SSIM, FSIM, IW-SSIM and VIF: this package, or piq. Free of torch."""

from collections.abc import Mapping
from typing import Any

BACKENDS = ("own", "piq")


def backend_of(metrics: Any) -> str:
    """The backend that a fingerprint of metrics, as `run.json` has it, is of."""
    return "piq" if isinstance(metrics, Mapping) and "piq" in metrics else "own"
