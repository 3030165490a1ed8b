"""VMAF (model v0.6.1) by the libvmaf inside imageio-ffmpeg's binary, on raw 10-bit YUV 4:4:4.

Anything but raw planes changes the number without a word: with PNG files, 8 bits or gray planes, ffmpeg
converts them to samples of its own choice first.
"""

import json
import math
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg

from jpegai_bench.metrics.limits import NotApplicableError, require_side, require_structure
from jpegai_bench.metrics.planes import Planes

SIDE = 33
"""Measured under valgrind: up to 16 pixels the binary crashes, up to 32 it reads outside of its buffers."""

_MODEL = "version=vmaf_v0.6.1"
_LOG = "vmaf.json"


def score(
    reference: Planes, distorted: Planes, threads: int = 1, time_limit: float | None = None
) -> dict[str, float]:
    """Return `vmaf`, 0 to 100, about 97.43 when identical (the model was fitted to video); not symmetric.

    Args:
        reference: the original.
        distorted: the decoded image.
        threads: threads of libvmaf; they do not change the result.
        time_limit: seconds, after which the binary is killed; a minute plus 20 us/pixel where not given.

    Raises:
        NotApplicableError: a side is below `SIDE`, the reference is flat (VMAF would be near ideal whatever
            the distortion), or the binary is missing, crashed, hung or left no readable log.
    """
    require_side(reference, SIDE, "libvmaf reads outside of its buffers below that")
    require_structure(reference, "reference")
    if time_limit is None:
        time_limit = 60.0 + 20e-6 * reference.height * reference.width
    with tempfile.TemporaryDirectory(prefix="jpegai-bench-vmaf-") as folder:
        reference.yuv10.astype("<u2").tofile(Path(folder, "reference.yuv"))
        distorted.yuv10.astype("<u2").tofile(Path(folder, "distorted.yuv"))
        _run(_command(reference.width, reference.height, threads), folder, time_limit)
        return {"vmaf": _read(Path(folder, _LOG))}


def binary() -> str:
    """Path of the ffmpeg binary.

    Raises:
        NotApplicableError: imageio-ffmpeg brings none for this machine.
    """
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise NotApplicableError(f"no ffmpeg binary: {error}") from None


def _command(width: int, height: int, threads: int) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", f"{width}x{height}"]
    libvmaf = f"libvmaf=model={_MODEL}:n_threads={threads}:log_fmt=json:log_path={_LOG}"
    inputs = [*raw, "-i", "distorted.yuv", *raw, "-i", "reference.yuv"]
    return [binary(), "-v", "error", "-nostdin", *inputs, "-lavfi", f"[0:v][1:v]{libvmaf}", "-f", "null", "-"]


def _run(command: list[str], folder: str, time_limit: float) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise NotApplicableError(f"ffmpeg was killed after {time_limit:g} s") from None
    except OSError as error:
        raise NotApplicableError(f"ffmpeg cannot be run: {error}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise NotApplicableError(f"ffmpeg ended with code {done.returncode}: {lines[-1]}")


def _read(log: Path) -> float:
    try:
        value = float(json.loads(log.read_text())["frames"][0]["metrics"]["vmaf"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotApplicableError(f"ffmpeg wrote no readable VMAF log ({type(error).__name__})") from None
    if not math.isfinite(value):
        raise NotApplicableError(f"VMAF is {value}")
    return value
