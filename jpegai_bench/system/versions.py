"""Versions of what computes, as records of runs and times hold them."""

from importlib.metadata import version
from platform import python_version

from jpegai_bench.version import __version__

_LIBRARIES = ("torch", "compressai", "numpy", "pillow", "imageio-ffmpeg")


def versions() -> dict[str, str]:
    """Of the libraries that results rest on, of this package and of Python."""
    own = {"jpegai-bench": __version__, "python": python_version()}
    return {**{name: version(name) for name in _LIBRARIES}, **own}
