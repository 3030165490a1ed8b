"""The whole network: luma and chroma branch, their priors and gains.

A `Network` has a *shared* part (analysis, priors, gains), which decides the bitstream, and a *synthesis*
part, which is the variant's own.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.blocks import full_precision
from jpegai_bench.network.entropy import Hyperprior
from jpegai_bench.network.gain import Gain
from jpegai_bench.network.transforms import Analysis, Synthesis, SynthesisModules, Widths

ALIGNMENT = 32
"""Image height and width are padded to multiples of this, by repeating the edge."""


@dataclass(frozen=True)
class NetworkSize:
    """The structural numbers of a preset; `luma` is the primary, `chroma` the secondary branch."""

    luma: Widths
    """N: width of the luma transforms."""
    chroma: Widths
    """N_uv: width of the chroma transforms."""
    latent_luma: int
    """M: latent channels of luma."""
    latent_chroma: int
    """M_uv: latent channels of chroma."""
    hyper_luma: int
    hyper_chroma: int
    residual_blocks: int
    """Residual blocks at the start of a synthesis."""
    rnab_trunk_blocks: int
    rnab_mask_blocks: int
    qualities: int
    """Gain vectors; `quality` is a real number in [0, qualities - 1]."""
    analysis_attention: bool = True
    """Whether the analysis transforms have an RNAB."""
    analysis_residual_blocks: int = 0
    """Residual blocks of the analysis transforms, at 1/4 and as many at 1/8."""
    chroma_reduction: int | None = None
    """Channels that the chroma synthesis makes of both latents, beside the chroma latent; None: it takes both."""

    @property
    def chroma_input(self) -> int:
        """Channels of the first residual block of the chroma synthesis."""
        return self.latent_chroma + (self.chroma_reduction or self.latent_luma)


class Planes(NamedTuple):
    """Luma `[B, 1, H, W]` and chroma `[B, 2, H/2, W/2]`, samples in [0, 1], H and W multiples of 32."""

    luma: Tensor
    chroma: Tensor


class Latents(NamedTuple):
    """Luma latent `[B, M, H/16, W/16]` and chroma latent `[B, M_uv, H/32, W/32]`."""

    luma: Tensor
    chroma: Tensor


class TrainingOutput(NamedTuple):
    """What a training step needs: the reconstruction and the bits of each image `[B]`."""

    planes: Planes
    latent_bits: Tensor
    side_bits: Tensor


class Network(nn.Module):
    """Analysis, entropy model and synthesis of both branches."""

    def __init__(self, size: NetworkSize, modules: SynthesisModules) -> None:
        super().__init__()
        self.size = size
        rnab = (size.rnab_trunk_blocks, size.rnab_mask_blocks) if size.analysis_attention else None
        blocks = size.analysis_residual_blocks
        joined = size.latent_chroma + size.latent_luma
        reduction = (size.latent_chroma, size.chroma_reduction) if size.chroma_reduction else None
        self.shared = nn.ModuleDict(
            {
                "analysis_luma": Analysis(1, size.luma, size.latent_luma, rnab, blocks),
                "analysis_chroma": Analysis(3, size.chroma, size.latent_chroma, rnab, blocks),
                "prior_luma": Hyperprior(size.latent_luma, size.hyper_luma),
                "prior_chroma": Hyperprior(size.latent_chroma, size.hyper_chroma),
                "gain_luma": Gain(size.latent_luma, size.qualities),
                "gain_chroma": Gain(size.latent_chroma, size.qualities),
            }
        )
        self.synthesis = nn.ModuleDict(
            {
                "luma": Synthesis(size.latent_luma, size.luma, 1, size.residual_blocks, modules),
                "chroma": Synthesis(joined, size.chroma, 2, size.residual_blocks, modules, reduction),
            }
        )

    def analyze(self, planes: Planes) -> Latents:
        """Analysis transform of both branches; chroma sees luma at half size beside it."""
        small_luma = F.avg_pool2d(planes.luma, 2)
        return Latents(
            self.shared["analysis_luma"](planes.luma - 0.5),
            self.shared["analysis_chroma"](torch.cat([small_luma, planes.chroma], dim=1) - 0.5),
        )

    def synthesize(self, latents: Latents) -> Planes:
        """Synthesis transform of both branches, not clamped; chroma sees the luma latent averaged 2x2."""
        joined = torch.cat([latents.chroma, F.avg_pool2d(latents.luma, 2)], dim=1)
        return Planes(
            self.synthesis["luma"](latents.luma).float() + 0.5,
            self.synthesis["chroma"](joined).float() + 0.5,
        )

    def forward(self, planes: Planes, quality: Tensor) -> TrainingOutput:
        """Training: rounding with a straight-through gradient for the synthesis, uniform noise for the bits.

        Args:
            planes: the images.
            quality: `[B]`, real, in [0, qualities - 1].
        """
        y = self.analyze(planes)
        decoded, latent_bits, side_bits = [], torch.zeros_like(quality), torch.zeros_like(quality)
        for branch, latent in zip(("luma", "chroma"), y, strict=True):
            with full_precision(latent):
                latent = latent.float()
                prior = self.shared[f"prior_{branch}"]
                assert isinstance(prior, Hyperprior)
                mean, log2_scale, z_bits = prior(latent)
                log2_gain = self.shared[f"gain_{branch}"](quality)
                gain = torch.exp2(log2_gain)
                residual = (latent - mean) * gain
                latent_bits = latent_bits + prior.gained_bits(residual, log2_scale + log2_gain)
                side_bits = side_bits + z_bits
                rounded = residual + (torch.round(residual) - residual).detach()
                decoded.append(mean + rounded / gain)
        return TrainingOutput(self.synthesize(Latents(*decoded)), latent_bits, side_bits)
