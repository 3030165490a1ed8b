"""What is done in the process that times a codec: rate, times by picture and by part, memory, peak."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from jpegai_bench.codecs.protocol import Codec, PartedCodec, Work
from jpegai_bench.codecs.rates import nearest_quality
from jpegai_bench.codecs.stopwatch import Stopwatch, no_wait
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.images.read import Image8
from jpegai_bench.latency import clocks
from jpegai_bench.latency.by_part import Coded, summary
from jpegai_bench.latency.clocks import Times, timed
from jpegai_bench.latency.memory import peak_bytes
from jpegai_bench.latency.peak import measured_peak
from jpegai_bench.system.devices import FLOAT32

START_UP_SIDE = 16
"""Side in pixels of the picture by which the start-up of a program is measured."""
_LOOK = 0.3
"""Seconds for which the cores are watched before one is chosen."""

Beat = Callable[[str], None]
"""Called before each encoding and decoding with the name of the image."""


@dataclass(frozen=True)
class Job:
    """What is to be timed."""

    codec: Codec
    images: tuple[ImageFile, ...]
    qualities: tuple[float, ...]
    repeats: int
    memory: bool = True
    """Whether memory is measured too, which takes one more encoding and decoding of each picture."""

    @property
    def device(self) -> str:
        """Where the codec computes."""
        return str(getattr(self.codec, "device", "cpu"))

    def wait(self) -> Callable[[], None]:
        """What returns when the device has done all that it was asked for."""
        if self.device == "cpu":
            return no_wait
        import torch

        return partial(torch.cuda.synchronize, self.device)


def measure(job: Job, beat: Beat) -> dict[str, Any]:
    """Time a codec on one core, which this process keeps to from here on."""
    load = os.getloadavg()[0]
    before = clocks.read_clocks()
    time.sleep(_LOOK)
    core = clocks.pin_to_idlest_core(before, clocks.read_clocks())
    quality = nearest_quality(job.qualities, lambda quality: _mean_bpp(job, quality, beat))
    pictures = [_Picture.of(job, image, quality, beat) for image in job.images]
    codings = [coding for picture in pictures for coding in picture.codings.values()]
    start_up: dict[str, float | None] = dict.fromkeys(("encode_start_up_s", "decode_start_up_s"))
    if any(coding.times.programs for coding in codings):
        start_up |= _start_up(job, quality, beat)
    by_part = _by_part(job, pictures)
    others = clocks.cores_of_others(before, clocks.read_clocks())
    seconds = sum(sum(coding.times.seconds) for coding in codings)
    share = min(1.0, sum(coding.times.cpu for coding in codings) / seconds)  # the two clocks are read in turn
    waited = job.device == "cpu" and share < clocks.LEAST_SHARE  # for a GPU it may well wait
    return {
        "quality": quality,
        "device": job.device,
        "precision": getattr(job.codec, "precision", FLOAT32),
        "core": core,
        "affinity": sorted(os.sched_getaffinity(0)),
        "threads": _threads(),
        "load": load,
        "others_cores": others,
        "cpu_share": share,
        "busy": (load if others is None else others) > clocks.MOST_OTHERS or waited,
        "summary": _summary(pictures) | start_up,
        "pictures": [picture.as_dict() for picture in pictures],
        **by_part,
    }


@dataclass(frozen=True)
class _Coding:
    """Encoding, or decoding, of one picture."""

    times: Times
    by_part: Times | None
    """None where the codec has no parts."""
    peak_bytes: int | None = None
    """The most memory, where it is known."""


@dataclass(frozen=True)
class _Picture:
    """One image: its size, its rate, how it was encoded and decoded."""

    name: str
    width: int
    height: int
    bits: int
    codings: Mapping[str, _Coding]
    """By `encode` and `decode`."""

    @classmethod
    def of(cls, job: Job, image: ImageFile, quality: float, beat: Beat) -> "_Picture":
        pixels = image.read()
        data, codings = _time_both(job, pixels, quality, lambda: beat(image.name))
        ran_programs = any(coding.times.programs for coding in codings.values())  # with memory of their own
        if job.memory and not ran_programs:
            beat(image.name)
            copy = pixels.copy()
            calls: dict[str, Callable[[], object]] = {
                "encode": lambda: job.codec.encode(copy, quality),
                "decode": lambda: job.codec.decode(data),
            }
            codings = {
                step: replace(coding, peak_bytes=peak_bytes(calls[step], job.device))
                for step, coding in codings.items()
            }
        return cls(image.name, pixels.shape[1], pixels.shape[0], 8 * len(data), codings)

    @property
    def bpp(self) -> float:
        return self.bits / (self.width * self.height)

    def coded(self, step: str, alignment: int) -> Coded | None:
        """`step`: encode or decode; `alignment`: sides are padded to multiples of it."""
        times = self.codings[step].by_part
        if times is None:
            return None
        width, height = (-(-side // alignment) * alignment for side in (self.width, self.height))
        return Coded(self.width * self.height, width * height, times)

    def as_dict(self) -> dict[str, Any]:
        figures: dict[str, Any] = {
            "image": self.name,
            "width": self.width,
            "height": self.height,
            "bpp": self.bpp,
        }
        for step, coding in self.codings.items():
            figures |= {
                f"{step}_s": coding.times.median,
                f"{step}_repeats_s": coding.times.seconds,
                f"{step}_peak_bytes": coding.peak_bytes,
            }
            if coded := self.coded(step, 1):
                figures[f"{step}_parts_repeats_s"] = coded.split()
        return figures


def _time_both(
    job: Job, pixels: Image8, quality: float, beat: Callable[[], None]
) -> tuple[bytes, dict[str, _Coding]]:
    """The bitstream, and the times of encoding and decoding."""
    wait = job.wait()

    def picture() -> tuple[Image8, float]:
        beat()
        return pixels.copy(), quality

    def both(watch: Stopwatch | None = None) -> tuple[bytes, dict[str, Times]]:
        encoded, encode = timed(job.codec.encode, picture, job.repeats, wait, watch)

        def stream() -> tuple[bytes]:
            beat()
            return (encoded.data,)

        _, decode = timed(job.codec.decode, stream, job.repeats, wait, watch)
        return encoded.data, {"encode": encode, "decode": decode}

    if not isinstance(job.codec, PartedCodec):
        data, whole = both()
        return data, {step: _Coding(times, None) for step, times in whole.items()}
    # Looking at the clock takes no time. Waiting for a GPU at the end of each part does: the whole by itself.
    apart = both() if job.device != "cpu" else None
    watch = Stopwatch(wait)
    with job.codec.watched(watch):
        data, by_part = both(watch)
    whole = apart[1] if apart else by_part
    return data, {step: _Coding(times, by_part[step]) for step, times in whole.items()}


def _by_part(job: Job, pictures: Sequence[_Picture]) -> dict[str, Any]:
    """Parts, their multiplications, and the machine's peak; empty where the codec has no parts."""
    codec = job.codec
    if not isinstance(codec, PartedCodec):
        return {}
    work: Mapping[str, Work] = {}
    not_counted = None
    try:
        work = codec.work()
    except BenchError as error:
        not_counted = str(error)
    precisions = sorted({part.precision for part in work.values()})
    peaks = {precision: measured_peak(precision, job.device, job.wait()) for precision in precisions}
    figures: dict[str, Any] = {
        "work": {part: asdict(operations) for part, operations in work.items()},
        "work_not_counted": not_counted,
        "peak": {precision: asdict(peak) for precision, peak in peaks.items()},
    }
    for step in ("encode", "decode"):
        coded = [timed_parts for picture in pictures if (timed_parts := picture.coded(step, codec.alignment))]
        figures[f"{step}_parts"] = summary(coded, work, peaks)
    return figures


