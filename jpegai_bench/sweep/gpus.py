"""GPUs of one machine handed out to processes, one each. Without torch."""

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
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

    Where all are taken, each takes one process more, in their order.

    Args:
        folder: where processes that share the GPUs note which are taken.
        devices: as `visible` names them.

    Returns:
        The GPU; None where there are not several, or this process has one: then nothing is changed.
    """
    if len(devices) < 2 or _locks:
        return None
    make_folder(folder)
    places = (
        (device, FileLock(folder / f"gpu-{device.replace('/', '_')}-{number}.lock", blocking=False))
        for number in count()
        for device in devices
    )
    os.environ[VISIBLE], lock = next(place for place in places if _locks_it(place[1]))
    _locks.append(lock)
    return os.environ[VISIBLE]


def _locks_it(lock: FileLock) -> bool:
    with suppress(Timeout):
        lock.acquire()
    return lock.is_locked
