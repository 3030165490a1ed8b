"""Coding times of a codec: measured in a process of its own on one core, kept, and found again.

    results/latency/<codec>/<key>/latency.json

The process is pinned, runs one thread, and does nothing else; the one that asked waits for it. What is kept
is never taken instead of measuring: asked again, the same codec is timed again, over the old times.
"""

import json
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from platform import python_version
from typing import Any

from jpegai_bench import __version__
from jpegai_bench.analysis import latency
from jpegai_bench.analysis.latency import Times, timed
from jpegai_bench.atomic import make_folder, write_bytes
from jpegai_bench.codecs.protocol import Codec
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.images.read import Image8
from jpegai_bench.parallel import join_work, kill_group
from jpegai_bench.store import Store, content_key, now

WANTED_BPP = 0.5
"""The rate that codecs are timed near, where no quality is asked for."""
START_UP_SIDE = 16
"""Side in pixels of the picture by which the start-up of a program is measured."""
LIBRARIES = ("torch", "compressai", "numpy", "pillow", "imageio-ffmpeg")

_LOOK = 0.3
"""Seconds for which the cores are watched before one is chosen."""
_TIMEOUT = 3600.0
"""Of one encoding or decoding, where a codec has no `timeout` of its own."""
_GRACE = 60.0
"""For a codec that notices for itself that its program hangs."""

Beat = Callable[[str], None]
"""Called before each encoding and decoding with the name of the image."""


@dataclass(frozen=True)
class _Job:
    codec: Codec
    images: tuple[ImageFile, ...]
    qualities: tuple[float, ...]
    repeats: int


