"""Whether modules under study fit their places in the network."""

import copy
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import ALIGNMENT, Latents, Network, NetworkSize
from jpegai_bench.network.exactness import check_entropy_models, first_line
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.transforms import Synthesis, by_depth

_PLACES = {
    **{name: name for name in ("attention_quarter", "attention_half")},
    **{f"up{number}": "upsampling" for number in (1, 2, 3)},
    "up4": "last_upsampling",
    **{f"act{number}": "activation" for number in (1, 2, 3)},
}
"""Of what modules of the paper's synthesis are called, by the names that variants give."""
_META, _CPU = torch.device("meta"), torch.device("cpu")
_AT = (64, 96)
"""Not square, so that a module that swaps the two is noticed."""


@cache
def check_modules(modules: NetworkModules, size: NetworkSize) -> torch.device:
    """Build and run each module for the channel counts of both branches, on torch's meta device if it can be.

    Returns:
        Where all of them can be built and run: the meta device, or the CPU.

    Raises:
        BenchError: a module cannot be built or run, or does not make the shape that it must; an entropy model
            is not exact; the message begins with the name of its place.
    """
    trials = dict.fromkeys([*_of_synthesis(modules, size), *_of_encoder(modules, size)])
    devices = {_check(trial) for trial in trials}
    if modules.entropy_context or modules.entropy_hyper_analysis or modules.entropy_hyper_synthesis:
        check_entropy_models(modules, size)
    return _CPU if _CPU in devices else _META


class _Trial(NamedTuple):
    """A module at a place: what its factory is called with, and the shapes that it must take and make."""

    place: str
    factory: Callable[..., nn.Module]
    channels: tuple[int, ...]
    """Of its call; outputs last, what comes before adds up to the inputs."""
    at: tuple[int, int] = _AT
    """Height and width of its input."""
    factor: Fraction = Fraction(1)
    """By which height and width grow; what is left over of a row or column counts as one."""

    @property
    def given(self) -> tuple[int, ...]:
        """The shape of its input."""
        return 1, sum(self.channels[:-1]) or self.channels[0], *self.at

    @property
    def wanted(self) -> tuple[int, ...]:
        """The shape that it must make."""
        return 1, self.channels[-1], *(math.ceil(length * self.factor) for length in self.at)


def _of_synthesis(modules: NetworkModules, size: NetworkSize) -> Iterator[_Trial]:
    luma, chroma = size.latent_luma, size.latent_chroma
    whole = {"luma": modules.synthesis_luma, "chroma": modules.synthesis_chroma}
    sizes = {"luma": (luma, 1), "chroma": (chroma, luma, 2)}
    for branch, latent, widths in (("luma", luma, size.luma), ("chroma", size.chroma_input, size.chroma)):
        if factory := whole[branch]:
            for at in ((4, 6), (5, 3)):  # odd latents too
                yield _Trial(f"synthesis.{branch}", factory, sizes[branch], at, Fraction(16))
        else:
            yield from _of_parts(modules, latent, by_depth(widths), sizes[branch][-1])


def _of_parts(
    modules: NetworkModules, latent: int, widths: tuple[int, int, int], outputs: int
) -> Iterator[_Trial]:
    half, quarter, eighth = widths
    yield _Trial("attention_quarter", modules.attention_quarter, (quarter,))
    yield _Trial("attention_half", modules.attention_half, (half,))
    for width in sorted({half, quarter, eighth}):
        yield _Trial("activation", modules.activation, (width,))
    for pair in sorted({(latent, eighth), (eighth, quarter), (quarter, half)}):
        yield _Trial("upsampling", modules.upsampling, pair, factor=Fraction(2))
    if modules.residual:
        yield _Trial("residual", modules.residual, (latent,))
    if modules.last_upsampling:
        yield _Trial("last_upsampling", modules.last_upsampling, (half, outputs), factor=Fraction(2))


