"""Context models: what a latent tells of itself while it is decoded, in a fixed, small number of passes.

A pass decodes a group of channels at some of every 2x2 positions, given the hyperprior's features and all
that earlier passes have decoded. What is known of the latent is seen as residual over the hyperprior's mean,
divided by the hyperprior's scale; zero where nothing is known yet. What a pass predicts is added to the
hyperprior's mean (in units of its scale) and to log2 of its scale.

Sources: He et al., "ELIC", CVPR 2022 (uneven channel groups, each in two checkerboard passes); the multistage
context model of JPEG AI, ISO/IEC 6048-1 (four 2x2 phases, the mean alone, the scale from z).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jpegai_bench.network.arithmetic import Arithmetic, Phase, at

PHASES: tuple[Phase, ...] = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Of every 2x2 positions, in the order in which they are decoded; the first two are a checkerboard."""
MOST_DEVIATIONS = 8.0
"""What is known of a latent is clamped to so many of the hyperprior's scales."""
_GROUP = 32
_ENERGY_SHARE = 3
"""Of a sum of 3x3 magnitudes, as a power of two: an eighth."""


@dataclass(frozen=True)
class ContextSize:
    """The structural numbers of one branch's context model."""

    kind: str = "none"
    """`none`, `multistage` or `grouped`."""
    groups: tuple[int, ...] = ()
    """Of `grouped`: the latent's channels, shared out; each group takes two passes."""
    width: int = 64
    """Of `grouped`: channels between the layers of a pass."""


NO_CONTEXT = ContextSize()


class Change(NamedTuple):
    """What a pass adds at one phase, `[B, n, h, w]`: to the mean, in scales, and to log2 of the scale."""

    mean: Tensor
    log2_scale: Tensor


class Pass(nn.Module):
    """One pass: which channels at which phases, and the network that predicts them."""

    first: int
    """Its first channel."""
    end: int
    """The channel after its last."""
    phases: tuple[Phase, ...]

    def look(self, arithmetic: Arithmetic, known: Tensor) -> tuple[Tensor, ...]:
        """What is seen of the known latent `[B, C, H, W]`, the same at all phases of the pass."""
        raise NotImplementedError

    def change(
        self, arithmetic: Arithmetic, seen: tuple[Tensor, ...], features: Tensor, phase: Phase
    ) -> Change:
        """The prediction at a phase, from what is seen and the hyperprior's features `[B, F, H, W]`."""
        raise NotImplementedError


class GroupPass(Pass):
    """A group of channels at half of the positions, from all channels before them and all known positions.

    The known latent passes a 3x3 convolution; its magnitude, and the mean magnitude around, which tell of the
    scale, a 1x1 convolution each.
    """

    def __init__(
        self, known: int, first: int, end: int, phases: Sequence[Phase], features: int, width: int, rows: int
    ) -> None:
        """`known`: channels that are seen; `rows`: of the embedding of the quality."""
        super().__init__()
        self.known, self.first, self.end, self.phases = known, first, end, tuple(phases)
        self.features = nn.Conv2d(features, width, 1)
        self.embedding = nn.Parameter(torch.zeros(rows, width))
        if known:
            self.neighbours = nn.Conv2d(known, width, 3, padding=1, bias=False)
            self.magnitude = nn.Conv2d(2 * known, width, 1, bias=False)
            for layer in (self.neighbours, self.magnitude):
                nn.init.normal_(layer.weight, std=0.3 / layer.weight[0].numel() ** 0.5)
        self.hidden = nn.Conv2d(width, width, 1)
        self.output = nn.Conv2d(width, 2 * (end - first), 1)
        nn.init.zeros_(self.output.weight)
        assert self.output.bias is not None
        nn.init.zeros_(self.output.bias)

    def look(self, arithmetic: Arithmetic, known: Tensor) -> tuple[Tensor, ...]:
        """As `Pass` has it: the known channels, and beside their magnitudes the mean magnitudes around."""
        if not self.known:
            return ()
        known = known[:, : self.known]
        magnitude = known.abs()
        sums = arithmetic.sum_around(magnitude)
        around = arithmetic.scale(sums, sums.new_full((), -_ENERGY_SHARE * arithmetic.unit))
        return known, torch.cat([magnitude, around], dim=1)

    def change(
        self, arithmetic: Arithmetic, seen: tuple[Tensor, ...], features: Tensor, phase: Phase
    ) -> Change:
        """As `Pass` has it."""
        x = arithmetic.convolve(self.features, features, phase) + arithmetic.interpolate(self.embedding)
        if seen:
            x = x + arithmetic.convolve(self.neighbours, seen[0], phase)
            x = x + arithmetic.convolve(self.magnitude, seen[1], phase)
        x = F.relu(arithmetic.convolve(self.hidden, F.relu(x)))
        return Change(*arithmetic.convolve(self.output, x).chunk(2, dim=1))


