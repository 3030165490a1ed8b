"""What a variant is made of: factories of the modules that take a place in the network."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


def _no_place(*_: int) -> nn.Module:
    raise TypeError("a variant with whole syntheses has no module for this place")


@dataclass(frozen=True)
class NetworkModules:
    """Each is a factory, called with channel counts. Where one is None the network is as the preset has it.

    What is not of the synthesis changes the bitstream.
    """

    attention_quarter: Callable[[int], nn.Module] = _no_place
    """`(channels)`: attention at a quarter of the branch's resolution, shape kept."""
    attention_half: Callable[[int], nn.Module] = _no_place
    """`(channels)`: attention at half of the branch's resolution, shape kept."""
    upsampling: Callable[[int, int], nn.Module] = _no_place
    """`(inputs, outputs)`: doubles height and width; the first three of four."""
    activation: Callable[[int], nn.Module] = _no_place
    """`(channels)`: activation, shape kept."""
    residual: Callable[[int], nn.Module] | None = None
    """`(channels)`: what a synthesis begins with, at 1/16 of the branch's resolution, shape kept."""
    last_upsampling: Callable[[int, int], nn.Module] | None = None
    """`(inputs, outputs)`: the last of four."""
    synthesis_luma: Callable[[int, int], nn.Module] | None = None
    """`(latent, outputs)`: the whole luma synthesis, `[B, latent, H/16, W/16]` to `[B, outputs, H, W]`."""
    synthesis_chroma: Callable[[int, int, int], nn.Module] | None = None
    """`(latent, luma latent, outputs)`: the whole chroma synthesis, of both latents, chroma first."""
    analysis_luma: Callable[[int, int], nn.Module] | None = None
    """`(inputs, latent)`: the whole luma analysis, `[B, inputs, H, W]` to `[B, latent, H/16, W/16]`."""
    analysis_chroma: Callable[[int, int], nn.Module] | None = None
    """`(inputs, latent)`: the whole chroma analysis; its inputs are luma at half size, then chroma."""
    analysis_attention: Callable[[int], nn.Module] | None = None
    """`(channels)`: attention of the analysis, at a quarter of the branch's resolution, shape kept."""
    analysis_activation: Callable[[int], nn.Module] | None = None
    """`(channels)`: activation of the analysis, shape kept."""
    entropy_hyper_analysis: Callable[[int, int], nn.Module] | None = None
    """`(latent, channels)`: latent to side information, height and width by 4."""
    entropy_hyper_synthesis: Callable[[int, int], nn.Sequential] | None = None
    """`(channels, latent)`: a Sequential of layers that `arithmetic.run` takes, height and width times 4.

    Its last layer is a convolution to 2 * latent; what that gets is what the context model sees.
    """
    entropy_context: Callable[[int, int, int], nn.ModuleList] | None = None
    """`(latent, features, qualities)`: a ModuleList of `context.Pass`."""