def time_codec(
    store: Store,
    codec: Codec,
    dataset: str,
    images: Sequence[ImageFile],
    qualities: Sequence[float],
    repeats: int,
    beat: Beat,
) -> tuple[Path, dict[str, Any]]:
    """Measure how long a codec takes for each image, and keep it.

    Args:
        store: where to.
        codec: must be picklable.
        dataset: what the row of images is called.
        images: must be readable.
        qualities: of several the one whose mean rate over the images is nearest to `WANTED_BPP` is timed.
        repeats: of each encoding and each decoding, besides one that is not counted.
        beat: called here as the work goes on, with the name of the image.

    Returns:
        The folder, and what `latency.json` in it holds.

    Raises:
        BenchError: the codec fails, or its process dies or hangs.
    """
    fingerprint, hashes = codec.fingerprint(), {image.name: image.sha256 for image in images}
    about: dict[str, Any] = {
        "label": codec.name,
        "note": codec.describe() if hasattr(codec, "describe") else "",
        "chroma": getattr(codec, "chroma", ""),
        "codec": fingerprint,
        "dataset": dataset,
        "images": hashes,
        "images_key": content_key(hashes),
        "repeats": repeats,
        "wanted_bpp": WANTED_BPP if len(qualities) > 1 else None,
        "host": socket.gethostname(),
        "machine": latency.machine(),
        "versions": {name: version(name) for name in LIBRARIES}
        | {"jpegai-bench": __version__, "python": python_version()},
        "start": now(),
    }
    found = _in_a_process(_Job(codec, tuple(images), tuple(qualities), repeats), beat)
    cpu = about["machine"]["cpu"]
    key = content_key([fingerprint, about["images_key"], cpu, found["quality"], repeats])
    manifest = {**about, **found, "key": key, "end": now()}
    folder = make_folder(store.run_folder("latency", codec.name, key))
    write_bytes(folder / "latency.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return folder, manifest


def latest_times(
    store: Store, fingerprint: Mapping[str, str], images_key: str | None = None
) -> dict[str, Any] | None:
    """What `latency.json` holds that was measured last on an idle machine, or None.

    Args:
        store: where to look.
        fingerprint: the codec's, as it is or as `codec` in the manifest of a run.
        images_key: that of the images, as in the manifest of a run; None: of whatever images.
    """
    found = []
    for path in store.root.glob("latency/*/*/latency.json"):
        try:
            manifest = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        same = manifest.get("codec") == dict(fingerprint) and not manifest.get("busy", True)
        if same and images_key in (None, manifest.get("images_key")):
            found.append(manifest)
    return max(found, key=lambda manifest: str(manifest.get("end")), default=None)


def decode_seconds(
    store: Store, fingerprint: Mapping[str, str], images_key: str | None = None
) -> float | None:
    """Seconds to decode a picture, mean over the images of `latest_times`; None where there are none."""
    found = latest_times(store, fingerprint, images_key)
    return None if found is None else float(found["summary"]["decode_s"])


def nearest_quality(
    qualities: Sequence[float], rate_of: Callable[[float], float], wanted: float = WANTED_BPP
) -> float:
    """The quality whose rate is nearest to `wanted` in bpp.

    From the middle it goes on to whichever neighbour is nearer, so that few qualities are coded: the rate
    must rise with quality, or fall. Of one quality alone the rate is not asked for.
    """
    ordered = sorted(set(qualities))
    distances: dict[int, float] = {}

    def distance(index: int) -> float:
        if index not in distances:
            distances[index] = abs(rate_of(ordered[index]) - wanted)
        return distances[index]

    at = len(ordered) // 2
    while len(ordered) > 1:
        best = min((i for i in (at, at - 1, at + 1) if 0 <= i < len(ordered)), key=distance)
        if best == at:
            break
        at = best
    return ordered[at]


def _in_a_process(job: _Job, beat: Beat) -> dict[str, Any]:
    """Let a process of its own do the job; it and the programs that it runs end with this one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, job))
    name = job.codec.name
    with _surroundings():
        process.start()
    theirs.close()
    patience = float(getattr(job.codec, "timeout", _TIMEOUT)) + _GRACE
    try:
        while True:
            if not ours.poll(patience):
                raise BenchError(f"{name}: an encoding or decoding did not finish within {patience:g} s")
            kind, content = ours.recv()
            if kind == "done":
                return dict(content)
            if kind == "failed":
                raise BenchError(content)
            beat(content)
    except EOFError:
        process.join(_GRACE)
        raise BenchError(
            f"{name}: the process that timed it died (exit status {process.exitcode}), "
            "perhaps for want of memory"
        ) from None
    finally:
        kill_group(process.pid)
        process.join()
        ours.close()


@contextmanager
def _surroundings() -> Iterator[None]:
    """What a process inherits that is started inside: one thread, and Ctrl-C left to the one who asked."""
    saved = {name: os.environ.get(name) for name in latency.ONE_THREAD}
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(latency.ONE_THREAD)
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        signal.signal(signal.SIGINT, answer)


def _work(connection: Connection, job: _Job) -> None:
    """Do the job, and tell what came of it; runs in the process of its own."""
    join_work()
    try:
        connection.send(("done", _measure(job, lambda image: connection.send(("at", image)))))
    except BenchError as error:
        connection.send(("failed", str(error)))
    except Exception as error:
        connection.send(("failed", f"{job.codec.name}: {type(error).__name__}: {error}"))


def _measure(job: _Job, beat: Beat) -> dict[str, Any]:
    load = os.getloadavg()[0]
    before = latency.read_clocks()
    time.sleep(_LOOK)
    core = latency.pin_to_idlest_core(before, latency.read_clocks())
    quality = nearest_quality(job.qualities, lambda quality: _mean_bpp(job, quality, beat))
    pictures = [_Picture.of(job, image, quality, beat) for image in job.images]
    all_times = [times for picture in pictures for times in (picture.encode, picture.decode)]
    start_up: tuple[float | None, float | None] = (None, None)
    if any(times.programs for times in all_times):
        start_up = _start_up(job, quality, beat)
    others = latency.cores_of_others(before, latency.read_clocks())
    share = sum(times.cpu for times in all_times) / sum(sum(times.seconds) for times in all_times)
    share = min(1.0, share)  # the CPU's clock is read just before and after the wall's
    return {
        "quality": quality,
        "core": core,
        "affinity": sorted(os.sched_getaffinity(0)) if core is not None else None,
        "threads": _threads(),
        "load": load,
        "others_cores": others,
        "cpu_share": share,
        "busy": (load if others is None else others) > latency.MOST_OTHERS or share < latency.LEAST_SHARE,
        "summary": _summary(pictures) | {"encode_start_up_s": start_up[0], "decode_start_up_s": start_up[1]},
        "pictures": [picture.as_dict() for picture in pictures],
    }


@dataclass(frozen=True)
class _Picture:
    """One image: its size, its rate, and the times."""

    name: str
    width: int
    height: int
    bits: int
    encode: Times
    decode: Times

    @classmethod
    def of(cls, job: _Job, image: ImageFile, quality: float, beat: Beat) -> "_Picture":
        pixels = image.read()
        data, encode, decode = _time_both(job, pixels, quality, lambda: beat(image.name))
        return cls(image.name, pixels.shape[1], pixels.shape[0], 8 * len(data), encode, decode)

    @property
    def bpp(self) -> float:
        return self.bits / (self.width * self.height)

    def as_dict(self) -> dict[str, Any]:
        return {
            "image": self.name,
            "width": self.width,
            "height": self.height,
            "bpp": self.bpp,
            "encode_s": self.encode.median,
            "decode_s": self.decode.median,
            "encode_repeats_s": self.encode.seconds,
            "decode_repeats_s": self.decode.seconds,
        }


def _time_both(
    job: _Job, pixels: Image8, quality: float, beat: Callable[[], None]
) -> tuple[bytes, Times, Times]:
    def picture() -> tuple[Image8, float]:
        beat()
        return pixels.copy(), quality

    def stream() -> tuple[bytes]:
        beat()
        return (encoded.data,)

    encoded, encode = timed(job.codec.encode, picture, job.repeats)
    _, decode = timed(job.codec.decode, stream, job.repeats)
    return encoded.data, encode, decode


def _mean_bpp(job: _Job, quality: float, beat: Beat) -> float:
    rates = []
    for image in job.images:
        beat(image.name)
        pixels = image.read()
        encoded = job.codec.encode(pixels, quality)
        rates.append(8 * len(encoded.data) / (pixels.shape[0] * pixels.shape[1]))
    return statistics.fmean(rates)


def _start_up(job: _Job, quality: float, beat: Beat) -> tuple[float | None, float | None]:
    """Seconds of a picture with next to nothing in it; None where the codec takes none so small."""
    corner = job.images[0].read()[:START_UP_SIDE, :START_UP_SIDE]
    with suppress(BenchError):
        _, encode, decode = _time_both(job, corner, quality, lambda: beat("start-up"))
        return encode.median, decode.median
    return None, None


def _summary(pictures: Sequence[_Picture]) -> dict[str, float | None]:
    """Means over the images: of the medians, of the fastest and of the slowest repeat of each."""
    summary: dict[str, float | None] = {"bpp": statistics.fmean(picture.bpp for picture in pictures)}
    pixels = sum(picture.width * picture.height for picture in pictures)
    for what in ("encode", "decode"):
        times: list[Times] = [getattr(picture, what) for picture in pictures]
        median = statistics.fmean(one.median for one in times)
        summary |= {
            f"{what}_s": median,
            f"{what}_lowest_s": statistics.fmean(min(one.seconds) for one in times),
            f"{what}_highest_s": statistics.fmean(max(one.seconds) for one in times),
            f"{what}_mp_s": pixels / 1e6 / (median * len(times)),
        }
    return summary


def _threads() -> dict[str, int]:
    """Threads that libraries take; torch's own word where it is loaded."""
    threads = {name: int(os.environ.get(name, "0")) for name in latency.ONE_THREAD}
    if torch := sys.modules.get("torch"):
        threads["torch"] = torch.get_num_threads()
    return threads
