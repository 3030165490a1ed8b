"""Measure codecs of the `anchor` group again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import print_frame
from jpegai_bench.config.command_settings import CompressAISettings, FormatSettings, PictureSettings
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.console import complain, say
from jpegai_bench.system.devices import CPU, prepare_device

if TYPE_CHECKING:
    import pandas as pd


@dataclass(kw_only=True)
class AnchorSettings(CompressAISettings, PictureSettings, FormatSettings):
    """What `anchor` takes."""

    codec: Any
    """A name, a list of names, or all: which was chosen as `anchor`."""


USAGE = Command(
    "anchor [codec=NAME|[NAME,…]|all] [dataset=sample|kodak|folder] [overrides]",
    "points of conventional codecs and learned peers on a data set",
    """Codes and measures again, whatever ships with the package, into results/anchors/. Finished
images are kept: the same command goes on where a killed one stopped. `jpegai-bench list anchors`
shows the codecs, and which can be used here.

  jpegai-bench anchor codec=vvc dataset=sample
  jpegai-bench anchor codec=all dataset=kodak dataset.path=photos/kodak
  jpegai-bench anchor codec=jpeg dataset=folder dataset.path=photos 'anchor.jpeg.qualities=[10,30,50,70]'

  anchor.vvc.preset=slow           any setting of a codec's node: jpegai-bench anchor codec=vvc --cfg job
  codec=compressai arch=mbt2018-mean checkpoint=[q1.pth.tar,q2.pth.tar]   a learned peer, a file for each rate
  device=cuda                      learned peers on a GPU; its points are apart from those of the CPU
  --config-dir my_conf codec=mine  a codec of your own: my_conf/anchor/mine.yaml
  workers=2                        processes that measure
  metrics.only=[ms_ssim,psnr_rgb]  these alone are computed
  pictures=all                     keep the decoded pictures of every image for the report""",
    settings=AnchorSettings,
    results="points.csv, run.json and log.txt in results/anchors/CODEC/KEY; means on stdout.",
)


def command(settings: AnchorSettings) -> int:
    """Code and measure; print each folder and the mean over images at each quality, or all points.

    One codec that fails or cannot be used here leaves the others running. Of `codec=all` what cannot be used
    is left out and no failure.
    """
    from jpegai_bench.runner import inputs
    from jpegai_bench.runner.recorded_run import measure_anchor
    from jpegai_bench.store.store import Store

    _take_qualities(settings)
    codecs = inputs.anchor_codecs(settings)
    if settings.device != CPU:
        if not any(hasattr(codec, "device") for codec in codecs):
            names = ", ".join(codec.name for codec in codecs)
            raise UsageError(f"device={settings.device}: {names} computes on the CPU; leave it out")
        prepare_device(settings.device)  # before a codec that needs none has measured for an hour
    dataset = inputs.images(settings)
    store = Store(settings.results)
    store.prepare()
    measured: list[tuple[str, Path, pd.DataFrame]] = []
    failures: list[str] = []
    for codec in codecs:
        try:
            codec.check()
        except BenchError as error:
            if len(codecs) == 1:
                raise
            (say if settings.codec == "all" else complain)(f"cannot be used here: {error}")
            failures += [] if settings.codec == "all" else [str(error)]
            continue
        try:
            folder, evaluation = measure_anchor(settings, codec, dataset, store, settings.worker_count)
        except BenchError as error:
            if len(codecs) == 1:
                raise
            complain(str(error))
            failures.append(str(error))
            continue
        measured.append((codec.name, folder, evaluation.points))
        for failure in evaluation.failures:
            complain(f"left out: {failure.message}")
            failures.append(failure.message)
    if measured:
        _print(measured, settings.format)
    return 1 if failures else 0


def _take_qualities(settings: AnchorSettings) -> None:
    """`qualities=` are those of the one codec that is measured; of several each has a scale of its own."""
    if settings.qualities is None:
        return
    label, *more = settings.anchor
    if more:
        raise UsageError(
            f"qualities: each codec has its own scale; give anchor.{label}.qualities=[…] and so on"
        )
    settings.anchor[label]["qualities"] = settings.qualities


def _print(measured: "list[tuple[str, Path, pd.DataFrame]]", layout: str) -> None:
    import pandas as pd

    points = pd.concat([frame.assign(codec=name) for name, _, frame in measured], ignore_index=True)
    points = points[["codec", *(column for column in points if column != "codec")]]
    if layout == "table":
        for _, folder, _ in measured:
            print(folder)
        points = points.groupby(["codec", "quality"], as_index=False, sort=False).mean(numeric_only=True)
        points = points.dropna(axis=1, how="all").drop(columns=["width", "height"]).round(4)
    print_frame(points, "markdown" if layout == "table" else layout)
