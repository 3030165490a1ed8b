"""Coding times on one core, by part where a codec has parts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import print_frame, print_rich
from jpegai_bench.config.command_settings import CompressAISettings, DecodingSettings, FormatSettings
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.console import complain, report
from jpegai_bench.system.devices import CPU, FLOAT32, prepare_device

if TYPE_CHECKING:
    from jpegai_bench.codecs.protocol import AnchorCodec
    from jpegai_bench.images.datasets import Dataset, ImageFile
    from jpegai_bench.store.store import Store


@dataclass(kw_only=True)
class LatencySettings(CompressAISettings, DecodingSettings, FormatSettings):
    """What `latency` takes."""

    codec: Any
    """As of `anchor`."""
    quality: float | None
    rdo: bool
    repeats: int
    processes: int


USAGE = Command(
    "latency [+variant=NAME] [codec=NAME|[NAME,…]|all] [dataset=sample|kodak] [overrides]",
    "encoding and decoding seconds, by part for variants",
    """Times one codec after the other, in a process of its own on one core, in one thread: every image is
coded and decoded once to warm up, then three times; the median counts. A process may be a quarter
slower than the next of the same codec, and the machine later, so all are timed three times over; of
each codec the process in the middle counts, and the range is that of all. Where nothing is named it
times every variant. For variants it shows seconds by part, how much of the machine's peak each
makes use of, and time beside kMACs, both by base's. Let nothing else run meanwhile; beside a run of
the same results folder it refuses to. The times are kept in results/latency/, and measured again
whenever they are asked for.

  jpegai-bench latency dataset=kodak dataset.limit=3
  jpegai-bench latency +variant=combined dataset=kodak dataset.limit=3 format=csv
  jpegai-bench latency codec=jpeg
  jpegai-bench latency codec=all dataset=kodak

  repeats=9            how often each is timed
  processes=1          by one process alone: a third of the time
  device=cuda          variants on a GPU; range coding stays on the core
  precision=bf16       each synthesis in bfloat16, by torch's layers
  quality=32           on one codec's scale; otherwise that of its grid whose mean rate is nearest 0.5 bpp
  codec=compressai arch=mbt2018-mean checkpoint=[q1.pth.tar,q2.pth.tar]   a learned peer""",
    settings=LatencySettings,
    variant="",
    results="results/latency, where tables find decode times; means on stdout.",
)


Timed = tuple[Path, dict[str, Any]]
"""Folder and content of a `latency.json`."""


def command(settings: LatencySettings) -> int:
    """Time one codec after the other; print each folder, the means over images, and the parts of variants.

    One codec that fails or cannot be used here leaves the others running. Of `codec=all` what cannot be used
    is left out and no failure.

    Raises:
        BenchError: also where a run of the same results folder is at work on this machine.
    """
    from jpegai_bench.latency.timing import Timing
    from jpegai_bench.store.store import Store
    from jpegai_bench.system.wording import count

    store = Store(settings.results)
    _refuse_beside_runs(store)
    codecs = _codecs(settings)
    if settings.quality is not None and len(codecs) > 1:
        raise UsageError("quality=… is on one codec's own scale; choose one codec, or leave quality out")
    if settings.device != CPU:
        prepare_device(settings.device)
    store.prepare()
    dataset, images, failures = _images(settings)

    def leave_out(error: BenchError, why: str = "", is_failure: bool = True) -> None:
        if len(codecs) == 1:
            raise error
        complain(f"{why}{error}")
        failures.extend([str(error)] if is_failure else [])

    timings: list[Timing] = []
    for codec in codecs:
        try:
            if hasattr(codec, "check"):
                codec.check()
        except BenchError as error:
            leave_out(error, "cannot be used here: ", is_failure=settings.codec != "all")
            continue
        try:
            qualities = _qualities(settings, codec)
            timings.append(Timing(store, codec, dataset.name, images, qualities, settings.repeats))
        except BenchError as error:
            leave_out(error)
    measured: list[Timed] = []
    for number in range(1, settings.processes + 1):
        for timing in list(timings):
            subject = f"{timing.codec.name} on {dataset.name}, {count(len(images), 'image')}"
            try:
                timing.time(_progress(subject, number, settings.processes))
                if number == settings.processes:
                    measured.append(timing.keep())
            except BenchError as error:
                leave_out(error)
                timings.remove(timing)
    if measured:
        _print(settings, store, measured)
        _warn([manifest for _, manifest in measured])
    return 1 if failures else 0


def _refuse_beside_runs(store: "Store") -> None:
    from jpegai_bench.store.times import runs_under_way

    if runs := runs_under_way(store):
        first, more = runs[0], f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        raise BenchError(
            f"{first.folder}{more}: a run is at work here (process {first.manifest.get('pid')}), and would "
            "slow what is timed: wait until it has ended, or stop it, the same command goes on with it later"
        )


def _codecs(settings: LatencySettings) -> list[Any]:
    """The variant that is named, and the codecs that are; where none is, every variant."""
    from jpegai_bench.commands.selection import variants as chosen_variants
    from jpegai_bench.runner import inputs

    is_codec_chosen = settings.is_typed("anchor")
    variants = chosen_variants(settings) if settings.variant or not is_codec_chosen else []
    codecs: list[Any] = []
    for variant in variants:
        try:
            codec = inputs.learned_codec(settings, variant, settings.rdo, settings.device, settings.precision)
            codecs.append(codec)
        except BenchError as error:
            if len(variants) == 1:
                raise
            complain(f"left out: {error}")
    if not codecs and not is_codec_chosen:
        raise BenchError(
            f"no variant has weights for model={settings.model.name} in {settings.weights}: "
            "name one with +variant=NAME, or a codec with codec=NAME"
        )
    for name, plain in (("device", CPU), ("precision", FLOAT32)):
        if is_codec_chosen and (value := getattr(settings, name)) != plain:
            raise UsageError(f"{name}={value}: only variants can be timed so; leave codec=… out")
    return codecs + (inputs.anchor_codecs(settings) if is_codec_chosen else [])


def _qualities(settings: LatencySettings, codec: "AnchorCodec") -> tuple[float, ...]:
    """The quality asked for, or the codec's grid; a variant's are the whole numbers."""

    qualities = None if settings.quality is None else [settings.quality]
    if hasattr(codec, "qualities"):
        return tuple(qualities or codec.qualities)
    return settings.model.rates_at(qualities, "quality").values


def _images(settings: LatencySettings) -> tuple["Dataset", list["ImageFile"], list[str]]:
    """The data set, its images that can be read, and why the others cannot."""
    from jpegai_bench.runner import inputs

    dataset = inputs.images(settings)
    images, failures = [], []
    for image in dataset.images:
        try:
            image.sha256  # noqa: B018  reads it
        except BenchError as error:
            failures.append(str(error))
        else:
            images.append(image)
    if not images:
        raise BenchError(failures[0])
    for failure in failures:
        complain(f"left out: {failure}")
    return dataset, images, failures


def _progress(subject: str, number: int, processes: int) -> Callable[[str], None]:
    """A line on stderr now and then at most each minute: a bar that moves would take part of the machine."""
    subject += f", process {number} of {processes}" if processes > 1 else ""
    report(f"timing {subject}")
    last_report = time.monotonic()

    def at(image: str) -> None:
        nonlocal last_report
        if time.monotonic() - last_report > 60:
            last_report = time.monotonic()
            report(f"timing {subject}: {image}")

    return at


def _warn(manifests: list[dict[str, Any]]) -> None:
    """One line where the machine was not ours alone."""
    busy = [manifest for manifest in manifests if manifest["busy"]]
    if not busy:
        return
    cores = [manifest["others_cores"] for manifest in busy if manifest["others_cores"] is not None]
    beside = f"others kept up to {max(cores):.1f} cores at work" if cores else f"load {busy[0]['load']:.1f}"
    if runs := sorted({run for manifest in busy for run in manifest["runs_beside"]}):
        beside += f", the run {runs[0]} was at work"
    share = min(manifest["cpu_share"] for manifest in busy)
    names = ", ".join(manifest["label"] for manifest in busy)
    complain(
        f"the machine was busy, do not trust the times of {names}: {beside}, "
        f"and at worst the core worked {share:.0%} of a codec's time for it; measure when nothing else runs"
    )


def _print(settings: LatencySettings, store: "Store", measured: list[Timed]) -> None:
    from jpegai_bench.report.tables.latency import as_frame, as_rich

    manifests = [manifest for _, manifest in measured]
    base = _base(store, manifests)
    if settings.format != "table":
        print_frame(as_frame(manifests, base), settings.format)
        return
    for folder, _ in measured:
        print(folder)
    print_rich(as_rich(manifests, base))


def _base(store: "Store", manifests: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What variants are set against: base as it was timed just now, or else last on an idle machine."""
    from jpegai_bench.config.experiment import BASE
    from jpegai_bench.store.times import latest_of

    variants = [manifest for manifest in manifests if manifest.get("decode_parts")]
    now = next((manifest for manifest in variants if manifest["label"] == BASE), None)
    return now or (latest_of(store, BASE, variants[0]) if variants else None)
