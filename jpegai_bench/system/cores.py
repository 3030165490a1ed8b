"""Cores of this machine that work may use."""

import os


def usable_cores() -> int:
    """Cores that this process may use; in a Slurm job those that it was given."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    cores = len(os.sched_getaffinity(0))
    return min(cores, int(given)) if given.isdigit() and int(given) else cores
