"""Clocks: what a call takes, whose work it is, and where it runs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jpegai_bench.latency.clocks import (
    Clocks,
    Times,
    cores_of_others,
    machine,
    pin_to_idlest_core,
    read_clocks,
    timed,
)

LOOP = "import time; end = time.process_time() + {}\nwhile time.process_time() < end: pass"


def nothing():
    return ()


def test_a_call_takes_no_less_than_it_takes_and_waiting_is_no_work():
    _, times = timed(lambda: time.sleep(0.05), nothing, 3)
    assert len(times.seconds) == 3
    assert min(times.seconds) >= 0.05
    assert times.median >= 0.05
    assert times.cpu < 0.05
    assert times.programs == 0


def test_the_first_call_is_not_counted():
    calls = []

    def call():
        calls.append(1)
        time.sleep(1.0 if len(calls) == 1 else 0)
        return len(calls)

    result, times = timed(call, nothing, 4)
    assert result == 1
    assert len(calls) == 5
    assert sum(times.seconds) < 1.0


def test_the_median_counts_and_not_the_mean():
    assert Times((1.0, 1.0, 90.0, 1.0, 1.0), 1.0, 0.0).median == 1.0
    assert Times((2.0, 1.0), 1.0, 0.0).median == 1.5


def test_every_call_gets_arguments_of_its_own():
    seen = []
    timed(seen.append, lambda: ([],), 3)
    assert len(seen) == len({id(one) for one in seen}) == 4


def test_work_counts_whoever_did_it_the_process_or_a_program():
    def own():
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    _, times = timed(own, nothing, 2)
    assert times.cpu == pytest.approx(0.2, abs=0.05)
    assert times.programs == 0
    program = [sys.executable, "-S", "-E", "-c", LOOP.format(0.1)]
    _, times = timed(lambda: subprocess.run(program, check=True), nothing, 2)
    assert times.cpu >= times.programs >= 0.2


def test_cores_that_others_keep_at_work_are_told_from_our_own():
    start = Clocks(100.0, 5.0, {0: 40.0, 1: 70.0})
    assert cores_of_others(start, Clocks(110.0, 14.0, {0: 49.0, 1: 70.0})) == 0.0
    assert cores_of_others(start, Clocks(110.0, 14.0, {0: 50.0, 1: 78.0})) == pytest.approx(0.9)
    assert cores_of_others(start, Clocks(110.0, 14.0, {})) is None


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not tell what its cores do")
def test_a_process_beside_us_is_seen():
    with subprocess.Popen([sys.executable, "-S", "-E", "-c", LOOP.format(60)]) as beside:
        before = read_clocks()
        time.sleep(1.0)
        after = read_clocks()
        beside.kill()
    assert cores_of_others(before, after) > 0.5


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system cannot pin")
def test_the_idlest_core_that_we_may_use_is_ours():
    allowed = os.sched_getaffinity(0)
    idlest = max(allowed)
    forbidden = max(allowed) + 1
    before = Clocks(0.0, 0.0, dict.fromkeys([*allowed, forbidden], 50.0))
    worked = dict.fromkeys(allowed, 51.0) | {idlest: 50.1, forbidden: 50.0}
    try:
        assert pin_to_idlest_core(before, Clocks(1.0, 0.0, worked)) == idlest
        assert os.sched_getaffinity(0) == {idlest}
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_machine_is_told_by_its_processor():
    told = machine()
    assert told["cpu"]
    assert 1 <= told["usable_cores"] <= told["cores"]
    assert told["platform"]
