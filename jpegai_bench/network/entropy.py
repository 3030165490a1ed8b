"""The entropy model of a branch: side information, what it tells of the latent, and a context model.

Mean-scale hyperprior: Minnen, Balle, Toderici, "Joint Autoregressive and Hierarchical Priors for Learned
Image Compression", NeurIPS 2018. Its side information z has gains of its own, as the latent has: what pays at
a high rate is not sent at a low one. Context model: `context`; without one the hyperprior is alone. One walk
over the passes serves training and coding, in the arithmetic of each.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.arithmetic import Arithmetic, Phase, at, run
from jpegai_bench.network.blocks import conv3x3
from jpegai_bench.network.cdf_tables import SCALES
from jpegai_bench.network.context import MOST_DEVIATIONS, ContextSize, Pass, context_of
from jpegai_bench.network.gain import Gain
from jpegai_bench.network.modules import NetworkModules

_LEAST_LIKELIHOOD = 1e-9


class Side(NamedTuple):
    """What z tells of a latent."""

    features: Tensor
    """`[B, F, H, W]`, for the context model."""
    mean: Tensor
    """`[B, C, H, W]`"""
    log2_scale: Tensor
    """`[B, C, H, W]`, before the gain."""


class Part(NamedTuple):
    """A piece of a latent that is coded at once, and its Gaussian parameters `[B, n, h, w]`."""

    mean: Tensor
    log2_scale: Tensor
    """Before the gain."""
    first: int
    end: int
    """Its channels: from `first` to before `end`."""
    phase: Phase | None
    """Its positions; None: all."""

    def of(self, x: Tensor) -> Tensor:
        """The values of a map `[B, C, H, W]` in its place."""
        return at(x[:, self.first : self.end], self.phase)

    def channels_of(self, values: Tensor) -> Tensor:
        """The channels of `[B, C, 1, 1]` in its place."""
        return values[:, self.first : self.end]


Code = Callable[[Sequence[Part]], Sequence[Tensor]]
"""Codes parts whose parameters are known, and returns the decoded latent of each."""


class EntropyModel(nn.Module):
    """Side information z at a quarter of the latent's resolution, and all that is predicted from it."""

    def __init__(
        self,
        latent: int,
        channels: int,
        qualities: int,
        context: ContextSize,
        reference: int = 0,
        modules: NetworkModules | None = None,
    ) -> None:
        """`channels`: of z; `reference`: of a latent that is known before; `modules`: a variant's own."""
        super().__init__()
        modules = modules or NetworkModules()
        self.latent = latent
        self.analysis: nn.Module = (modules.entropy_hyper_analysis or _hyper_analysis)(latent, channels)
        self.synthesis = (modules.entropy_hyper_synthesis or _hyper_synthesis)(channels, latent)
        last = self.synthesis[-1]
        assert isinstance(last, nn.Conv2d)
        self.features = last.in_channels
        """Channels of what the hyperprior hands to the context model."""
        self.side_gain = Gain(channels, qualities)
        self.side_log2_scale = nn.Parameter(torch.zeros(channels))
        own = modules.entropy_context or partial(context_of, context)
        self.passes = own(latent, self.features + reference, qualities)

    def side_information(self, y: Tensor) -> Tensor:
        """z `[B, channels, ceil(H/4), ceil(W/4)]`, not gained, of the latent `[B, C, H, W]`."""
        height, width = y.shape[-2:]
        return self.analysis(F.pad(y, (0, -width % 4, 0, -height % 4), mode="replicate"))

    def side_scale(self, arithmetic: Arithmetic) -> Tensor:
        """log2 of the scale `[B, channels, 1, 1]` of gained z, whose mean is zero."""
        own = arithmetic.constant(self.side_log2_scale)[:, None, None]
        return own + self.side_gain(arithmetic)

    def side(self, arithmetic: Arithmetic, symbols: Tensor, height: int, width: int) -> Side:
        """What gained and rounded z tells of a latent of `height` x `width`."""
        z = arithmetic.scale(symbols, -self.side_gain(arithmetic))
        *inner, last = self.synthesis
        features = run(arithmetic, inner, z)[..., :height, :width]
        return Side(features, *run(arithmetic, [last], features).chunk(2, dim=1))

    def walk(self, arithmetic: Arithmetic, side: Side, code: Code, reference: Tensor | None = None) -> Tensor:
        """Code a latent pass by pass; what was coded is known to the passes that follow.

        Args:
            arithmetic: of `side`, of what `code` gets and returns, and of the result.
            side: from z.
            code: is called once a pass, with the parts that are not empty.
            reference: `[B, reference, H, W]`, of the latent that is known before.

        Returns:
            The decoded latent `[B, latent, H, W]`.
        """
        if not self.passes:
            return code([Part(side.mean, side.log2_scale, 0, self.latent, None)])[0]
        features = side.features if reference is None else torch.cat([side.features, reference], dim=1)
        known, latent = torch.zeros_like(side.mean), side.mean.detach().clone()
        for step in self.passes:
            assert isinstance(step, Pass)
            parts = predict(step, arithmetic, side, known, features)
            known = remember(parts, code(parts) if parts else [], arithmetic, side, known, latent)
        return latent


