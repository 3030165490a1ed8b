"""How many steps a second a training makes, beside the plain loop that codec papers start from.

pytest -m benchmark -s tests/benchmarks/test_training_speed.py
JPEGAI_BENCH_DATA names the folder that holds kodak/; JPEGAI_BENCH_STEPS=20 is how many steps a turn has.

The plain loop does what CompressAI's training example does: float32, default memory layout, a DataLoader
with four workers, Adam on everything, clipping at 1.
Network, loss, crops and qualities are the same. The two take turns.
"""

import os
import time
from statistics import median

import pytest
import torch
from command import settings
from pytorch_optimizer import SOAP as OTHER_SOAP
from recipes import small_operation, small_recipe
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader

from jpegai_bench.config.variants import variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load
from jpegai_bench.network.codec import Network
from jpegai_bench.training.data import Crops, Steps, collate, to_planes
from jpegai_bench.training.fit import Report, fit
from jpegai_bench.training.loss import betas, rate_distortion
from jpegai_bench.training.photographs import Photographs
from jpegai_bench.training.recipe import Recipe
from jpegai_bench.training.soap import SOAP

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore")]

CORES = len(os.sched_getaffinity(0))
STEPS = int(os.environ.get("JPEGAI_BENCH_STEPS", "20"))
TURNS = 3
WARM_UP = 3


@pytest.fixture(scope="module")
def photographs() -> Photographs:
    try:
        images = load("kodak").images
    except BenchError as error:
        pytest.skip(str(error))
    return Photographs([image.path for image in images], [], [])


@pytest.fixture(autouse=True)
def default_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield
    torch.set_num_threads(before)


def network(variant: str) -> Network:
    chosen = settings(f"+variant={variant}", "model=small")
    size = chosen.model.network_size()
    torch.manual_seed(0)
    return Network(size, variant_of(chosen).modules(size))


def plain(variant: str, photographs: Photographs, recipe: Recipe) -> list[float]:
    """Seconds of each step of the plain loop."""
    model = network(variant)
    qualities = model.size.qualities
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    crops = Crops(photographs.training, recipe, qualities)
    batches = DataLoader(crops, batch_sampler=Steps(0, recipe), collate_fn=collate, num_workers=4)
    model.train()
    ends = []
    for batch in batches:
        optimizer.zero_grad()
        planes = to_planes(batch.crops)
        output = model(planes, batch.quality)
        beta = betas(batch.quality, recipe.beta_lowest, recipe.beta_highest, qualities)
        loss = rate_distortion(output, planes, beta, recipe.ms_ssim_share, torch.ones_like(beta))
        loss.total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ends.append(time.perf_counter())
    return [after - before for before, after in zip(ends[WARM_UP - 1 :], ends[WARM_UP:], strict=False)]


def ours(variant: str, photographs: Photographs, recipe: Recipe, folder) -> list[float]:
    """Seconds of each step of a training as it is carried out by default."""
    ends: list[float] = []
    report = Report(progress=lambda _: ends.append(time.perf_counter()), warn=print)
    operation = small_operation(log_every=1)
    fit(network(variant), photographs, recipe, operation, folder, {}, report)
    return [after - before for before, after in zip(ends[WARM_UP - 1 :], ends[WARM_UP:], strict=False)]


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_steps_a_second(variant, photographs, tmp_path) -> None:
    recipe = small_recipe(steps=STEPS + WARM_UP, batch_size=8, crop=128)
    theirs, own = [], []
    for turn in range(TURNS):
        theirs += plain(variant, photographs, recipe)
        (tmp_path / str(turn)).mkdir()
        own += ours(variant, photographs, recipe, tmp_path / str(turn))
    plain_speed, own_speed = 1 / median(theirs), 1 / median(own)
    print(
        f"\n{variant}, {recipe.batch_size} crops of {recipe.crop}, {CORES} cores, steps a second: "
        f"plain loop {plain_speed:.2f}, ours {own_speed:.2f}, {own_speed / plain_speed:.2f} times"
    )
    assert len(theirs) == len(own) == TURNS * STEPS


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_what_a_step_spends_its_time_on(variant, photographs, tmp_path) -> None:
    recipe = small_recipe(steps=10, batch_size=4, crop=128)
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        ours(variant, photographs, recipe, tmp_path)
    seconds = {row.key: row.self_cpu_time_total for row in watched.key_averages()}
    whole = sum(seconds.values())
    largest = sorted(seconds, key=seconds.__getitem__, reverse=True)[:12]
    print(
        f"\n{variant}, {recipe.batch_size} crops of {recipe.crop}: share of the time of {recipe.steps} steps"
    )
    print("\n".join(f"{seconds[name] / whole:6.1%}  {name}" for name in largest))
    assert any("convolution" in name for name in largest)


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_steps_of_soap(variant) -> None:
    """Ours beside that of a library; gradients are random, and take as long."""
    optimizers = {}
    for name, make in (("pytorch-optimizer", OTHER_SOAP), ("ours", SOAP)):
        parameters = list(network(variant).to(memory_format=torch.channels_last).synthesis.parameters())
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        optimizers[name] = make(parameters, lr=1e-3)
        optimizers[name].step()  # makes the first bases
    seconds = {name: [] for name in optimizers}
    for _ in range(STEPS):
        for name, optimizer in optimizers.items():
            begun = time.perf_counter()
            optimizer.step()
            seconds[name].append(time.perf_counter() - begun)
    theirs, own = (sum(each) / STEPS for each in seconds.values())
    print(
        f"\n{variant}: {1000 * theirs:.0f} and {1000 * own:.0f} ms a step, {theirs / own:.2f} times as fast"
    )
