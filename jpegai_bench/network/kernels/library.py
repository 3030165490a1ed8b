"""The library of kernels: compiled once by the machine's C++ compiler, kept in the user's cache folder."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from ctypes import POINTER, c_int, c_size_t, c_void_p
from functools import cache
from pathlib import Path

import torch

SWITCH = "JPEGAI_BENCH_KERNELS"
"""Environment variable; `no` decodes by torch's own layers."""
SOURCE = Path(__file__).with_name("kernels.cpp")
_COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ("-std=c++17", "-O3", "-shared", "-fPIC", "-pthread")
_LEVELS = {"AVX512": "-march=x86-64-v4", "AVX2": "-march=x86-64-v3"}
"""By what torch finds in the processor; of others the compiler's default."""
_TIMEOUT = 300.0

MOST_TAPS, MOST_PHASES = 9, 4


class Phase(ctypes.Structure):
    """As in `kernels.cpp`."""

    _fields_ = (
        ("taps", c_int),
        ("dy", c_int * MOST_TAPS),
        ("dx", c_int * MOST_TAPS),
        ("row", c_int),
        ("column", c_int),
        ("weight", c_void_p),
        ("bias", c_void_p),
    )


class Convolution(ctypes.Structure):
    """As in `kernels.cpp`."""

    _fields_ = (
        ("x", c_void_p),
        *((name, c_int) for name in ("height", "width", "inputs", "x_stride")),
        ("out", c_void_p),
        *((name, c_int) for name in ("rows", "columns", "outputs", "out_stride", "stride", "spread", "phases")),
        ("phase", Phase * MOST_PHASES),
        ("leaky", c_int),
        ("after", c_int),
        ("first", c_void_p),
        ("second", c_void_p),
        ("threads", c_int),
    )


class Restormer(ctypes.Structure):
    """As in `kernels.cpp`."""

    _fields_ = (
        ("x", c_void_p),
        *((name, c_int) for name in ("height", "width", "channels", "x_stride", "heads", "hidden")),
        *(
            (name, c_void_p)
            for name in (
                "qkv", "qkv_bias", "depthwise", "value", "products", "squares", "mixing", "expand",
                "expand_bias", "gate_depthwise", "project", "zeros", "out",
            )
        ),
        ("out_stride", c_int),
        ("threads", c_int),
    )  # fmt: skip


class Unavailable(Exception):
    """Why there are no kernels, in a line."""


@cache
def library() -> ctypes.CDLL:
    """The kernels for this processor, compiled if they are not in the cache.

    Raises:
        Unavailable: they are switched off, or cannot be compiled or loaded.
    """
    if os.environ.get(SWITCH, "").lower() in ("no", "off", "0"):
        raise Unavailable(f"switched off by {SWITCH}")
    compiler = os.environ.get("CXX") or next(filter(shutil.which, _COMPILERS), None)
    if compiler is None or not shutil.which(compiler):
        raise Unavailable(f"no C++ compiler ({compiler or ', '.join(_COMPILERS)})")
    level = _LEVELS.get(torch.backends.cpu.get_cpu_capability())
    command = [compiler, *_FLAGS, *([level] if level else [])]
    try:
        path = _built(command)
        kernels = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(str(error)) from None
    kernels.panel_width.argtypes = (c_int,)
    kernels.use_large_pages.argtypes = (c_void_p, c_size_t)
    kernels.convolve.argtypes = (POINTER(Convolution),)
    kernels.attend.argtypes = kernels.feed.argtypes = (POINTER(Restormer),)
    return kernels


def folder() -> Path:
    """Where compiled kernels are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jpegai-bench" / "kernels"


def _built(command: list[str]) -> Path:
    """The library that the command makes of the source; several processes may make it at once."""
    content = "\0".join(command).encode() + SOURCE.read_bytes()
    path = folder() / f"{hashlib.sha256(content).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as place:
            made = Path(place) / path.name
            _compile([*command, str(SOURCE), "-o", str(made)])
            made.replace(path)
    return path


def _compile(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took more than {_TIMEOUT:g} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no message"]
        raise Unavailable(f"{command[0]} fails: {lines[0].strip()}")


Forward = Callable[[torch.Tensor], torch.Tensor]
