"""Running the ffmpeg binary that imageio-ffmpeg brings."""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from jpegai_bench.errors import BenchError

_UPGRADE = "pip install --upgrade 'imageio-ffmpeg>=0.8'"


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
        raise BenchError(f"{name}: this ffmpeg has no {encoder}; {_UPGRADE}")


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
        raise BenchError(f"no ffmpeg here; {_UPGRADE}") from None


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
    lines = [line for line in log.splitlines() if re.search(r"\[(error|fatal|panic)\]", line)]
    first = re.sub(r"^(\[[^]]*\] )+", "", lines[0]).strip() if lines else ""
    if first.startswith("Unknown encoder"):
        first += f"; {_UPGRADE}"
    if first.startswith("Error submitting video frame"):
        first += "; libvvenc's buffer ends at 8 bpp, a higher QP may fit"
    return first