def _hyper_analysis(latent: int, channels: int) -> nn.Sequential:
    return _initialized(
        conv3x3(latent, channels),
        nn.ReLU(),
        conv3x3(channels, channels, stride=2),
        nn.ReLU(),
        conv3x3(channels, channels, stride=2),
    )


def _hyper_synthesis(channels: int, latent: int) -> nn.Sequential:
    inner = _initialized(
        conv3x3(channels, channels),
        nn.ReLU(),
        nn.Conv2d(channels, 4 * channels, 1),
        nn.PixelShuffle(2),
        nn.ReLU(),
        nn.Conv2d(channels, 4 * channels, 1),
        nn.PixelShuffle(2),
        nn.ReLU(),
        conv3x3(channels, channels),
        nn.ReLU(),
    )
    return inner.append(nn.Conv2d(channels, 2 * latent, 1))


def _initialized(*layers: nn.Module) -> nn.Sequential:
    for layer in layers:
        if isinstance(layer, nn.Conv2d):  # z that begins far below one step is never learned
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*layers)


def remember(
    parts: Sequence[Part],
    decoded: Sequence[Tensor],
    arithmetic: Arithmetic,
    side: Side,
    known: Tensor,
    latent: Tensor,
) -> Tensor:
    """Write what was decoded of each part into `latent`; `known` with its deviations from the side's mean."""
    if torch.is_grad_enabled():
        known = known.clone()  # what was seen of it so far is needed
    for part, values in zip(parts, decoded, strict=True):
        mean, log2_scale = part.of(side.mean), part.of(side.log2_scale)
        deviation = arithmetic.scale((values - mean).detach(), -log2_scale)
        part.of(known).copy_(arithmetic.limit(deviation, MOST_DEVIATIONS))
        part.of(latent).copy_(values.detach())
    return known


def predict(step: Pass, arithmetic: Arithmetic, side: Side, known: Tensor, features: Tensor) -> list[Part]:
    """The parts of a pass that are not empty, from the deviations `known` of what is decoded already."""
    height, width = known.shape[-2:]
    phases = [phase for phase in step.phases if phase[0] < height and phase[1] < width]
    seen = step.look(arithmetic, known) if phases else ()
    parts = []
    for phase in phases:
        place = Part(side.mean, side.log2_scale, step.first, step.end, phase)
        mean, log2_scale = place.of(side.mean), place.of(side.log2_scale)
        change = step.change(arithmetic, seen, features, phase)
        mean = mean + arithmetic.scale(change.mean, log2_scale)
        parts.append(place._replace(mean=mean, log2_scale=log2_scale + change.log2_scale))
    return parts


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Information content `[B]` of gained residuals `[B, n]`, with noise, under gained scales; for training.

    A scale below the lowest tabulated one counts as that one, and gets a gradient only where it would rise.
    """
    scale = _LowerBound.apply(torch.exp2(log2_scale.clamp(max=10.0)), SCALES[0])
    distance = residual.abs() * math.sqrt(0.5) / scale
    half = 0.5 * math.sqrt(0.5) / scale
    mass = 0.5 * (torch.erfc(distance - half) - torch.erfc(distance + half))
    return -torch.log2(_LowerBound.apply(mass, _LEAST_LIKELIHOOD)).sum(dim=1)


class _LowerBound(torch.autograd.Function):
    """`max(x, bound)`, whose gradient passes where x is above the bound or would be moved up to it.

    As in Balle et al., "Variational Image Compression with a Scale Hyperprior", ICLR 2018.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, bound: float) -> Tensor:
        context.save_for_backward(x)
        context.bound = bound
        return x.clamp_min(bound)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = context.saved_tensors
        return gradient * ((x >= context.bound) | (gradient < 0)), None
