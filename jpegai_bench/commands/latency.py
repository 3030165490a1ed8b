"""Coding times on one core."""

import sys
import time
from collections.abc import Callable, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.commands.output import print_frame, print_rich
from jpegai_bench.config import Settings, on_command_line, variant_of
from jpegai_bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from jpegai_bench.codecs.protocol import AnchorCodec
    from jpegai_bench.images.datasets import Dataset, ImageFile

Timed = tuple[Path, dict[str, Any]]
"""Folder and content of a `latency.json`."""


def command(settings: Settings) -> int:
    """Time one codec after the other; print each folder and the means over images.

    One codec that fails or cannot be used here leaves the others running. Of `codec=all` what cannot be used
    is left out and no failure.
    """
    from jpegai_bench.store import Store
    from jpegai_bench.timing import time_codec

    codecs = _codecs(settings)
    if on_command_line("quality") and len(codecs) > 1:
        raise UsageError("quality=… is on one codec's own scale; choose one codec, or leave quality out")
    store = Store(settings.results)
    store.prepare()
    dataset, images, failures = _images(settings)
    measured: list[Timed] = []
    for codec in codecs:
        try:
            if hasattr(codec, "check"):
                codec.check()
        except BenchError as error:
            if len(codecs) == 1:
                raise
            _say(f"cannot be used here: {error}")
            failures += [] if settings.codec == "all" else [str(error)]
            continue
        try:
            qualities = _qualities(settings, codec)
            said = _progress(f"{codec.name} on {dataset.name}, {_count(images)}")
            measured.append(time_codec(store, codec, dataset.name, images, qualities, settings.repeats, said))
        except BenchError as error:
            if len(codecs) == 1:
                raise
            _say(str(error))
            failures.append(str(error))
    if measured:
        _print(measured, settings.format)
        _warn([manifest for _, manifest in measured])
    return 1 if failures else 0


def _codecs(settings: Settings) -> list[Any]:
    """The variant where one is named, and the codecs; with a variant only those that are asked for too."""
    from jpegai_bench import runner

    codecs: list[Any] = []
    if settings.variant:
        codecs.append(runner.learned_codec(settings, variant_of(settings)))
    if not settings.variant or on_command_line("anchor"):
        codecs += runner.anchor_codecs(settings)
    return codecs


def _qualities(settings: Settings, codec: "AnchorCodec") -> tuple[float, ...]:
    """The quality asked for, or the codec's grid; a variant's are the whole numbers."""
    from jpegai_bench.rates import learned_qualities

    asked = [settings.quality] if on_command_line("quality") else None
    if hasattr(codec, "qualities"):
        return tuple(asked or codec.qualities)
    return learned_qualities(asked, settings.model.qualities - 1, settings.model.name).values


def _images(settings: Settings) -> tuple["Dataset", list["ImageFile"], list[str]]:
    """The data set, its images that can be read, and why the others cannot."""
    from jpegai_bench import runner

    dataset = runner.images(settings)
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
        _say(f"left out: {failure}")
    return dataset, images, failures


def _progress(what: str) -> Callable[[str], None]:
    """A line on stderr now and then at most each minute: a bar that moves would take part of the machine."""
    print(f"timing {what}", file=sys.stderr, flush=True)
    said = time.monotonic()

    def at(image: str) -> None:
        nonlocal said
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(f"timing {what}: {image}", file=sys.stderr, flush=True)

    return at


def _warn(manifests: list[dict[str, Any]]) -> None:
    """One line where the machine was not ours alone."""
    busy = [manifest for manifest in manifests if manifest["busy"]]
    if not busy:
        return
    known = [one["others_cores"] for one in busy if one["others_cores"] is not None]
    beside = f"others kept up to {max(known):.1f} cores at work" if known else f"load {busy[0]['load']:.1f}"
    share = min(one["cpu_share"] for one in busy)
    names = ", ".join(one["label"] for one in busy)
    _say(
        f"the machine was busy, do not trust the times of {names}: {beside}, "
        f"and at worst the core worked {share:.0%} of a codec's time for it; measure when nothing else runs"
    )


def _print(measured: list[Timed], layout: str) -> None:
    if layout != "table":
        frame = pd.DataFrame([_row(manifest) for _, manifest in measured])
        print_frame(frame, layout)
        return
    for folder, _ in measured:
        print(folder)
    print_rich(_table([manifest for _, manifest in measured]))


def _row(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "codec": manifest["label"],
        "dataset": manifest["dataset"],
        "images": len(manifest["images"]),
        "quality": manifest["quality"],
        **manifest["summary"],
        "repeats": manifest["repeats"],
        "cpu": manifest["machine"]["cpu"],
        "busy": manifest["busy"],
    }


def _table(manifests: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.console import Group
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("codec")
    both = [f"{what}\n{unit}" for what in ("encode", "decode") for unit in ("s", "range", "MP/s")]
    for column in ("quality", "bpp", *both, "start-up\ns + s"):
        table.add_column(column, justify="right")
    for manifest in manifests:
        summary = manifest["summary"]
        cells = []
        for what in ("encode", "decode"):
            median = summary[f"{what}_s"]
            ends = (100 * (summary[f"{what}_{end}_s"] / median - 1) for end in ("lowest", "highest"))
            cells += [_figure(median), " ".join(f"{end:+.0f}" for end in ends) + " %"]
            cells.append(_figure(summary[f"{what}_mp_s"]))
        start_up = [summary[f"{what}_start_up_s"] for what in ("encode", "decode")]
        table.add_row(
            manifest["label"] + ("*" if manifest["busy"] else ""),
            f"{manifest['quality']:g}",
            f"{summary['bpp']:.3f}",
            *cells,
            "" if None in start_up else "+".join(f"{one:#.2g}" for one in start_up),
        )
    return Group(table, _caption(manifests))


def _caption(manifests: list[dict[str, Any]]) -> str:
    first = manifests[0]
    images = f"{_count(first['images'])} of {first['dataset']}"
    pinned = "pinned to one core" if first["core"] is not None else "not pinned, as the system cannot"
    lines = [
        f"Seconds a picture: the median of {first['repeats']} after one to warm up, mean over {images}.",
        "range: the fastest and the slowest of each picture, likewise, from the median.",
        f"One thread, {pinned}: {first['machine']['cpu']}.",
    ]
    if any(one["summary"]["encode_start_up_s"] is not None for one in manifests):
        lines.append(
            "start-up: encoding and decoding of a 16x16 picture, where a program is run for each; the times\n"
            "hold it, and the files that the program reads and writes."
        )
    if any(one["busy"] for one in manifests):
        lines.append("* The machine was busy: not to be trusted.")
    return "\n".join([*lines, *(f"{one['label']}: {one['note']}" for one in manifests)])


def _count(images: Sized) -> str:
    return f"{len(images)} image{'' if len(images) == 1 else 's'}"


def _figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def _say(message: str) -> None:
    print(f"jpegai-bench: {message}", file=sys.stderr, flush=True)
