"""The columns of quality: name, label, unit, direction, and which seven enter the average.

Free of torch and numpy, so that tables and plots can read it at no cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jpegai_bench.errors import BenchError


@dataclass(frozen=True)
class Metric:
    """One column of quality."""

    name: str
    """The column's name in `points.csv` and in the configuration."""
    label: str
    """What tables and plots call it."""
    unit: str
    """`dB`, or empty for a number without a unit."""
    higher_is_better: bool
    in_average: bool
    """Whether it is one of the seven of the paper's average BD-rate."""
    decimals: int
    """Digits after the point that are worth printing."""


METRICS: tuple[Metric, ...] = (
    Metric("ms_ssim", "MS-SSIM", "", higher_is_better=True, in_average=True, decimals=4),
    Metric("fsim", "FSIM", "", higher_is_better=True, in_average=True, decimals=4),
    Metric("nlpd", "NLPD", "", higher_is_better=False, in_average=True, decimals=4),
    Metric("iw_ssim", "IW-SSIM", "", higher_is_better=True, in_average=True, decimals=4),
    Metric("vmaf", "VMAF", "", higher_is_better=True, in_average=True, decimals=2),
    Metric("vif", "VIF", "", higher_is_better=True, in_average=True, decimals=4),
    Metric("psnr_hvs_m", "PSNR-HVS-M", "dB", higher_is_better=True, in_average=True, decimals=2),
    Metric("psnr_hvs", "PSNR-HVS", "dB", higher_is_better=True, in_average=False, decimals=2),
    Metric("psnr_y", "PSNR-Y", "dB", higher_is_better=True, in_average=False, decimals=2),
    Metric("psnr_u", "PSNR-U", "dB", higher_is_better=True, in_average=False, decimals=2),
    Metric("psnr_v", "PSNR-V", "dB", higher_is_better=True, in_average=False, decimals=2),
    Metric("psnr_rgb", "PSNR-RGB", "dB", higher_is_better=True, in_average=False, decimals=2),
)
"""Every metric, in the order of the table's columns."""

NAMES: tuple[str, ...] = tuple(metric.name for metric in METRICS)


def chosen(only: Sequence[str] | None) -> tuple[str, ...]:
    """The names in `only` in the catalogue's order; all of them where it is None.

    Raises:
        BenchError: a name that is no metric, or no name at all.
    """
    unknown = [name for name in only or () if name not in NAMES]
    if unknown:
        raise BenchError(f"no metric {unknown[0]!r}; there are {', '.join(NAMES)}")
    if only is not None and not only:
        raise BenchError("no metric is chosen")
    return tuple(name for name in NAMES if only is None or name in only)


def average_of(hvs: str = "hvs_m") -> tuple[str, ...]:
    """Name the seven metrics whose BD-rates are averaged.

    `hvs` chooses the seventh: `hvs_m` is PSNR-HVS-M, which the VCIP 2023 paper names; `hvs` is PSNR-HVS,
    which the JPEG AI quality framework itself averages.

    Raises:
        BenchError: `hvs` is neither.
    """
    if hvs not in ("hvs_m", "hvs"):
        raise BenchError(f"metrics.hvs={hvs}: must be hvs_m (the paper's) or hvs (the JPEG AI framework's)")
    names = tuple(metric.name for metric in METRICS if metric.in_average)
    return tuple(f"psnr_{hvs}" if name == "psnr_hvs_m" else name for name in names)
