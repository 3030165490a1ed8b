"""How much faster the metrics are than a plain loop over libraries, with the same values.

pytest -m benchmark -s tests/benchmarks/test_metric_speed.py
JPEGAI_BENCH_DATA names the folder that holds kodak/; JPEGAI_BENCH_IMAGES=4 takes the first four photographs.
"""

import io
import math
import os
import time
from contextlib import closing

import numpy as np
import pytest
import torch
from libraries import CPU, LIBRARIES, scores
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.measure import METRICS, Reference, measure
from jpegai_bench.metrics.planes import prepare
from jpegai_bench.system.processes import spread

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore::FutureWarning")]

QUALITIES = (5, 15, 35, 65, 90)
CORES = len(os.sched_getaffinity(0))
Task = tuple[Image8, list[Image8]]


@pytest.fixture(scope="module")
def kodak() -> list[Task]:
    try:
        images = load("kodak").images
    except BenchError as error:
        pytest.skip(str(error))
    pictures = [image.read() for image in images[: int(os.environ.get("JPEGAI_BENCH_IMAGES", "24"))]]
    return [(picture, [coded(picture, quality) for quality in QUALITIES]) for picture in pictures]


@pytest.fixture
def default_threads():
    """What a program gets that says nothing; the tests' own settings hold torch to one."""
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield
    torch.set_num_threads(before)


def coded(picture: Image8, quality: int) -> Image8:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def prepared(task: Task) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    reference = Reference(task[0])
    return [reference.compare(distorted).values for distorted in task[1]]


def test_kodak_at_five_rates(kodak, default_threads) -> None:
    pairs = [(reference, distorted) for reference, several in kodak for distorted in several]
    scores(*pairs[0], torch.float64)  # libraries load what they need when first called

    start = time.perf_counter()
    plain = [scores(*pair, torch.float64) for pair in pairs]
    libraries = time.perf_counter() - start

    start = time.perf_counter()
    rough = [scores(*pair, torch.float32) for pair in pairs]
    single = time.perf_counter() - start

    start = time.perf_counter()
    alone = [measure(*pair, threads=CORES).values for pair in pairs]
    own_loop = time.perf_counter() - start

    start = time.perf_counter()
    with closing(spread(prepared, kodak, CORES, ["jpegai_bench.metrics.measure"])) as work:
        found = {id(task): values for task, values in work}
    ours = [values for task in kodak for values in found[id(task)]]
    spread_out = time.perf_counter() - start

    worst, worst_rough = (
        {name: max(abs(a[name] - b[name]) for a, b in zip(theirs, ours, strict=True)) for name in ours[0]}
        for theirs in (plain, rough)
    )
    print(f"\n{len(kodak)} photographs at {len(QUALITIES)} rates, {CORES} cores, seconds a pair")
    for name, seconds in (
        ("libraries, pair by pair, all in float64", libraries),
        ("the same, MS-SSIM and VIF in float32", single),
        ("ours, pair by pair, default threads", own_loop),
        ("ours, reference prepared, a process a core", spread_out),
    ):
        print(f"{name:45} {seconds / len(pairs):7.3f}   {seconds / spread_out:5.1f} times ours")
    print("largest difference from the libraries:", {name: f"{value:.0e}" for name, value in worst.items()})
    print("the same, of float32:", {name: f"{worst_rough[name]:.0e}" for name in ("ms_ssim", "vif")})
    assert max(worst.values()) < 1e-9
    for one, other in zip(alone, ours, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("size", [(512, 768), (1536, 2048)], ids=["768x512", "2048x1536"])
def test_seconds_a_pair_by_metric(kodak, default_threads, size) -> None:
    reference, distorted = (mosaic(kodak, which, size) for which in (None, 2))
    first, second = prepare(reference), prepare(distorted)
    print(f"\n{size[1]}x{size[0]}, seconds; libraries on {CORES} threads, ours on one")
    print(f"{'metric':12} {'libraries':>10} {'reference':>10} {'compare':>10}")
    for metric in METRICS:
        name = metric.COLUMNS[0]
        torch.set_num_threads(CORES)
        before, expected = best_of(lambda name=name: LIBRARIES[name](first, second))
        torch.set_num_threads(1)
        with torch.inference_mode():
            once, half = best_of(lambda metric=metric: metric.prepare(first, CPU))
            after, found = best_of(lambda metric=metric, half=half: metric.compare(half, second))
        print(f"{name:12} {before:10.3f} {once:10.3f} {after:10.3f}")
        assert found[name] == pytest.approx(expected[name], abs=1e-9)


def best_of(work, most_seconds: float = 10.0):
    """The shortest of up to five times, and the result."""
    shortest, spent, result = math.inf, 0.0, None
    for _ in range(5):
        start = time.perf_counter()
        result = work()
        took = time.perf_counter() - start
        shortest, spent = min(shortest, took), spent + took
        if spent > most_seconds:
            break
    return shortest, result


def mosaic(kodak, which: int | None, size: tuple[int, int]) -> Image8:
    """Photographs side by side, cut to `size`; the originals, or those of one quality."""
    wide = [picture if which is None else several[which] for picture, several in kodak]
    wide = [picture for picture in wide if picture.shape == (512, 768, 3)]
    across, down = math.ceil(size[1] / 768), math.ceil(size[0] / 512)
    rows = [
        np.concatenate([wide[(r * across + c) % len(wide)] for c in range(across)], 1) for r in range(down)
    ]
    return np.ascontiguousarray(np.concatenate(rows)[: size[0], : size[1]])
