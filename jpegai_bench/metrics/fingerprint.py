"""What besides the images decides a score: versions of the libraries and our own source. Without torch."""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg

from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images import color


def fingerprint() -> dict[str, str]:
    """Return name and version of all that determines the scores: results stored under another are stale."""
    return {"torch": version("torch"), "ffmpeg": _ffmpeg_version(), "source": _source_hash()}


@cache
def _ffmpeg_version() -> str:
    try:
        binary = imageio_ffmpeg.get_ffmpeg_exe()
        done = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=10)
    except (RuntimeError, OSError, subprocess.TimeoutExpired):
        return "none"
    return next(iter(done.stdout.splitlines()), "none")


@cache
def _source_hash() -> str:
    """Hash of the metrics' source files, but for this one, and of the colour conversion."""
    files = set(Path(__file__).parent.glob("*.py")) - {Path(__file__)}
    return code_hash([*files, color.__file__])
