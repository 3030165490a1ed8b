"""BD-rate of one file of R-D points against another."""

from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import print_frame, print_sheets
from jpegai_bench.config.command_settings import CurveSettings, OnlySettings
from jpegai_bench.errors import BenchError
from jpegai_bench.system.console import report

_FORMATS = ("png", "pdf", "svg")
"""Of a plot."""


@dataclass(kw_only=True)
class BdRateSettings(CurveSettings, OnlySettings):
    """What `bdrate` takes."""

    curve: str
    bd_metric: bool
    plot: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.plot is not None and Path(self.plot).suffix.lower().removeprefix(".") not in _FORMATS:
            raise BenchError(f"plot={self.plot}: end the name with one of .{', .'.join(_FORMATS)}")


USAGE = Command(
    "bdrate ANCHOR TEST [curve=image|mean] [format=table|csv|json|markdown|latex] [plot=FILE]",
    "BD-rate of TEST against ANCHOR, from two files",
    """Each is a CSV with the columns image, bpp and metrics of any name (without image: one curve), a
result JSON of CompressAI, or a run's folder. Images are paired by name. What has no BD-rate is NA
with its reason.

  jpegai-bench bdrate vvc.csv mine.csv
  jpegai-bench bdrate vvc.csv mine.csv format=csv > bdrate.csv
  jpegai-bench bdrate vtm.json results/runs/base/KEY curve=mean plot=curves.png

  method=cubic         or akima; pchip is the default
  curve=mean           of the curves of mean rate and mean quality, not of each image
  bd_metric=true       also the mean difference in quality at equal rate
  bpp_range=[0.1,1]    only points between these rates
  lower_is_better=[lpips]   metrics of yours that are better when lower; NLPD is known
  only=[vmaf,psnr_y]   these metrics alone         metrics.hvs=hvs         PSNR-HVS in the mean of seven""",
    settings=BdRateSettings,
    words=("ANCHOR", "TEST"),
    results="on stdout; with plot=FILE.png (.pdf, .svg) the curves in a file.",
)


def command(settings: BdRateSettings, anchor: str, test: str) -> int:
    """Compare and print; 1 where no metric has a number."""
    from jpegai_bench.analysis.bdfiles import bd_table
    from jpegai_bench.analysis.bdtable import Options
    from jpegai_bench.analysis.rdpoints import read_rd
    from jpegai_bench.codecs.shipped_points import shipped_folder
    from jpegai_bench.report.tables.bdrate_sheet import bd_sheet, problems

    plot = Path(settings.plot).expanduser() if settings.plot else None
    if plot and not plot.parent.is_dir():
        raise BenchError(f"plot={plot}: no folder {plot.parent}; make it first")
    anchor_points, test_points = (read_rd(shipped_folder(word) or word) for word in (anchor, test))
    options = Options(
        method=settings.method,
        curve=settings.curve,
        bd_metric=settings.bd_metric,
        lower_is_better=tuple(settings.lower_is_better),
        bpp_range=settings.rates_between,
        hvs=settings.metrics.hvs,
        only=None if settings.wanted is None else tuple(settings.wanted),
    )
    table = bd_table(anchor_points, test_points, options)
    if settings.format == "table":
        print_sheets([bd_sheet(table)], "table")
    else:
        print_frame(table.frame(), settings.format)
        for line in problems(table):
            report(line)
    if plot:
        from jpegai_bench.report.plots.bd_plot import write_bd_plot

        write_bd_plot(table, plot)
        (print if settings.format == "table" else report)(f"Written: {plot}")
    if not any(rate.images for rate in table.rates):
        reasons = "; ".join(dict.fromkeys(table.reason(rate) for rate in table.rates))
        raise BenchError(f"{test} against {anchor}: no metric has a BD-rate ({reasons})")
    return 0
