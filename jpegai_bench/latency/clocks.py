"""Seconds of a call, the core that it has to itself, and what else the machine was doing."""

import os
import platform
import re
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jpegai_bench.codecs.stopwatch import Stopwatch, no_wait
from jpegai_bench.system.cores import processor

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment in which torch, numpy and scipy, when they are loaded, take one thread."""
MOST_OTHERS = 0.5
"""Cores that others may keep at work before times are not to be trusted."""
LEAST_SHARE = 1 / 1.1
"""Of the time that calls took, the part in which the core must have worked for them."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Times:
    """What a call took each time it was made."""

    seconds: tuple[float, ...]
    cpu: float
    """Seconds that cores worked for all of them together, programs that were run included."""
    programs: float
    """The programs' part of `cpu`; 0 where none was run."""
    parts: tuple[dict[str, float], ...] = ()
    """Seconds of each part, for each of `seconds`; empty where parts were not timed."""

    @property
    def median(self) -> float:
        """Of `seconds`: one that was disturbed does not move it."""
        return statistics.median(self.seconds)


def timed(
    call: Callable[..., Result],
    arguments_of: Callable[[], tuple[Any, ...]],
    repeats: int,
    wait: Callable[[], None] = no_wait,
    watch: Stopwatch | None = None,
) -> tuple[Result, Times]:
    """Make a call once to warm up, then `repeats` times by the clock.

    Args:
        call: what is timed.
        arguments_of: makes the arguments before each call, untimed: what a call keeps of them, as an analysis
            of the same array, is of no use to the next one.
        repeats: at least 1.
        wait: returns when what a call began is done, where a GPU goes on after the call.
        watch: times parts of the call.

    Returns:
        What the first call returned, and the times of the others.
    """
    result = call(*arguments_of())
    seconds, parts = [], []
    cpu = programs = 0.0
    for _ in range(repeats):
        arguments = arguments_of()
        if watch:
            watch.take()
        wait()
        process_s, programs_s = _worked()
        start = time.perf_counter()
        output = call(*arguments)
        wait()
        seconds.append(time.perf_counter() - start)
        if watch:
            parts.append(watch.take())
        del output
        process_after, programs_after = _worked()
        programs += programs_after - programs_s
        cpu += process_after - process_s + programs_after - programs_s
    return result, Times(tuple(seconds), cpu, programs, tuple(parts))


@dataclass(frozen=True)
class Clocks:
    """Seconds at one moment, each from a start of its own."""

    wall: float
    process: float
    """Work of this process, and of programs that it ran."""
    cores: Mapping[int, float]
    """Work of each core for anybody; empty where the system does not tell."""


def read_clocks() -> Clocks:
    """Now; `cores` by Linux's /proc/stat, in steps of 10 ms."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        lines = []
    tick = os.sysconf("SC_CLK_TCK")
    cores = {}
    for line in lines:
        if core := re.match(r"cpu(\d+) (.*)", line):
            user, nice, system, _idle, _waiting, *interrupts_and_stolen = map(int, core[2].split()[:8])
            cores[int(core[1])] = (user + nice + system + sum(interrupts_and_stolen)) / tick
    return Clocks(time.perf_counter(), sum(_worked()), cores)


def cores_of_others(before: Clocks, after: Clocks) -> float | None:
    """How many cores others kept at work, on average between two readings; None where it is not known."""
    if not before.cores or not after.cores:
        return None
    worked = sum(after.cores.values()) - sum(before.cores.values()) - (after.process - before.process)
    return max(0.0, worked / (after.wall - before.wall))


def pin_to_idlest_core(before: Clocks, after: Clocks) -> int:
    """Keep this process, and what it starts, on the core that worked least between two readings.

    Returns:
        The core, one of those that the process may use.
    """
    allowed = sorted(os.sched_getaffinity(0))
    core = min(allowed, key=lambda core: after.cores.get(core, 0.0) - before.cores.get(core, 0.0))
    os.sched_setaffinity(0, {core})
    return core


def machine() -> dict[str, Any]:
    """Processor, number of its cores and of those that may be used, GPUs, operating system."""
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "gpus": _gpus(),
        "platform": platform.platform(),
    }


def _worked() -> tuple[float, float]:
    """CPU seconds of this process, and of the programs that it ran and that have ended."""
    process, programs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return process.ru_utime + process.ru_stime, programs.ru_utime + programs.ru_stime


def _gpus() -> list[str]:
    """By NVIDIA's driver, without loading torch."""
    texts = (path.read_text() for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")))
    return [model[1].strip() for text in texts if (model := re.search(r"^Model:(.+)$", text, re.MULTILINE))]
