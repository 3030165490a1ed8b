"""Cores of this machine that work may use."""

import os


def usable_cores() -> int:
    """Cores that this process may use; in a Slurm job those that it was given."""
    slurm_cores = os.environ.get("SLURM_CPUS_PER_TASK", "")
    cores = len(os.sched_getaffinity(0))
    return min(cores, int(slurm_cores)) if slurm_cores.isdigit() and int(slurm_cores) else cores
