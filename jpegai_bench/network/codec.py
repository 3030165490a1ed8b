"""The whole network: luma and chroma branch, their priors and gains.

A `Network` has a *shared* part (analysis, priors, gains), which decides the bitstream, and a *synthesis*
part, which is the variant's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.arithmetic import Arithmetic, Float
from jpegai_bench.network.blocks import full_precision
from jpegai_bench.network.context import NO_CONTEXT, ContextSize
from jpegai_bench.network.entropy import EntropyModel, Part, gaussian_bits
from jpegai_bench.network.gain import Gain
from jpegai_bench.network.modules import NetworkModules
from jpegai_bench.network.transforms import Analysis, Synthesis, Widths

BRANCHES = ("luma", "chroma")
ALIGNMENT = 32
"""Image height and width are padded to multiples of this, by repeating the edge."""

_MOST_REFERENCE = 256.0


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
    """Channels that the chroma synthesis makes of both latents, beside chroma's own; None: it takes both."""

    context_luma: ContextSize = NO_CONTEXT
    context_chroma: ContextSize = NO_CONTEXT

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

    def __init__(self, size: NetworkSize, modules: NetworkModules) -> None:
        super().__init__()
        self.size = size
        self.shared = nn.ModuleDict(
            {
                "analysis_luma": _analysis("luma", 1, size, modules),
                "analysis_chroma": _analysis("chroma", 3, size, modules),
                "prior_luma": EntropyModel(
                    size.latent_luma, size.hyper_luma, size.qualities, size.context_luma, modules=modules
                ),
                "prior_chroma": EntropyModel(
                    size.latent_chroma,
                    size.hyper_chroma,
                    size.qualities,
                    size.context_chroma,
                    size.latent_luma,
                    modules,
                ),
                "gain_luma": Gain(size.latent_luma, size.qualities),
                "gain_chroma": Gain(size.latent_chroma, size.qualities),
            }
        )
        self.synthesis = nn.ModuleDict()
        if modules.synthesis_luma:
            self.synthesis["luma"] = modules.synthesis_luma(size.latent_luma, 1)
        else:
            self.synthesis["luma"] = Synthesis(size.latent_luma, size.luma, 1, size.residual_blocks, modules)
        if modules.synthesis_chroma:
            self.synthesis["chroma"] = modules.synthesis_chroma(size.latent_chroma, size.latent_luma, 2)
        else:
            joined = size.latent_chroma + size.latent_luma
            reduction = (size.latent_chroma, size.chroma_reduction) if size.chroma_reduction else None
            self.synthesis["chroma"] = Synthesis(
                joined, size.chroma, 2, size.residual_blocks, modules, reduction
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

    def entropy(self, branch: str) -> EntropyModel:
        """The entropy model of `luma` or `chroma`."""
        model = self.shared[f"prior_{branch}"]
        assert isinstance(model, EntropyModel)
        return model

    def log2_gain(self, branch: str, arithmetic: Arithmetic) -> Tensor:
        """log2 of the gains `[B, C, 1, 1]` of `luma` or `chroma`, as `arithmetic` holds it."""
        gain = self.shared[f"gain_{branch}"]
        assert isinstance(gain, Gain)
        return gain(arithmetic)

    def chroma_reference(self, luma: Tensor, arithmetic: Arithmetic) -> Tensor:
        """What the entropy model of chroma sees of the decoded luma latent `[B, M, H, W]`, at half its size.

        The mean of 2x2, in steps of the middle quality's quantisation.
        """
        gain = self.shared["gain_luma"]
        assert isinstance(gain, Gain)
        sums = F.avg_pool2d(luma, 2, divisor_override=1)
        scaled = arithmetic.scale(sums, gain.middle(arithmetic) - 2 * arithmetic.unit)
        return arithmetic.limit(scaled, _MOST_REFERENCE)

    def forward(self, planes: Planes, quality: Tensor) -> TrainingOutput:
        """Training: rounding with a straight-through gradient for the synthesis, uniform noise for the bits.

        In evaluation mode the bits are those of the rounded symbols.

        Args:
            planes: the images.
            quality: `[B]`, real, in [0, qualities - 1].
        """
        y = self.analyze(planes)
        decoded, latent_bits, side_bits = [], torch.zeros_like(quality), torch.zeros_like(quality)
        reference = None
        for branch, latent in zip(BRANCHES, y, strict=True):
            with full_precision(latent):
                latent, model, arithmetic = latent.float(), self.entropy(branch), Float(quality)
                log2_gain = self.log2_gain(branch, arithmetic)
                z = model.side_information(latent) * torch.exp2(model.side_gain(arithmetic))
                side_scale = model.side_scale(arithmetic).expand_as(z)
                rounded = z + (torch.round(z) - z).detach()
                side = model.side(arithmetic, rounded, *latent.shape[-2:])
                code = _Rounding(latent, log2_gain)
                coded = model.walk(arithmetic, side, code, reference)
                side_bits = side_bits + gaussian_bits(self._symbols(z.flatten(1)), side_scale.flatten(1))
                residuals, scales = code.coded()
                latent_bits = latent_bits + gaussian_bits(self._symbols(residuals), scales)
                # The error is half a step at most, whatever the gain is: a larger gain makes it smaller.
                gain = torch.exp2(log2_gain)
                decoded.append(latent + ((coded - latent) * gain).detach() / gain)
                if branch == "luma" and self.entropy("chroma").passes:
                    reference = self.chroma_reference(coded.detach(), arithmetic)
        decodes = any(parameter.requires_grad for parameter in self.synthesis.parameters())
        wanted = decodes or not self.training  # an entropy model alone is trained by its bits
        output = self.synthesize(Latents(*decoded)) if wanted else planes
        return TrainingOutput(output, latent_bits, side_bits)

    def _symbols(self, residuals: Tensor) -> Tensor:
        """What bits are counted of: in a training with uniform noise instead of the rounding."""
        return residuals + torch.rand_like(residuals) - 0.5 if self.training else torch.round(residuals)


def _analysis(branch: str, inputs: int, size: NetworkSize, modules: NetworkModules) -> nn.Module:
    latent: int = getattr(size, f"latent_{branch}")
    if whole := getattr(modules, f"analysis_{branch}"):
        made: nn.Module = whole(inputs, latent)
        return made
    rnab = (size.rnab_trunk_blocks, size.rnab_mask_blocks) if size.analysis_attention else None
    return Analysis(inputs, getattr(size, branch), latent, rnab, size.analysis_residual_blocks, modules)


class _Rounding:
    """Codes the parts of a latent in a training: rounds, and keeps what the bits are computed from."""

    def __init__(self, latent: Tensor, log2_gain: Tensor) -> None:
        self.latent = latent
        self.log2_gain = log2_gain
        self.residuals: list[Tensor] = []
        self.log2_scales: list[Tensor] = []

    def __call__(self, parts: Sequence[Part]) -> list[Tensor]:
        decoded = []
        for part in parts:
            log2_gain = part.channels_of(self.log2_gain)
            gain = torch.exp2(log2_gain)
            residual = (part.of(self.latent) - part.mean) * gain
            self.residuals.append(residual.flatten(1))
            self.log2_scales.append((part.log2_scale + log2_gain).flatten(1))
            decoded.append((part.mean + torch.round(residual) / gain).detach())
        return decoded

    def coded(self) -> tuple[Tensor, Tensor]:
        """Gained residuals and log2 of their scales, `[B, n]` each."""
        return torch.cat(self.residuals, dim=1), torch.cat(self.log2_scales, dim=1)
