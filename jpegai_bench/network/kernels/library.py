"""The library of kernels: compiled once by the machine's C++ compiler, kept in the user's cache folder."""

import ctypes
import hashlib
import os
import shutil
import subprocess
from ctypes import POINTER, c_int, c_size_t, c_void_p
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock

from jpegai_bench.system.console import detail

SWITCH = "JPEGAI_BENCH_KERNELS"
"""Environment variable; `no` decodes by torch's own layers."""
SOURCE = Path(__file__).with_name("kernels.cpp")
_COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ("-std=c++17", "-O3", "-shared", "-fPIC", "-fopenmp")
_LEVELS = {"AVX512": "-march=x86-64-v4", "AVX2": "-march=x86-64-v3"}
"""By what torch finds in the processor; for others no kernels were measured."""
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
        *((name, c_int) for name in ("rows", "columns", "outputs", "out_stride")),
        *((name, c_int) for name in ("stride", "spread", "phases")),
        ("phase", Phase * MOST_PHASES),
        ("before", c_int),
        ("after", c_int),
        ("first", c_void_p),
        ("second", c_void_p),
        ("threads", c_int),
    )


class Planes(ctypes.Structure):
    """As in `kernels.cpp`."""

    _fields_ = (
        ("x", c_void_p),
        *((name, c_int) for name in ("height", "width", "inputs", "x_stride")),
        ("out", c_void_p),
        ("outputs", c_int),
        ("weight", c_void_p),
        ("bias", c_void_p),
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
        ("elu", c_int),
        ("threads", c_int),
    )  # fmt: skip


class Unavailable(Exception):
    """Why there are no kernels, in a line."""


class Failed(Unavailable):
    """A compiler is there and did not make them."""


@cache
def library() -> ctypes.CDLL:
    """The kernels for this processor, compiled if they are not in the cache.

    Raises:
        Unavailable: they are switched off, or cannot be compiled or loaded.
    """
    if os.environ.get(SWITCH, "").lower() in ("no", "off", "0"):
        raise Unavailable(f"switched off by {SWITCH}")
    level = _LEVELS.get(torch.backends.cpu.get_cpu_capability())
    if level is None:
        raise Unavailable(f"a processor without {' or '.join(_LEVELS)}")
    compiler = os.environ.get("CXX") or next(filter(shutil.which, _COMPILERS), "")
    if not shutil.which(compiler):
        raise Unavailable(f"no C++ compiler ({compiler or ', '.join(_COMPILERS)})")
    try:
        kernels = ctypes.CDLL(str(_built([compiler, *_FLAGS, level])))
    except OSError as error:
        raise Failed(str(error)) from None
    kernels.lanes.argtypes = ()
    kernels.panel_width.argtypes = (c_int,)
    kernels.use_large_pages.argtypes = (c_void_p, c_size_t)
    kernels.convolve.argtypes = (POINTER(Convolution),)
    kernels.planes.argtypes = (POINTER(Planes),)
    kernels.attend.argtypes = kernels.feed.argtypes = (POINTER(Restormer),)
    return kernels


def folder() -> Path:
    """Where compiled kernels are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "jpegai-bench" / "kernels"


def version() -> str:
    """Hash of the kernels' source; `none` where there are no kernels."""
    try:
        library()
    except Unavailable:
        return "none"
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]


def _built(command: list[str]) -> Path:
    """The library that the command makes of the source; of several processes one makes it.

    A failure is kept too, so that nothing waits for the next one.
    """
    name = hashlib.sha256("\0".join(command).encode() + SOURCE.read_bytes()).hexdigest()[:16]
    path, failure = folder() / f"{name}.so", folder() / f"{name}.failed"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / f"{name}.lock"):
        if failure.exists():
            raise Failed(f"{failure.read_text()} (kept in {failure})")
        if not path.exists():
            detail(f"compiling kernels into {path}, once")
            made = path.with_suffix(".new")
            if message := _compile([*command, str(SOURCE), "-o", str(made)]):
                failure.write_text(message)
                raise Failed(message)
            made.replace(path)
    return path


def _compile(command: list[str]) -> str:
    """Why it failed; empty where it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"{command[0]} took more than {_TIMEOUT:g} s"
    lines = [line.strip() for line in done.stderr.splitlines() if "error" in line] or ["no message"]
    return f"{command[0]}: {lines[0]}" if done.returncode else ""
