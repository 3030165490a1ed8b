"""Whether an entropy model of a variant's own decodes what it encoded, here and on any other machine."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import FRACTION_BITS, QUALITY_STEP, Exact, run
from jpegai_bench.network.cdf_tables import scale_tables
from jpegai_bench.network.codec import ALIGNMENT, BRANCHES, Network, NetworkSize
from jpegai_bench.network.coding import Coder, aligned
from jpegai_bench.network.context import Change, Pass
from jpegai_bench.network.entropy import EntropyModel, Part
from jpegai_bench.network.modules import NetworkModules

_HEIGHT, _WIDTH = 80, 112
"""Of a picture whose chroma latent has an odd side."""
_SPREAD = 0.1


def check_entropy_models(modules: NetworkModules, size: NetworkSize) -> None:
    """Build the entropy models with random weights, walk over their passes, code and decode a small picture.

    Raises:
        BenchError: one cannot be built or run; its passes do not decode each value once; it computes with
            other than the arithmetic that it is given; or its decoder finds other latents than its encoder
            had. The message names the place.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for branch in BRANCHES:
            _check_parts(modules, getattr(size, f"hyper_{branch}"), getattr(size, f"latent_{branch}"))
        network = _built(modules, size)
        step = QUALITY_STEP * (size.qualities - 1) // 2
        reference: Tensor | None = None
        for branch, stride in zip(BRANCHES, (ALIGNMENT // 2, ALIGNMENT), strict=True):
            shape = (aligned(_HEIGHT) // stride, aligned(_WIDTH) // stride)
            decoded = _walked(
                network.entropy(branch), Exact(step), shape, reference, f"entropy.context, {branch}"
            )
            reference = network.chroma_reference(decoded, Exact(step)) if branch == "luma" else None
        coder = Coder(network, scale_tables(), bytes(8))
        coded = coder.encode(
            coder.analyze(torch.randint(256, (_HEIGHT, _WIDTH, 3)).byte().numpy()), step / QUALITY_STEP
        )
        latents = coder.decode_latents(coded.stream)
    if not all(map(torch.equal, latents, coded.latents)):
        raise BenchError("entropy: the decoder finds other symbols than the encoder wrote")


def _check_parts(modules: NetworkModules, channels: int, latent: int) -> None:
    """The hyper-synthesis of a branch, which the context model is built on."""
    if not modules.entropy_hyper_synthesis:
        return
    place = "entropy.hyper_synthesis"
    try:
        layers = modules.entropy_hyper_synthesis(channels, latent)
        made = run(Exact(0), layers, torch.ones(1, channels, 2, 2, dtype=torch.float64)).shape
    except Exception as error:
        raise BenchError(f"{place} cannot be run in integers: {first_line(error)}") from None
    if not isinstance(layers, nn.Sequential) or not isinstance(layers[-1], nn.Conv2d):
        raise BenchError(f"{place} must be a torch.nn.Sequential that ends with a convolution")
    if tuple(made) != (1, 2 * latent, 8, 8):
        raise BenchError(
            f"{place} makes {tuple(made)} of (1, {channels}, 2, 2); it must make (1, {2 * latent}, 8, 8)"
        )


def _built(modules: NetworkModules, size: NetworkSize) -> Network:
    try:
        network = Network(size, modules)
    except Exception as error:
        raise BenchError(f"entropy.context cannot be built: {first_line(error)}") from None
    for branch in BRANCHES:
        model = network.entropy(branch)
        steps = model.passes
        if not isinstance(steps, nn.ModuleList) or not all(isinstance(step, Pass) for step in steps):
            raise BenchError(
                f"entropy.context is a {type(steps).__name__}; it must be a torch.nn.ModuleList of Pass"
            )
        for parameter in model.parameters():
            parameter.add_(_SPREAD * torch.randn_like(parameter))
    return network


def _walked(
    model: EntropyModel, arithmetic: Exact, shape: tuple[int, int], reference: Tensor | None, place: str
) -> Tensor:
    """What a walk over random side information decodes, in units of the arithmetic."""
    hyper = (model.side_log2_scale.numel(), *(-(-length // 4) for length in shape))
    side = model.side(arithmetic, torch.randint(-3, 4, (1, *hyper)).double() * arithmetic.unit, *shape)
    met = torch.zeros(1, model.latent, *shape)
    for step in model.passes:
        assert isinstance(step, Pass)
        step.change = partial(_integers, place, step.change)  # type: ignore[method-assign]

    def code(parts: Sequence[Part]) -> list[Tensor]:
        for part in parts:
            part.of(met).add_(1)
        return [part.mean + torch.randint(-3, 4, part.mean.shape) * (1 << FRACTION_BITS) for part in parts]

    try:
        decoded = model.walk(arithmetic, side, code, reference)
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{place} cannot be walked: {first_line(error)}") from None
    if not bool((met == 1).all()):
        raise BenchError(
            f"{place}: its passes decode some values {int(met.min())} and some {int(met.max())} times"
        )
    return decoded


def _integers(place: str, change: Callable[..., Change], *of: Any) -> Change:
    made = change(*of)
    if any(bool((values != values.floor()).any()) for values in made):
        raise BenchError(
            f"{place}: what a pass predicts is no integer in exact arithmetic; compute with the functions of "
            "`arithmetic` alone"
        )
    return made


def first_line(error: BaseException) -> str:
    """What kind of error it is, and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
