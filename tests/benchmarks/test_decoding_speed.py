"""How much faster a synthesis is by kernels or in bfloat16, and Restormer blocks are in strips.

pytest -m benchmark -s tests/benchmarks/test_decoding_speed.py
JPEGAI_BENCH_SECONDS=5 is how long those that are compared take turns. The fastest of each counts.
"""

import os
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial

import pytest
import torch
from command import settings
from torch import Tensor

from jpegai_bench.analysis.complexity import luma_part
from jpegai_bench.codecs.timed_parts import work
from jpegai_bench.config.variants import packaged_variant, variant_names
from jpegai_bench.latency.peak import measured_peak
from jpegai_bench.network.attention import RestormerStack
from jpegai_bench.network.bfloat16 import use_bfloat16
from jpegai_bench.network.codec import Latents, Network
from jpegai_bench.network.kernels import library
from jpegai_bench.network.kernels.decoder import use_kernels

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),
]

SECONDS = float(os.environ.get("JPEGAI_BENCH_SECONDS", "5"))
HEIGHT, WIDTH = 512, 768
"""The picture; attention works at a quarter and at half of it."""


VARIANTS = ("base", "combined", "sop", "bop", "hop")


def fastest(
    calls: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.thread_time
) -> dict[str, float]:
    """Seconds of each, by turns, after one that does not count; of this thread, whatever else goes on."""
    for call in calls.values():
        call()
    best = dict.fromkeys(calls, float("inf"))
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or float("inf") in best.values():
        for name, call in calls.items():
            start = clock()
            call()
            best[name] = min(best[name], clock() - start)
    return best


