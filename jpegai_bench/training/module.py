"""One training step as a Lightning module: loss, guarded descent, moving average."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.blocks import full_precision
from jpegai_bench.network.codec import BRANCHES, Network
from jpegai_bench.training.checkpoint import State
from jpegai_bench.training.data import Batch
from jpegai_bench.training.loss import Loss, betas, rate_distortion
from jpegai_bench.training.recipe import Recipe

PATIENCE = 5
"""Gradients in a row that may be not finite, each left out, before the training goes back."""
LEAST_EASED = 2.0**-5


class Training(LightningModule):
    """Trains a network by a recipe.

    A gradient that is not finite never reaches the weights: its step is left out. After the last step
    gradients are still made, where they are asked for, and reach nothing.
    """

    def __init__(self, network: Network, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        network.requires_grad_(recipe.train == "all")
        for branch in BRANCHES:
            network.entropy(branch).requires_grad_(recipe.train != "synthesis")
        network.synthesis.requires_grad_(recipe.train != "entropy")
        network.to(memory_format=torch.channels_last)
        self.parameters_trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = _optimizer(recipe, self._groups())
        average = [p.detach().clone() for p in self.parameters_trained]
        self.state = State(network, optimizer, average)
        self.not_finite = 0
        self.last: Loss | None = None
        if recipe.compile:
            network.analyze = torch.compile(network.analyze)  # type: ignore[method-assign]
            network.synthesize = torch.compile(network.synthesize)  # type: ignore[method-assign]

    def _groups(self) -> list[dict[str, Any]]:
        """What is trained; last the attention of the synthesis, which has a learning rate of its own."""
        places = self._attention()
        attention = {id(parameter) for _, _, module in places for parameter in module.parameters()}
        return [
            {"params": [p for p in self.parameters_trained if (id(p) in attention) is is_attention]}
            for is_attention in (False, True)
        ]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam; the learning rate is set before each step."""
        return self.state.optimizer

    def on_fit_start(self) -> None:
        """The moving average follows the weights to their device."""
        self.state.average = [value.to(self.device) for value in self.state.average]

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The loss of one batch."""
        recipe, step = self.recipe, self.state.step
        other_group, attention = self.state.optimizer.param_groups
        other_group["lr"] = recipe.learning_rate_at(step) * self.state.eased
        attention["lr"] = recipe.attention_learning_rate_at(step) * self.state.eased
        # The entropy model's noise, a function of seed, step and process.
        torch.manual_seed((recipe.seed * 1_000_003 + step) * 1_009 + self.global_rank)
        with self.as_at(step):
            output = self.network(batch.planes, batch.quality)
        with full_precision(batch.quality):
            qualities = self.network.size.qualities
            beta = betas(batch.quality, recipe.beta_lowest, recipe.beta_highest, qualities)
            middle = (recipe.beta_lowest * recipe.beta_highest) ** 0.5
            share = recipe.ms_ssim_share_at(step)
            loss = rate_distortion(output, batch.planes, beta, share, torch.sqrt(middle / beta))
        self.last = Loss(*(value.detach() for value in loss))
        # Several processes wait for the gradient of every parameter.
        return loss.total + sum(0 * parameter.sum() for parameter in self._waiting())

    @contextmanager
    def as_at(self, step: int) -> Iterator[None]:
        """The network as `step` trains it: without attention in its synthesis, before that takes part."""
        bypassed = self._bypassed(step)
        try:
            for branch, place, _ in bypassed:
                setattr(branch, place, nn.Identity())
            yield
        finally:
            for branch, place, module in bypassed:
                setattr(branch, place, module)

    def _bypassed(self, step: int) -> list[tuple[nn.Module, str, nn.Module]]:
        if step >= self.recipe.attention_from_step:
            return []
        return self._attention()

    def _attention(self) -> list[tuple[nn.Module, str, nn.Module]]:
        """The children of each synthesis that it calls its attention, with their names."""
        return [
            (branch, name, getattr(branch, name))
            for branch in self.network.synthesis.values()
            for name in getattr(branch, "attention_parts", ())
        ]

    def _waiting(self) -> Iterator[nn.Parameter]:
        bypassed = (module for _, _, module in self._bypassed(self.state.step))
        return (parameter for module in bypassed for parameter in module.parameters())

    @property
    def is_over(self) -> bool:
        """Whether all steps are done."""
        return self.state.step >= self.recipe.steps

    def is_sound(self) -> bool:
        """Whether the weights as they are have a finite gradient, and a loss that begins no explosion."""
        if self.last is None or not self.state.level.is_calm(float(self.last.total)):
            return False
        gradients = (parameter.grad for parameter in self.parameters_trained)
        return all(bool(torch.isfinite(gradient).all()) for gradient in gradients if gradient is not None)

    def configure_gradient_clipping(self, *_: object, **__: object) -> None:
        """Clip; leave the step out where the gradient is not finite (on every process alike)."""
        for parameter in self._waiting():
            parameter.grad = None
        norm = nn.utils.clip_grad_norm_(self.parameters_trained, self.recipe.gradient_clip)
        is_finite = bool(torch.isfinite(norm))
        self.not_finite = 0 if is_finite else self.not_finite + 1
        if is_finite and not self.is_over:
            return
        for parameter in self.parameters_trained:
            parameter.grad = None

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Descend, follow the weights with their average, and count the step."""
        super().optimizer_step(*args, **kwargs)
        if self.is_over:
            return
        if self.last is not None and not self.not_finite:
            self.state.level.add(float(self.last.total), self.recipe.stage_at(self.state.step))
        decay = self.recipe.ema_decay_at(self.state.step)
        with torch.no_grad():
            torch._foreach_lerp_(self.state.average, list(self.parameters_trained), 1 - decay)
        self.state.step += 1

    def ease(self) -> None:
        """Go on with half the learning rate.

        Raises:
            BenchError: it has been halved too often already.
        """
        if self.state.eased <= LEAST_EASED:
            raise BenchError(
                f"diverges at step {self.state.step}, at {self.state.eased:g} of the learning rate "
                "too: lower training.learning_rate or training.gradient_clip, or use another seed"
            )
        self.state.eased /= 2
        self.not_finite = 0

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and moving average: once to look at the average, once more to go on."""
        for parameter, value in zip(self.parameters_trained, self.state.average, strict=True):
            parameter.data, value.data = value.data, parameter.data


def _optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Adam, or SOAP: Adam in the eigenbasis of Shampoo (Vyas et al., "SOAP", ICLR 2025)."""
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.learning_rate, fused=True)
    from pytorch_optimizer import SOAP

    return SOAP(groups, lr=recipe.learning_rate, weight_decay=0.0)
