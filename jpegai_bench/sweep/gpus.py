"""GPUs of one machine handed out to processes, one each. Without torch."""

import os
from collections.abc import Sequence
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import IO

from jpegai_bench.system.files import make_folder

VISIBLE = "CUDA_VISIBLE_DEVICES"

_held: list[IO[str]] = []
"""Open and locked as long as this process lives."""


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
    if len(devices) < 2 or _held:
        return None
    make_folder(folder)
    for device in devices:
        file = (folder / f"gpu-{device.replace('/', '_')}.lock").open("w")
        try:
            lockf(file, LOCK_EX | LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        os.environ[VISIBLE] = device
        return device
    return None
