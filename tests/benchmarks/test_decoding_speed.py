"""How much faster Restormer blocks are in strips than as they are written, with the same output.

pytest -m benchmark -s tests/benchmarks/test_decoding_speed.py
JPEGAI_BENCH_SECONDS=5 is how long each pair takes turns. One thread; the fastest of each counts.
"""

import os
import time

import pytest
import torch

from jpegai_bench.network.attention import RestormerStack

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),
]

SECONDS = float(os.environ.get("JPEGAI_BENCH_SECONDS", "5"))
HEIGHT, WIDTH = 512, 768
"""The picture; attention works at a quarter and at half of it."""


@pytest.mark.parametrize(
    ("place", "channels", "blocks", "reduction"),
    [
        ("small 1/4", 48, 2, 4),
        ("small 1/2, split", 24, 2, 2),
        ("paper 1/4", 128, 6, 4),
        ("paper 1/2, split", 64, 6, 2),
    ],
)
def test_blocks_in_strips(place, channels, blocks, reduction) -> None:
    torch.manual_seed(0)
    stack = RestormerStack(channels, blocks).eval()
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    x = torch.randn(1, channels, HEIGHT // reduction, WIDTH // reduction)
    with torch.inference_mode():
        calls = {"as written": lambda: stack.blocks(x), "in strips": lambda: stack(x)}
        apart = (calls["as written"]() - calls["in strips"]()).abs().max().item()
        best = dict.fromkeys(calls, float("inf"))
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end or float("inf") in best.values():
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
    written, strips = best.values()
    print(
        f"\n{place}, {blocks} blocks of {channels} channels: as written {written:.3f} s, "
        f"in strips {strips:.3f} s, {written / strips:.2f} times as fast, apart by {apart:.0e}"
    )
    assert apart < 1e-5
