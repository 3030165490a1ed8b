"""VMAF (model v0.6.1) by the libvmaf inside imageio-ffmpeg's binary, on raw 10-bit YUV 4:4:4.

Anything but raw planes changes the number without a word: with PNG files, 8 bits or gray planes, ffmpeg
converts them to samples of its own choice first.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import imageio_ffmpeg
import torch

from jpegai_bench.metrics.limits import NotApplicableError, require_side, require_structure
from jpegai_bench.metrics.planes import Planes

COLUMNS = ("vmaf",)
SIDE = 33
"""Measured under valgrind: up to 16 pixels the binary crashes, up to 32 it reads outside of its buffers."""

_MODEL = "version=vmaf_v0.6.1"


def prepare(reference: Planes, device: torch.device) -> Planes:
    """Refuse what the binary cannot measure; it runs on the CPU, whatever the device.

    Raises:
        NotApplicableError: a side is below `SIDE`, or the reference is flat (VMAF would be near ideal
            whatever the distortion).
    """
    require_side(reference, SIDE, "libvmaf reads outside of its buffers below that")
    require_structure(reference, "reference")
    return reference


def compare(half: Planes, distorted: Planes, time_limit: float | None = None) -> dict[str, float]:
    """Return `vmaf`, 0 to 100, about 97.43 when identical (the model was fitted to video); not symmetric.

    Args:
        half: the reference.
        distorted: the decoded image.
        time_limit: seconds, after which the binary is killed; a minute plus 20 us/pixel where not given.

    Raises:
        NotApplicableError: the binary is missing, crashed, hung or left no readable log.
    """
    if time_limit is None:
        time_limit = 60.0 + 20e-6 * half.height * half.width
    with (
        _memory(half.yuv10.tobytes()) as first,
        _memory(distorted.yuv10.tobytes()) as second,
        _memory() as log,
    ):
        _run(_command(second, first, log, half.width, half.height), (first, second, log), time_limit)
        with open(log, "rb", closefd=False) as file:
            file.seek(0)
            return {"vmaf": _read(file.read())}


def binary() -> str:
    """Path of the ffmpeg binary.

    Raises:
        NotApplicableError: imageio-ffmpeg brings none for this machine.
    """
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise NotApplicableError(f"no ffmpeg binary: {error}") from None


@contextmanager
def _memory(content: bytes = b"") -> Iterator[int]:
    """A file that is on no disk and gone with the process; its descriptor."""
    try:
        descriptor = os.memfd_create("jpegai-bench-vmaf")
    except OSError as error:
        raise NotApplicableError(f"no memory for a picture: {error.strerror}") from None
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield descriptor
    finally:
        os.close(descriptor)


def _command(distorted: int, reference: int, log: int, width: int, height: int) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", f"{width}x{height}"]
    inputs = [word for number in (distorted, reference) for word in (*raw, "-i", _path(number))]
    libvmaf = f"libvmaf=model={_MODEL}:n_threads=1:log_fmt=json:log_path={_path(log)}"
    return [binary(), "-v", "error", "-nostdin", *inputs, "-lavfi", f"[0:v][1:v]{libvmaf}", "-f", "null", "-"]


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _run(command: list[str], descriptors: tuple[int, ...], time_limit: float) -> None:
    try:
        done = subprocess.run(
            command,
            pass_fds=descriptors,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=time_limit,
        )
    except subprocess.TimeoutExpired:
        raise NotApplicableError(f"ffmpeg was killed after {time_limit:g} s") from None
    except OSError as error:
        raise NotApplicableError(f"ffmpeg cannot be run: {error}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise NotApplicableError(f"ffmpeg ended with code {done.returncode}: {lines[-1]}")


def _read(log: bytes) -> float:
    try:
        value = float(json.loads(log)["frames"][0]["metrics"]["vmaf"])
    except (ValueError, LookupError, TypeError) as error:
        raise NotApplicableError(f"ffmpeg wrote no readable VMAF log ({type(error).__name__})") from None
    if not 0.0 <= value <= 100.0:
        raise NotApplicableError(f"VMAF is {value}")
    return value