def _mean_bpp(job: Job, quality: float, beat: Beat) -> float:
    rates = []
    for image in job.images:
        beat(image.name)
        pixels = image.read()
        encoded = job.codec.encode(pixels, quality)
        rates.append(8 * len(encoded.data) / (pixels.shape[0] * pixels.shape[1]))
    return statistics.fmean(rates)


def _start_up(job: Job, quality: float, beat: Beat) -> dict[str, float | None]:
    """Seconds of a picture with next to nothing in it; nothing where the codec takes none so small."""
    corner = job.images[0].read()[:START_UP_SIDE, :START_UP_SIDE]
    with suppress(BenchError):
        _, codings = _time_both(job, corner, quality, lambda: beat("start-up"))
        return {f"{step}_start_up_s": coding.times.median for step, coding in codings.items()}
    return {}


def _summary(pictures: Sequence[_Picture]) -> dict[str, float | None]:
    """Means over the images: of the medians, of the fastest and of the slowest repeat; memory: the most."""
    summary: dict[str, float | None] = {"bpp": statistics.fmean(picture.bpp for picture in pictures)}
    pixels = sum(picture.width * picture.height for picture in pictures)
    for step in ("encode", "decode"):
        codings = [picture.codings[step] for picture in pictures]
        median = statistics.fmean(coding.times.median for coding in codings)
        memory = [coding.peak_bytes for coding in codings if coding.peak_bytes is not None]
        summary |= {
            f"{step}_s": median,
            f"{step}_lowest_s": statistics.fmean(min(coding.times.seconds) for coding in codings),
            f"{step}_highest_s": statistics.fmean(max(coding.times.seconds) for coding in codings),
            f"{step}_mp_s": pixels / 1e6 / (median * len(codings)),
            f"{step}_peak_mb": max(memory) / 1e6 if len(memory) == len(codings) else None,
        }
    return summary


def _threads() -> dict[str, int]:
    """Threads that libraries take; torch's own word where it is loaded."""
    threads = {name: int(os.environ.get(name, "0")) for name in clocks.ONE_THREAD}
    if torch := sys.modules.get("torch"):
        threads["torch"] = torch.get_num_threads()
    return threads