def random_network(model: str, variant: str) -> Network:
    """Weights that no training has seen: they take as long."""
    chosen = settings(f"model={model}")
    size = chosen.model.network_size()
    torch.manual_seed(0)
    network = Network(size, packaged_variant(chosen, variant).modules(size)).eval()
    with torch.no_grad():
        for parameter in network.synthesis.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def random_latents(network: Network) -> Latents:
    size, rows, columns = network.size, HEIGHT // 16, WIDTH // 16
    return Latents(
        torch.randn(1, size.latent_luma, rows, columns),
        torch.randn(1, size.latent_chroma, rows // 2, columns // 2),
    )


def by_kernels(network: Network) -> Network:
    if library.version() == "none":
        pytest.skip("no kernels: is there a C++ compiler?")
    fast = deepcopy(network)
    use_kernels(fast.synthesis)
    return fast


def stages(network: Network, latents: Latents) -> "dict[str, partial[Tensor]]":
    """Each stage of the luma synthesis, and the chroma synthesis, on what it gets."""
    given: dict[str, Tensor] = {}
    places = {luma_part(name): stage for name, stage in network.synthesis["luma"].named_children()}
    places["chroma synthesis"] = network.synthesis["chroma"]
    hooks = [
        stage.register_forward_pre_hook(lambda _, args, name=name: given.update({name: args[0]}))
        for name, stage in places.items()
    ]
    network.synthesize(latents)
    for hook in hooks:
        hook.remove()
    return {name: partial(stage, given[name]) for name, stage in places.items()}


@pytest.mark.parametrize("model", ["small", "paper"])
def test_synthesis_by_kernels(model) -> None:
    calls, apart = {}, 0.0
    with torch.inference_mode():
        for variant in VARIANTS:
            plain = random_network(model, variant)
            fast, latents = by_kernels(plain), random_latents(plain)
            for first, second in zip(plain.synthesize(latents), fast.synthesize(latents), strict=True):
                apart = max(apart, float((first - second).abs().max() / first.abs().max()))
            calls[f"{variant} by torch"] = partial(plain.synthesize, latents)
            calls[f"{variant} by kernels"] = partial(fast.synthesize, latents)
        best = fastest(calls)
    for variant in VARIANTS:
        by_torch, kernels = best[f"{variant} by torch"], best[f"{variant} by kernels"]
        print(f"\n{model}, {variant}: by torch {by_torch:.3f} s, by kernels {kernels:.3f} s, ", end="")
        print(f"{by_torch / kernels:.2f} times as fast", end="")
    for way in ("torch", "kernels"):
        print(f"\n{model}, base / combined by {way}: ", end="")
        print(f"{best[f'base by {way}'] / best[f'combined by {way}']:.2f}", end="")
    print(f"\n{model}: apart by {apart:.0e} of the largest")
    assert apart < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", ["small", "paper"])
def test_synthesis_in_bfloat16(model, variant) -> None:
    plain = random_network(model, variant)
    fast, half, latents = by_kernels(plain), deepcopy(plain), random_latents(plain)
    use_bfloat16(half.synthesis)
    networks = {"torch": plain, "kernels": fast, "bf16": half}
    with torch.inference_mode():
        best = fastest({name: partial(network.synthesize, latents) for name, network in networks.items()})
    print(f"\n{model}, {variant}: ", end="")
    print(", ".join(f"{name} {seconds:.3f} s" for name, seconds in best.items()), end="")


@pytest.mark.parametrize("model", ["small", "paper"])
@pytest.mark.parametrize("variant", variant_names())
def test_stages_by_kernels(model, variant) -> None:
    plain = random_network(model, variant)
    fast, latents = by_kernels(plain), random_latents(plain)
    peak = measured_peak("float32", "cpu", lambda: None).gflop_s
    counted = work(lambda: random_network(model, variant))
    print(f"\n{model}, {variant}, {peak:.0f} GFLOP/s at peak, {moves()}: ms, of peak; in and out")
    with torch.inference_mode():
        by_torch, kernels = stages(plain, latents), stages(fast, latents)
        for name in by_torch:
            best = fastest({"torch": by_torch[name], "kernels": kernels[name]})
            gflop = 2e-6 * counted[name].kmacs_px * HEIGHT * WIDTH
            shares = (f"{way} {1e3 * s:8.1f} {gflop / s / peak:4.0%}" for way, s in best.items())
            moved = sum(x.nbytes for x in (*kernels[name].args, kernels[name]())) / 1e6
            print(
                f"{name:22}",
                *shares,
                f"{moved:5.1f} MB, {moved / 1e3 / best['kernels']:4.1f} GB/s",
                sep="   ",
            )


def moves() -> str:
    """How fast this core reads a map of 67 MB, copies it into one that is there, and into a new one."""
    here, there = torch.ones(2, 1 << 24)
    best = fastest({"read": here.sum, "copied": lambda: there.copy_(here), "made": here.clone})
    share = {"read": 1, "copied": 2, "made": 2}
    return ", ".join(f"{share[way] * here.nbytes / 1e9 / s:.1f} GB/s {way}" for way, s in best.items())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", ["small", "paper"])
def test_two_threads_against_one(model, variant) -> None:
    network, seconds = by_kernels(random_network(model, variant)), {1: 0.0, 2: 0.0}

    def run(stage: Callable[[], Tensor], threads: int) -> None:
        torch.set_num_threads(threads)
        stage()

    with torch.inference_mode():  # by stage: what others do on a core disturbs both threads
        for stage in stages(network, random_latents(network)).values():
            best = fastest({f"{n}": partial(run, stage, n) for n in seconds}, time.perf_counter)
            seconds = {n: whole + best[f"{n}"] for n, whole in seconds.items()}
    one, two = seconds.values()
    print(f"\n{model}, {variant}: one thread {one:.3f} s, two {two:.3f} s, {one / two:.2f} times as fast")


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
        written, strips = fastest(calls).values()
    print(
        f"\n{place}, {blocks} blocks of {channels} channels: as written {written:.3f} s, "
        f"in strips {strips:.3f} s, {written / strips:.2f} times as fast, apart by {apart:.0e}"
    )
    assert apart < 1e-5
