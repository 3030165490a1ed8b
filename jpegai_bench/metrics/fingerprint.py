"""What besides the images decides a score: versions of the libraries and our own source. Without torch."""

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg

from jpegai_bench.fingerprint.syntax import code_hash
from jpegai_bench.images import color

_HERE = Path(__file__).parent
_BY_PIQ = _HERE / "by_piq.py"


def fingerprint(backend: str = "own") -> dict[str, str]:
    """Return name and version of all that determines the scores: results stored under another are stale."""
    own = {"torch": version("torch"), "ffmpeg": _ffmpeg_version(), "source": _source_hash()}
    return own | ({"piq": version("piq"), "by_piq": code_hash([_BY_PIQ])} if backend == "piq" else {})


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
    """Hash of our metrics' source files and of the colour conversion."""
    apart = {_HERE / f"{name}.py" for name in ("fingerprint", "by_piq", "backends", "asked", "failures")}
    files = set(_HERE.glob("*.py")) - apart
    return code_hash([*files, color.__file__])
