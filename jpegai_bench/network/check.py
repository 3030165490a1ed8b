"""Whether modules under study fit their places in the synthesis transform."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import ALIGNMENT, Latents, Network, NetworkSize
from jpegai_bench.network.transforms import Synthesis, SynthesisModules, by_depth

_PLACES = {
    **{name: name for name in ("attention_quarter", "attention_half")},
    **{f"up{number}": "upsampling" for number in (1, 2, 3)},
    "up4": "last_upsampling",
    **{f"act{number}": "activation" for number in (1, 2, 3)},
}
"""Of what modules of the paper's synthesis are called, by the names that variants give."""
_AT = (64, 96)
"""Not square, so that a module that swaps the two is noticed."""


def check_modules(modules: SynthesisModules, size: NetworkSize) -> None:
    """Build and run each module for the channel counts of both branches, on torch's meta device.

    Raises:
        BenchError: a module cannot be built or run, or does not keep the shape (upsampling: double it); the
            message begins with the name of its place.
    """
    luma, chroma = size.latent_luma, size.latent_chroma
    whole = {"luma": modules.luma_synthesis, "chroma": modules.chroma_synthesis}
    sizes = {"luma": (luma, 1), "chroma": (chroma, luma, 2)}
    for branch, latent, widths in (("luma", luma, size.luma), ("chroma", size.chroma_input, size.chroma)):
        if factory := whole[branch]:
            for at in ((4, 6), (5, 3)):  # odd latents too
                _check(f"synthesis.{branch}", factory, sizes[branch], at, factor=16)
        else:
            _check_modules(modules, latent, by_depth(widths), sizes[branch][-1])


def _check_modules(
    modules: SynthesisModules, latent: int, widths: tuple[int, int, int], outputs: int
) -> None:
    half, quarter, eighth = widths
    _check("attention_quarter", modules.attention_quarter, (quarter,))
    _check("attention_half", modules.attention_half, (half,))
    for width in sorted({half, quarter, eighth}):
        _check("activation", modules.activation, (width,))
    for pair in sorted({(latent, eighth), (eighth, quarter), (quarter, half)}):
        _check("upsampling", modules.upsampling, pair, factor=2)
    if modules.residual:
        _check("residual", modules.residual, (latent,))
    if modules.last_upsampling:
        _check("last_upsampling", modules.last_upsampling, (half, outputs), factor=2)


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
        raise BenchError(f"{at} cannot be run on what a crop of {crop} gives: {_told(error)}") from None


def _check(
    place: str, factory: object, channels: tuple[int, ...], at: tuple[int, int] = _AT, factor: int = 1
) -> None:
    """`channels`: what the factory is called with, outputs last; what comes before adds up to the inputs."""
    inputs, outputs = sum(channels[:-1]) or channels[0], channels[-1]
    shape, wanted = (1, inputs, *at), (1, outputs, factor * at[0], factor * at[1])
    counts = " to ".join(map(str, channels))
    try:
        with torch.device("meta"):
            module = factory(*channels)  # type: ignore[operator]
    except Exception as error:
        raise BenchError(f"{place} cannot be built for {counts} channels: {_told(error)}") from None
    if not isinstance(module, nn.Module):
        raise BenchError(f"{place} is a {type(module).__name__}; it must be a torch.nn.Module")
    if any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters()):
        raise BenchError(f"{place} has lazy layers, which weights cannot be loaded into; give their channels")
    if kept := sorted(module.state_dict().keys() - dict(module.named_parameters()).keys()):
        raise BenchError(
            f"{place} keeps {kept[0]} beside its parameters, as batch normalisation does, and weights hold "
            "parameters alone; take another normalisation, or persistent=False for a constant"
        )
    try:
        with torch.no_grad():
            output = module.to("meta")(torch.empty(shape, device="meta"))
    except Exception as error:
        raise BenchError(f"{place} cannot be run on an input of {shape}: {_told(error)}") from None
    found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if found != wanted:
        raise BenchError(f"{place} makes {found} of {shape}; it must make {wanted}")


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
