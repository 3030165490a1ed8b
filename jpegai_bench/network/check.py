"""Whether modules under study fit their places in the synthesis transform; no arithmetic is done."""

import torch
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import NetworkSize
from jpegai_bench.network.transforms import SynthesisModules

_HEIGHT, _WIDTH = 64, 96
"""Not square, so that a module that swaps the two is noticed."""


def check_modules(modules: SynthesisModules, size: NetworkSize) -> None:
    """Build and run each module for the channel counts of both branches, on torch's meta device.

    Raises:
        BenchError: a module cannot be built or run, or does not keep the shape (upsampling: double it); the
            message begins with the name of its place.
    """
    luma, chroma = size.latent_luma, size.latent_chroma + size.latent_luma
    for latent, width in ((luma, size.luma), (chroma, size.chroma)):
        for place in ("attention_quarter", "attention_half", "activation"):
            _check(place, getattr(modules, place), (width,), factor=1)
        for inputs in (latent, width):
            _check("upsampling", modules.upsampling, (inputs, width), factor=2)


def _check(place: str, factory: object, channels: tuple[int, ...], factor: int) -> None:
    shape = (1, channels[0], _HEIGHT, _WIDTH)
    wanted = (1, channels[-1], factor * _HEIGHT, factor * _WIDTH)
    counts = " to ".join(map(str, channels))
    try:
        with torch.device("meta"):
            module = factory(*channels)  # type: ignore[operator]
    except Exception as error:
        raise BenchError(f"{place} cannot be built for {counts} channels: {_told(error)}") from None
    if not isinstance(module, nn.Module):
        raise BenchError(f"{place} is a {type(module).__name__}; it must be a torch.nn.Module")
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