class PhasePass(Pass):
    """All channels at one of every 2x2 positions, their mean alone, from the phases before.

    The structure of the finished standard; the convolutions work at half of the latent's resolution.
    """

    def __init__(self, latent: int, number: int, features: int) -> None:
        """`number`: 0 to 3."""
        super().__init__()
        self.first, self.end, self.phases = 0, latent, (PHASES[number],)
        self.before = PHASES[:number]
        self.features = nn.Conv2d(features, latent, 1)
        inputs = latent
        if number:
            groups = math.gcd(latent, max(1, latent // _GROUP))
            self.mixing = nn.Conv2d(number * latent, latent, 1)
            self.neighbours = nn.Conv2d(latent, latent, 3, padding=1, groups=groups)
            inputs = 2 * latent
        self.fusion = nn.Sequential(
            nn.Conv2d(inputs, latent, 1),
            nn.ReLU(),
            nn.Conv2d(latent, latent, 1),
            nn.ReLU(),
            nn.Conv2d(latent, latent, 1),
        )
        last = self.fusion[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def look(self, arithmetic: Arithmetic, known: Tensor) -> tuple[Tensor, ...]:
        """As `Pass` has it: the phases before side by side, each as large as the first."""
        if not self.before:
            return ()
        known = F.pad(known, (0, known.shape[-1] % 2, 0, known.shape[-2] % 2))
        return (torch.cat([at(known, phase) for phase in self.before], dim=1),)

    def change(
        self, arithmetic: Arithmetic, seen: tuple[Tensor, ...], features: Tensor, phase: Phase
    ) -> Change:
        """As `Pass` has it."""
        x = arithmetic.convolve(self.features, features, phase)
        if seen:
            around = arithmetic.convolve(self.neighbours, arithmetic.convolve(self.mixing, seen[0]))
            x = torch.cat([x, around[..., : x.shape[-2], : x.shape[-1]]], dim=1)
        for layer in self.fusion:
            x = arithmetic.convolve(layer, x) if isinstance(layer, nn.Conv2d) else layer(x)
        return Change(x, torch.zeros_like(x))


class MultistageContext(nn.ModuleList):
    """Four passes, one of every 2x2 positions each, which predict the mean alone."""

    def __init__(self, latent: int, features: int, qualities: int) -> None:
        """`latent`, `features`: channels of the latent, and of what is known before it."""
        super().__init__(PhasePass(latent, number, features) for number in range(len(PHASES)))


class GroupedContext(nn.ModuleList):
    """Two checkerboard passes for each group of channels, which predict mean and scale."""

    def __init__(
        self, latent: int, features: int, qualities: int, groups: Sequence[int], width: int = 64
    ) -> None:
        """Two passes a group.

        Args:
            latent: channels of the latent.
            features: channels of what comes from the hyperprior and, of chroma, from luma.
            qualities: rows of the embedding of the quality.
            groups: the latent's channels, shared out.
            width: channels between the layers of a pass.

        Raises:
            ValueError: the groups are not the latent's channels.
        """
        if sum(groups) != latent or min(groups) < 1:
            raise ValueError(f"groups {list(groups)} are not {latent} channels")
        ends = list(accumulate(groups))
        super().__init__(
            GroupPass(known, end - group, end, phases, features, width, qualities)
            for group, end in zip(groups, ends, strict=True)
            for known, phases in ((end - group, PHASES[:2]), (end, PHASES[2:]))
        )


def context_of(size: ContextSize, latent: int, features: int, qualities: int) -> nn.ModuleList:
    """The passes of a preset, none where the hyperprior is alone; arguments as of `GroupedContext`."""
    if size.kind == "multistage":
        return MultistageContext(latent, features, qualities)
    if size.kind == "grouped":
        return GroupedContext(latent, features, qualities, size.groups, size.width)
    return nn.ModuleList()
