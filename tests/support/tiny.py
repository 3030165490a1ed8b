"""A network small enough for a test, with weights that are random but not trivial, and its CDF tables."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from jpegai_bench.images.read import Image8
from jpegai_bench.network import weights
from jpegai_bench.network.activation import ResAU
from jpegai_bench.network.cdf_tables import Histograms
from jpegai_bench.network.codec import BRANCHES, Network, NetworkSize
from jpegai_bench.network.coding import Coder
from jpegai_bench.network.context import ContextSize
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.upsampling import TransposedConvolution

SIZE = NetworkSize(
    luma=8,
    chroma=8,
    latent_luma=8,
    latent_chroma=8,
    hyper_luma=8,
    hyper_chroma=8,
    residual_blocks=1,
    rnab_trunk_blocks=1,
    rnab_mask_blocks=1,
    qualities=3,
)
CONTEXTS = {
    "none": ContextSize(),
    "multistage": ContextSize("multistage"),
    "grouped": ContextSize("grouped", (3, 5), 8),
}
STRUCTURE = {"model": {"luma": 8}, "modules": {"activation": "ResAU"}}


def no_attention(channels: int) -> nn.Module:
    return nn.Identity()


MODULES = NetworkModules(no_attention, no_attention, TransposedConvolution, ResAU)


def size(context: str = "none") -> NetworkSize:
    return replace(SIZE, context_luma=CONTEXTS[context], context_chroma=CONTEXTS[context])


def network(seed: int = 0, context: str = "none") -> Network:
    """Random weights; latents, side information and scales spread over many symbols, and every pass tells."""
    torch.manual_seed(seed)
    made = Network(size(context), MODULES)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith(("weight", "bias")):
                parameter.add_(0.03 * torch.randn_like(parameter))
        for branch in BRANCHES:
            made.shared[f"analysis_{branch}"].down4.weight.mul_(20)
            made.shared[f"prior_{branch}"].analysis[-1].weight.mul_(0.5)
            made.shared[f"prior_{branch}"].synthesis[-1].weight.mul_(0.5)
            for parameter in made.entropy(branch).passes.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def saved(
    folder: Path,
    variant: str = "tiny",
    seed: int = 0,
    context: str = "none",
    count: Callable[[Coder], Histograms] | None = None,
) -> Coder:
    """Through the weights files, as every real coder comes."""
    weights.save(network(seed, context), folder, variant, STRUCTURE, note={}, count=count)
    return load(folder, variant, context)


def load(folder: Path, variant: str = "tiny", context: str = "none") -> Coder:
    return weights.load(Network(size(context), MODULES), folder, variant, STRUCTURE)


@cache
def picture(width: int, height: int) -> Image8:
    """Waves, an edge and noise."""
    random = np.random.default_rng(width * 100_003 + height)
    y, x = np.mgrid[:height, :width]
    waves = 90 * np.sin(x[..., None] / (3, 7, 11) + y[..., None] / (9, 5, 4)) + 60 * (x > y)[..., None]
    return (128 + waves + random.normal(0, 8, (height, width, 3))).clip(0, 255).astype(np.uint8)
