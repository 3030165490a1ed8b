"""The processor of this machine, and its cores that work may use."""

import os
import platform
import re
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use; in a Slurm job those that it was given."""
    slurm_cores = os.environ.get("SLURM_CPUS_PER_TASK", "")
    cores = len(os.sched_getaffinity(0))
    return min(cores, int(slurm_cores)) if slurm_cores.isdigit() and int(slurm_cores) else cores


def processor() -> str:
    """The model of the processor, as Linux tells it; elsewhere what the system calls its kind."""
    try:
        model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return model[1].strip() if model else platform.processor() or platform.machine()
