"""Memory that a call takes at its highest, and the fastest matrix product."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jpegai_bench.codecs.stopwatch import no_wait
from jpegai_bench.latency.memory import peak_bytes
from jpegai_bench.latency.peak import measured_peak

MEGABYTE = 1_000_000
linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the system does not tell the high-water mark"
)


def array(megabytes):
    return np.ones(megabytes * MEGABYTE // 8)


@linux
def test_the_most_at_once_counts_not_the_sum_and_not_what_was_held_before():
    held = array(100)

    def call():
        for _ in range(3):
            array(40).sum()

    for _ in range(2):
        assert 38 * MEGABYTE <= peak_bytes(call) < 60 * MEGABYTE  # the system counts roughly
    assert held.sum() == held.size


@linux
def test_what_an_earlier_call_took_and_freed_is_taken_again_by_the_next():
    small = [peak_bytes(lambda: [np.ones(MEGABYTE // 80) for _ in range(400)]) for _ in range(3)]
    assert min(small) >= 0.8 * 40 * MEGABYTE


@linux
def test_torch_is_measured_too():
    assert peak_bytes(lambda: torch.ones(60 * MEGABYTE // 4)) >= 55 * MEGABYTE


def test_a_peak_is_the_fastest_of_what_was_tried_and_half_the_precision_is_faster():
    single, double = (measured_peak(precision, "cpu", no_wait) for precision in ("float32", "float64"))
    assert single.gflop_s > double.gflop_s > 0.1
    for peak in (single, double):
        assert peak.gflop_s >= peak.product_gflop_s
        assert (peak.gflop_s == peak.product_gflop_s) == peak.by.startswith("product of ")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_its_own_memory_and_peak_are_measured():
    taken = peak_bytes(lambda: torch.ones(60 * MEGABYTE // 4, device="cuda"), "cuda")
    assert 60 * MEGABYTE <= taken < 64 * MEGABYTE
    assert measured_peak("float32", "cuda", torch.cuda.synchronize).gflop_s > 100
