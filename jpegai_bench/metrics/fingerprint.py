"""What besides the images decides a score: versions of the libraries and our own source."""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jpegai_bench.images import color
from jpegai_bench.metrics import vmaf
from jpegai_bench.metrics.limits import NotApplicableError
from jpegai_bench.sources import code_hash


def fingerprint() -> dict[str, str]:
    """Return name and version of all that determines the scores: results stored under another are stale."""
    return {"torch": version("torch"), "ffmpeg": _ffmpeg_version(), "source": _source_hash()}


@cache
def _ffmpeg_version() -> str:
    try:
        done = subprocess.run([vmaf.binary(), "-version"], capture_output=True, text=True, timeout=10)
    except (NotApplicableError, OSError, subprocess.TimeoutExpired):
        return "none"
    return next(iter(done.stdout.splitlines()), "none")


@cache
def _source_hash() -> str:
    """Hash of the metrics' source files and of the colour conversion."""
    return code_hash([*Path(__file__).parent.glob("*.py"), color.__file__])
