"""Running the ffmpeg binary that imageio-ffmpeg brings."""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from jpegai_bench.errors import BenchError

_CHOOSES = "IMAGEIO_FFMPEG_EXE"
"""The variable by which imageio-ffmpeg takes another ffmpeg than its own."""


def through_ffmpeg(
    data: bytes, source: Sequence[str], target: Sequence[str], timeout: float, doing: str
) -> bytes:
    """Give `data` to ffmpeg as a file, with options `source`, and return the file it makes with `target`.

    Raises:
        BenchError: as `run_ffmpeg`, or ffmpeg writes nothing.
    """
    # Files, not pipes: libvvenc writes its messages to stdout.
    try:
        with tempfile.TemporaryDirectory(prefix="jpegai-bench-") as folder:
            given, made = Path(folder, "given"), Path(folder, "made")
            given.write_bytes(data)
            run_ffmpeg([*source, "-i", str(given), *target, str(made)], timeout, doing)
            result = made.read_bytes() if made.exists() else b""
    except OSError as error:
        raise BenchError(f"{doing}: no temporary file ({error.strerror}); see to TMPDIR") from None
    if not result:
        raise BenchError(f"{doing}: ffmpeg wrote nothing")
    return result


def run_ffmpeg(arguments: Sequence[str], timeout: float, doing: str) -> str:
    """Run ffmpeg and return its log.

    Args:
        arguments: everything after the binary's name.
        timeout: seconds after which it is killed.
        doing: what it is run for; errors begin with it.

    Raises:
        BenchError: ffmpeg is missing, fails or hangs.
    """
    command = [binary(), "-hide_banner", "-nostdin", "-y", "-loglevel", "level+info", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{doing}: ffmpeg did not finish within {timeout:g} s") from None
    except OSError as error:
        raise BenchError(f"{doing}: {command[0]} cannot be run ({error.strerror})") from None
    log = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise BenchError(f"{doing}: ffmpeg failed ({_reason(log) or f'exit status {done.returncode}'})")
    return log


def check_encoder(name: str, encoder: str) -> None:
    """Raises BenchError: there is no ffmpeg, or it lacks `encoder`; `name` is whose it would be."""
    if encoder not in _encoders(binary()):
        raise BenchError(f"{name}: this ffmpeg has no {encoder}; {remedy()}")


def encoders() -> frozenset[str]:
    """What this ffmpeg encodes with, as `libvvenc`."""
    return _encoders(binary())


def filters() -> frozenset[str]:
    """The filters of this ffmpeg, as `libvmaf`."""
    lines = _told(binary(), "-filters").splitlines()
    return frozenset(words[1] for words in map(str.split, lines) if len(words) > 2)


def binary() -> str:
    """Where ffmpeg is.

    Raises:
        BenchError: there is none.
    """
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError:
        raise BenchError(f"no ffmpeg here; {remedy()}") from None


def remedy() -> str:
    """What to do where this ffmpeg lacks something."""
    if chosen := os.environ.get(_CHOOSES):
        return f"{_CHOOSES}={chosen} chose this ffmpeg: unset it, imageio-ffmpeg brings one that has all"
    return "pip install --upgrade 'imageio-ffmpeg>=0.8'"


def why_no_vmaf() -> str:
    """The line in which this ffmpeg says why it does not measure VMAF; empty where it does."""
    picture = ["-f", "lavfi", "-i", "color=s=64x64:r=1:d=1"]
    arguments = [*picture, *picture, "-lavfi", "libvmaf=model=version=vmaf_v0.6.1", "-f", "null", "-"]
    try:
        run_ffmpeg(arguments, 60.0, "VMAF")
    except BenchError as error:
        return str(error)
    return ""


def ffmpeg_version() -> str:
    """The first line that it tells about itself."""
    return _told(binary(), "-version").splitlines()[0].split(" Copyright")[0]


@cache
def version_in_log(encoder: str, pattern: str) -> str:
    """The version of an encoder's library, which it tells when it encodes: group 1 of `pattern`."""
    picture = ["-f", "lavfi", "-i", "color=s=64x64:r=1:d=1,format=yuv420p10le"]
    log = run_ffmpeg(
        [*picture, "-c:v", encoder, "-f", "null", "-"], 60.0, f"{encoder}: asking for its version"
    )
    found = re.search(pattern, log)
    return found[1] if found else "unknown"


@cache
def _encoders(program: str) -> frozenset[str]:
    lines = _told(program, "-encoders").splitlines()
    return frozenset(words[1] for words in map(str.split, lines) if len(words) > 1)


@cache
def _told(program: str, option: str) -> str:
    try:
        done = subprocess.run(
            [program, "-hide_banner", option], capture_output=True, timeout=60.0, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"{program} cannot be run ({error})") from None
    return done.stdout.decode(errors="replace") or "unknown"


def _reason(log: str) -> str:
    """The line that names the cause: the first error, as the later ones only tell what followed."""
    patterns = (r"\[(error|fatal|panic)\]", r"^\[.+ @ 0x[0-9a-f]+\] (?!\[)")  # the latter without levels
    lines = [line for pattern in patterns for line in log.splitlines() if re.search(pattern, line)]
    first = re.sub(r"^(\[[^]]*\] )+", "", lines[0]).strip() if lines else ""
    if first.startswith("Unknown encoder"):
        first += f"; {remedy()}"
    if first.startswith("Error submitting video frame"):
        first += "; libvvenc's buffer ends at 8 bpp, a higher QP may fit"
    return first