def _of_encoder(modules: NetworkModules, size: NetworkSize) -> Iterator[_Trial]:
    for branch, inputs, whole in (("luma", 1, modules.analysis_luma), ("chroma", 3, modules.analysis_chroma)):
        latent, hyper = getattr(size, f"latent_{branch}"), getattr(size, f"hyper_{branch}")
        half, quarter, eighth = by_depth(getattr(size, branch))
        if whole:
            yield _Trial(f"analysis.{branch}", whole, (inputs, latent), (64, 96), Fraction(1, 16))
        else:
            if modules.analysis_attention:
                yield _Trial("analysis.attention", modules.analysis_attention, (quarter,))
            if modules.analysis_activation:
                for width in sorted({half, quarter, eighth}):
                    yield _Trial("analysis.activation", modules.analysis_activation, (width,))
        if modules.entropy_hyper_analysis:
            trial = _Trial("entropy.hyper_analysis", modules.entropy_hyper_analysis, (latent, hyper))
            yield trial._replace(factor=Fraction(1, 4))


def check_network(network: Network, crop: int) -> None:
    """Run the synthesis once on noise as large as the latents of a crop, on a CPU.

    Raises:
        BenchError: a module under study fails there, or makes what is not finite; its place is named.
    """
    at = ""

    def enter(place: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            nonlocal at
            at = place

        return hook

    def leave(place: str) -> Callable[..., None]:
        def hook(_module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            if bool(torch.isfinite(given[0]).all()) and not bool(torch.isfinite(made).all()):
                raise BenchError(f"{place} makes NaN or infinity of noise of {tuple(given[0].shape)}")

        return hook

    network = copy.deepcopy(network)  # modules may take from their first input what they begin with
    for branch, synthesis in network.synthesis.items():
        for name, module in synthesis.named_children():
            place = (
                _PLACES.get(name, name) if isinstance(synthesis, Synthesis) else f"synthesis.{branch}.{name}"
            )
            module.register_forward_pre_hook(enter(place))
            module.register_forward_hook(leave(place))
    size, luma, chroma = network.size, crop // (ALIGNMENT // 2), crop // ALIGNMENT
    random = torch.Generator().manual_seed(0)
    latents = Latents(
        torch.randn(2, size.latent_luma, luma, luma, generator=random),
        torch.randn(2, size.latent_chroma, chroma, chroma, generator=random),
    )
    try:
        with torch.no_grad():
            network.synthesize(latents)
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{at} cannot be run on what a crop of {crop} gives: {first_line(error)}") from None


def _check(trial: _Trial) -> torch.device:
    """Where the module can be built and run: the meta device, else the CPU.

    Raises:
        BenchError: nowhere; it makes another shape than it must; or it keeps what weights do not hold.
    """
    try:
        module, device = _run(trial, _META), _META
    except BenchError:
        module, device = _run(trial, _CPU), _CPU
    for name in sorted(_persistent_buffers(module)):
        used, fresh = (_persistent_buffers(made) for made in (_run(trial, _CPU), _built(trial, _CPU)))
        if not torch.equal(used[name], fresh[name]):
            raise BenchError(
                f"{trial.place} keeps {name} beside its parameters, as batch normalisation does, and weights "
                "hold parameters alone; take another normalisation"
            )
    return device


def _persistent_buffers(module: nn.Module) -> dict[str, Tensor]:
    parameters = dict(module.named_parameters())
    return {name: tensor for name, tensor in module.state_dict().items() if name not in parameters}


def _run(trial: _Trial, device: torch.device) -> nn.Module:
    """The module, after it has run once."""
    module, given = _built(trial, device), trial.given
    if not isinstance(module, nn.Module):
        raise BenchError(f"{trial.place} is a {type(module).__name__}; it must be a torch.nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters()):
        raise BenchError(
            f"{trial.place} has lazy layers, which weights cannot be loaded into; give their channels"
        )
    try:
        with torch.no_grad():
            output = module.to(device)(torch.ones(given, device=device))
    except Exception as error:
        raise BenchError(f"{trial.place} cannot be run on an input of {given}: {first_line(error)}") from None
    made = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if made != trial.wanted:
        raise BenchError(f"{trial.place} makes {made} of {given}; it must make {trial.wanted}")
    return module


def _built(trial: _Trial, device: torch.device) -> nn.Module:
    counts = " to ".join(map(str, trial.channels))
    try:
        with torch.device(device):
            return trial.factory(*trial.channels)
    except Exception as error:
        raise BenchError(
            f"{trial.place} cannot be built for {counts} channels: {first_line(error)}"
        ) from None
