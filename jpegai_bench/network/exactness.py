"""Whether an entropy model of a variant's own decodes what it encoded, here and on any other machine."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import QUALITY_STEP, Exact, run
from jpegai_bench.network.cdf_tables import scale_tables
from jpegai_bench.network.codec import ALIGNMENT, BRANCHES, Network, NetworkSize
from jpegai_bench.network.coding import Coder, aligned
from jpegai_bench.network.context import Change, Pass
from jpegai_bench.network.entropy import EntropyModel, Part
from jpegai_bench.network.exact_operations import ExactOnly
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.system.defects import first_line

_PICTURES = ((80, 112), (32, 32))
"""Heights and widths: of a picture whose chroma latent has an odd side, and of one whose has one sample."""
_SPREAD = 0.1
_LARGEST_SIDE = 2.0**20
"""Of side information, which gains multiply by 16; the range coder takes up to 2**24."""


def check_entropy_models(modules: NetworkModules, size: NetworkSize) -> None:
    """Build the entropy models with random weights, walk over their passes, code and decode a small picture.

    Raises:
        BenchError: one cannot be built or run; its passes do not decode each value once; it computes with
            what is not the same on every machine; it predicts what cannot be coded; or its decoder finds
            other latents than its encoder had. The message names the place.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for branch in BRANCHES:
            _check_parts(modules, getattr(size, f"hyper_{branch}"), getattr(size, f"latent_{branch}"))
        network = _built(modules, size)
        for picture in _PICTURES:
            _walk(network, picture)
        _code(modules, network)


def _walk(network: Network, picture: tuple[int, int]) -> None:
    """Over the passes of both branches, as for a picture of this height and width."""
    arithmetic = Exact(_middle(network))
    reference: Tensor | None = None
    for branch, stride in zip(BRANCHES, (ALIGNMENT // 2, ALIGNMENT), strict=True):
        rows, columns = (aligned(length) // stride for length in picture)
        model, place = network.entropy(branch), f"entropy.context, {branch}"
        decoded = _walked(model, arithmetic, (rows, columns), reference, place)
        reference = network.chroma_reference(decoded, arithmetic) if branch == "luma" else None


def _code(modules: NetworkModules, network: Network) -> None:
    """Encode and decode a small picture."""
    own = ("context", "hyper_synthesis", "hyper_analysis")
    place = next(f"entropy.{name}" for name in own if getattr(modules, f"entropy_{name}"))
    coder = Coder(network, scale_tables(), bytes(8))
    image = coder.analyze(torch.randint(256, (*_PICTURES[0], 3)).byte().numpy())
    for branch, latent, z in zip(BRANCHES, image.latents, image.z, strict=True):
        if not bool(torch.isfinite(latent).all()):
            raise BenchError(f"analysis.{branch} makes NaN or infinity")
        if not bool((z.abs() <= _LARGEST_SIDE).all()):
            raise BenchError(f"entropy.hyper_analysis makes NaN, or values beyond {_LARGEST_SIDE:,.0f}")
    try:
        coded = coder.encode(image, _middle(network) / QUALITY_STEP)
    except Exception as error:
        what = str(error) if isinstance(error, BenchError) else first_line(error)
        raise BenchError(f"{place}: what it predicts cannot be coded: {what}") from None
    try:
        agrees = all(map(torch.equal, coder.decode_latents(coded.stream), coded.latents))
    except Exception:  # whatever it meets once symbols are others: the end of the stream, one out of range
        agrees = False
    if not agrees:
        raise BenchError(
            f"{place}: its decoder finds other symbols than its encoder wrote; what it computes must follow "
            "from its arguments and its weights alone"
        )


def _middle(network: Network) -> int:
    """The middle quality, in thousandths."""
    return QUALITY_STEP * (network.size.qualities - 1) // 2


def _check_parts(modules: NetworkModules, channels: int, latent: int) -> None:
    """The hyper-synthesis of a branch, which the context model is built on."""
    if not modules.entropy_hyper_synthesis:
        return
    place = "entropy.hyper_synthesis"
    try:
        layers = modules.entropy_hyper_synthesis(channels, latent)
        with ExactOnly(place):
            made = run(Exact(0), layers, torch.ones(1, channels, 2, 2, dtype=torch.float64)).shape
    except BenchError:
        raise
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
        for step in steps:
            assert isinstance(step, Pass)
            if not 0 <= step.first < step.end <= model.latent:
                raise BenchError(
                    f"entropy.context, {branch}: a pass has channels {step.first} to {step.end}; the latent "
                    f"has {model.latent}"
                )
            checked = partial(_integers, f"entropy.context, {branch}", step.change)
            step.change = checked  # type: ignore[method-assign]
        for parameter in model.parameters():
            parameter.add_(_SPREAD * torch.randn_like(parameter))
    return network


def _walked(
    model: EntropyModel, arithmetic: Exact, shape: tuple[int, int], reference: Tensor | None, place: str
) -> Tensor:
    """What a walk over random side information decodes, in units of the arithmetic."""
    hyper = (model.side_log2_scale.numel(), *(-(-length // 4) for length in shape))
    side = model.side(arithmetic, torch.randint(-3, 4, (1, *hyper)).double() * arithmetic.unit, *shape)
    met, symbols = torch.zeros(1, model.latent, *shape), torch.randint(-3, 4, (1, model.latent, *shape))

    def code(parts: Sequence[Part]) -> list[Tensor]:
        for part in parts:
            part.of(met).add_(1)
        return [part.mean + part.of(symbols) * arithmetic.unit for part in parts]

    try:
        with ExactOnly(place):
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
    if not all(bool(torch.isfinite(values).all()) for values in made):
        raise BenchError(f"{place}: a pass predicts NaN or infinity")
    if any(bool((values != values.floor()).any()) for values in made):
        raise BenchError(
            f"{place}: what a pass predicts is no integer in exact arithmetic; compute with the functions of "
            "`arithmetic` alone"
        )
    return made
