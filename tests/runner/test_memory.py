"""The memory of a run does not grow with the number of images."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import RUN, picture

pytestmark = pytest.mark.slow
MARGIN = 40.0
"""MB that fifty small pictures more may take; keeping one of them in float64 for each takes 75."""


def peaks(folder: Path, pictures: int, weights: Path, *words: str) -> dict[str, float]:
    """Peak resident memory in MB of a run: of the process of the command, and of the greatest other one."""
    (folder / "photos").mkdir(parents=True)
    for number in range(pictures):
        picture(256 + number % 7, 256, seed=number).save(folder / f"photos/{number:03}.png")
    bench = Path(sys.executable).with_name("jpegai-bench")
    command = [str(bench), "run", "+variant=base", *RUN, f"weights={weights}", *words]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=quiet)
    found = {"command": 0.0, "worker": 0.0}
    while process.poll() is None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            kind = "command" if int(pid) == process.pid else "worker"
            found[kind] = max(found[kind], _peak(pid, folder))
        time.sleep(0.05)
    assert process.returncode == 0
    return found


def _peak(pid: str, folder: Path) -> float:
    """Of a process that works in `folder`; 0 of any other."""
    try:
        if os.readlink(f"/proc/{pid}/cwd") != str(folder):
            return 0.0
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024 if "VmHWM:" in status else 0.0


@pytest.mark.parametrize("workers", [1, 2])
def test_sixty_pictures_take_no_more_memory_than_ten(tmp_path, tiny_weights, workers):
    few = peaks(tmp_path / "few", 10, tiny_weights, f"workers={workers}")
    many = peaks(tmp_path / "many", 60, tiny_weights, f"workers={workers}")
    print(f"workers={workers}: {few} with 10 pictures, {many} with 60")
    for kind, peak in few.items():
        assert many[kind] - peak < MARGIN, (few, many)
