"""GPUs of one machine handed out to processes, one each. Without torch."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from jpegai_bench.system.files import make_folder

VISIBLE = "CUDA_VISIBLE_DEVICES"

_locks: list[FileLock] = []
"""Locked as long as this process lives."""


def visible() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return [str(number) for number, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]


def take_one(folder: Path, devices: Sequence[str]) -> str | None:
    """Keep one of several GPUs for this process, as long as it lives; call it before torch is loaded.

    Args:
        folder: where processes that share the GPUs note which are taken.
        devices: as `visible` names them.

    Returns:
        The GPU; None where there are not several, or all are taken: then nothing is changed.
    """
    if len(devices) < 2 or _locks:
        return None
    make_folder(folder)
    for device in devices:
        lock = FileLock(folder / f"gpu-{device.replace('/', '_')}.lock", blocking=False)
        with suppress(Timeout):
            lock.acquire()
            _locks.append(lock)
            os.environ[VISIBLE] = device
            return device
    return None
