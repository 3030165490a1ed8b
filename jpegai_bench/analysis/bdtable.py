"""What two files of R-D points say about each other: options, and the table of BD-rates."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from jpegai_bench.analysis.rdpoints import RDPoints
from jpegai_bench.analysis.statistics import Interval, MetricSummary
from jpegai_bench.metrics.catalogue import average_of

MEAN = "mean_of_seven"
"""The name of the row of the seven metrics' mean."""
COLUMNS = (
    "metric",
    "bd_rate",
    "ci_low",
    "ci_high",
    "images_used",
    "images_left_out",
    "overlap",
    "reason",
)
BD_METRIC_COLUMNS = tuple(
    f"bd_metric{part}" for part in ("", "_ci_low", "_ci_high", "_images_used", "_overlap", "_reason")
)


@dataclass(frozen=True)
class Options:
    """How two files are compared."""

    method: str = "pchip"
    """The interpolation, as in `bd_rate`."""
    curve: str = "image"
    """`image`: BD-rate of each image, mean over images; `mean`: BD-rate of the mean curves."""
    bd_metric: bool = False
    """Whether BD-metric is there too."""
    lower_is_better: Collection[str] = ()
    """Metrics that are better when lower, besides those of the catalogue."""
    bpp_range: tuple[float, float] | None = None
    """Only points of rates from the first to the second enter, in bpp."""
    hvs: str = "hvs_m"
    """Which PSNR-HVS is one of the seven, as in `average_of`."""
    only: Collection[str] | None = None
    """The metrics that are wanted; None is all."""


@dataclass(frozen=True)
class BDTable:
    """What two files say about each other, metric by metric."""

    anchor: RDPoints
    test: RDPoints
    options: Options
    rates: tuple[MetricSummary, ...]
    """BD-rate in percent, the catalogue's metrics first, then others in the order of the files."""
    bd_metrics: tuple[MetricSummary, ...]
    """BD-metric, where it was asked for, in the same order."""
    average: Interval | None
    """BD-rate, mean of seven; None where not all seven are in both files."""
    average_reason: str
    """Why the mean of seven is NA, or which of the seven are not in both files."""
    hvs: str
    """As used: `hvs` also where `hvs_m` was asked for and is not in both files."""
    images: int
    """Images in any of the files; 1 where both are one curve."""
    used: tuple[tuple[float, float], tuple[float, float]]
    """Lowest and highest rate of the points that entered, of anchor and test, in bpp; NaN without any."""
    hints: tuple[str, ...] = ()
    """What may be meant where a metric is NA."""

    @property
    def seven(self) -> tuple[str, ...]:
        """The metrics of the mean of seven."""
        return average_of(self.hvs)

    def counts(self, rate: MetricSummary) -> tuple[int, int]:
        """Images in a metric's mean, and images left out of it."""
        return rate.images, sum(map(len, rate.left_out.values()))

    def average_counts(self) -> tuple[int, int, float]:
        """Images in the mean of seven at its metric with the fewest, images left out, mean overlap."""
        rates = [rate for rate in self.rates if rate.metric in self.seven]
        used = min(rate.images for rate in rates)
        return used, self.images - used, math.fsum(rate.overlap for rate in rates) / len(rates)

    def reason(self, rate: MetricSummary) -> str:
        """Why a metric is NA, or images are left out of it; with how many where it is not all."""
        reasons = [
            f"{reason} ({len(names)})" if len(names) < self.images else reason
            for reason, names in sorted(rate.left_out.items(), key=lambda item: -len(item[1]))
        ]
        return "; ".join(reasons) or rate.reason

    def frame(self) -> pd.DataFrame:
        """`COLUMNS`, with BD-metric also `BD_METRIC_COLUMNS`: a row per metric, then `MEAN`; NaN is NA.

        `reason` says why a row is NA, and where it has a number why images are left out of it.
        """
        columns = list(COLUMNS)
        rows: list[tuple[object, ...]]
        rows = [(*_cells(rate), *self.counts(rate), rate.overlap, self.reason(rate)) for rate in self.rates]
        if self.options.bd_metric:
            columns += BD_METRIC_COLUMNS
            more = [
                (*_cells(rate)[1:], rate.images, rate.overlap, self.reason(rate)) for rate in self.bd_metrics
            ]
            rows = [(*row, *cells) for row, cells in zip(rows, more, strict=True)]
        if self.average is not None:
            rows.append(self._average_row(self.average)[: len(columns)])
        return pd.DataFrame(rows, columns=columns)

    def _average_row(self, average: Interval) -> tuple[object, ...]:
        remarks = [self.average_reason] if self.average_reason else []
        if self.hvs != self.options.hvs:
            remarks.append("psnr_hvs in place of psnr_hvs_m")
        row = (MEAN, average.mean, average.low, average.high, *self.average_counts(), "; ".join(remarks))
        return (*row, math.nan, math.nan, math.nan, 0, math.nan, "units differ")


def _cells(summary: MetricSummary) -> tuple[str, float, float, float]:
    return summary.metric, summary.bd_rate.mean, summary.bd_rate.low, summary.bd_rate.high
