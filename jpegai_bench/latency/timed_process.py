"""What is done in the process that times a codec: rate, times by picture and by part, memory, peak."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
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
    all_times = [times for picture in pictures for times in (picture.encode, picture.decode)]
    start_up: tuple[float | None, float | None] = (None, None)
    if any(times.programs for times in all_times):
        start_up = _start_up(job, quality, beat)
    by_part = _by_part(job, pictures)
    others = clocks.cores_of_others(before, clocks.read_clocks())
    share = sum(times.cpu for times in all_times) / sum(sum(times.seconds) for times in all_times)
    share = min(1.0, share)  # the CPU's clock is read just before and after the wall's
    waited = job.device == "cpu" and share < clocks.LEAST_SHARE  # for a GPU it may well wait
    return {
        "quality": quality,
        "device": job.device,
        "precision": getattr(job.codec, "precision", FLOAT32),
        "core": core,
        "affinity": sorted(os.sched_getaffinity(0)) if core is not None else None,
        "threads": _threads(),
        "load": load,
        "others_cores": others,
        "cpu_share": share,
        "busy": (load if others is None else others) > clocks.MOST_OTHERS or waited,
        "summary": _summary(pictures) | {"encode_start_up_s": start_up[0], "decode_start_up_s": start_up[1]},
        "pictures": [picture.as_dict() for picture in pictures],
        **by_part,
    }


@dataclass(frozen=True)
class _Both:
    """Encoding and decoding of one picture."""

    data: bytes
    encode: Times
    decode: Times
    encode_by_part: Times | None
    decode_by_part: Times | None


@dataclass(frozen=True)
class _Picture:
    """One image: its size, its rate, the times, and the most memory in bytes, where it is known."""

    name: str
    width: int
    height: int
    bits: int
    encode: Times
    decode: Times
    encode_by_part: Times | None
    decode_by_part: Times | None
    encode_bytes: int | None
    decode_bytes: int | None

    @classmethod
    def of(cls, job: Job, image: ImageFile, quality: float, beat: Beat) -> "_Picture":
        pixels = image.read()
        times = _time_both(job, pixels, quality, lambda: beat(image.name))
        memory: tuple[int | None, int | None] = (None, None)
        ran_programs = times.encode.programs + times.decode.programs > 0  # their memory is not this process's
        if job.memory and not ran_programs:
            beat(image.name)
            copy = pixels.copy()
            memory = (
                peak_bytes(lambda: job.codec.encode(copy, quality), job.device),
                peak_bytes(lambda: job.codec.decode(times.data), job.device),
            )
        return cls(
            image.name, pixels.shape[1], pixels.shape[0], 8 * len(times.data), times.encode, times.decode,
            times.encode_by_part, times.decode_by_part, *memory,
        )  # fmt: skip

    @property
    def bpp(self) -> float:
        return self.bits / (self.width * self.height)

    def coded(self, step: str, alignment: int) -> Coded | None:
        """`step`: encode or decode; `alignment`: sides are padded to multiples of it."""
        times = getattr(self, f"{step}_by_part")
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
        for step in ("encode", "decode"):
            times: Times = getattr(self, step)
            figures |= {
                f"{step}_s": times.median,
                f"{step}_repeats_s": times.seconds,
                f"{step}_peak_bytes": getattr(self, f"{step}_bytes"),
            }
            if coded := self.coded(step, 1):
                figures[f"{step}_parts_repeats_s"] = coded.split()
        return figures


def _time_both(job: Job, pixels: Image8, quality: float, beat: Callable[[], None]) -> _Both:
    def picture() -> tuple[Image8, float]:
        beat()
        return pixels.copy(), quality

    def stream() -> tuple[bytes]:
        beat()
        return (encoded.data,)

    wait = job.wait()
    parted = isinstance(job.codec, PartedCodec)
    # Looking at the clock takes no time. Waiting for a GPU at the end of each part does: the whole by itself.
    apart = parted and job.device != "cpu"
    if apart or not parted:
        encoded, encode = timed(job.codec.encode, picture, job.repeats, wait)
        _, decode = timed(job.codec.decode, stream, job.repeats, wait)
        if not parted:
            return _Both(encoded.data, encode, decode, None, None)
    assert isinstance(job.codec, PartedCodec)
    watch = Stopwatch(wait)
    with job.codec.watched(watch):
        encoded, encode_by_part = timed(job.codec.encode, picture, job.repeats, wait, watch)
        _, decode_by_part = timed(job.codec.decode, stream, job.repeats, wait, watch)
    if not apart:
        encode, decode = encode_by_part, decode_by_part
    return _Both(encoded.data, encode, decode, encode_by_part, decode_by_part)


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


def _start_up(job: Job, quality: float, beat: Beat) -> tuple[float | None, float | None]:
    """Seconds of a picture with next to nothing in it; None where the codec takes none so small."""
    corner = job.images[0].read()[:START_UP_SIDE, :START_UP_SIDE]
    with suppress(BenchError):
        times = _time_both(job, corner, quality, lambda: beat("start-up"))
        return times.encode.median, times.decode.median
    return None, None


def _summary(pictures: Sequence[_Picture]) -> dict[str, float | None]:
    """Means over the images: of the medians, of the fastest and of the slowest repeat; memory: the most."""
    summary: dict[str, float | None] = {"bpp": statistics.fmean(picture.bpp for picture in pictures)}
    pixels = sum(picture.width * picture.height for picture in pictures)
    for step in ("encode", "decode"):
        times: list[Times] = [getattr(picture, step) for picture in pictures]
        median = statistics.fmean(repeats.median for repeats in times)
        memory = [getattr(picture, f"{step}_bytes") for picture in pictures]
        summary |= {
            f"{step}_s": median,
            f"{step}_lowest_s": statistics.fmean(min(repeats.seconds) for repeats in times),
            f"{step}_highest_s": statistics.fmean(max(repeats.seconds) for repeats in times),
            f"{step}_mp_s": pixels / 1e6 / (median * len(times)),
            f"{step}_peak_mb": None if None in memory else max(memory) / 1e6,
        }
    return summary


def _threads() -> dict[str, int]:
    """Threads that libraries take; torch's own word where it is loaded."""
    threads = {name: int(os.environ.get(name, "0")) for name in clocks.ONE_THREAD}
    if torch := sys.modules.get("torch"):
        threads["torch"] = torch.get_num_threads()
    return threads
