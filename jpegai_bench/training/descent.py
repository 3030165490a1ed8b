"""One training step: loss, guarded descent, moving average."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from jpegai_bench.errors import BenchError
from jpegai_bench.network.codec import BRANCHES, Network
from jpegai_bench.training.checkpoint import State
from jpegai_bench.training.data import Batch, to_planes
from jpegai_bench.training.fabric import Fabric
from jpegai_bench.training.loss import Loss, betas, rate_distortion
from jpegai_bench.training.recipe import Recipe
from jpegai_bench.training.soap import SOAP

PATIENCE = 5
"""Gradients in a row that may be not finite, each left out, before the training goes back."""
LEAST_EASED = 2.0**-5


class Descent:
    """Trains a network by a recipe.

    A gradient that is not finite never reaches the weights: its step is left out. After the last step
    gradients are still made, where they are asked for, and reach nothing. What a step finds stays on the
    device until `look`.
    """

    def __init__(self, network: Network, recipe: Recipe, fabric: Fabric, is_mixed: bool = False) -> None:
        """`is_mixed`: the transforms compute in bfloat16."""
        self.network = network
        self.recipe = recipe
        self.fabric = fabric
        # Fabric's own would round the batch too, qualities among it.
        self._mixed = torch.autocast(fabric.device.type, torch.bfloat16) if is_mixed else nullcontext()
        self._bypass = nn.Identity()
        network.requires_grad_(recipe.train == "all")
        for branch in BRANCHES:
            network.entropy(branch).requires_grad_(recipe.train != "synthesis")
        network.synthesis.requires_grad_(recipe.train != "entropy")
        network.to(fabric.device).to(memory_format=torch.channels_last)
        self.parameters_trained: list[Tensor] = [p for p in network.parameters() if p.requires_grad]
        optimizer = _optimizer(recipe, self._groups())
        average = [p.detach().clone() for p in self.parameters_trained]
        self.state = State(network, optimizer, average)
        self.not_finite = 0
        """Gradients in a row, up to the last look."""
        self.last: Loss | None = None
        self._is_finite = torch.tensor(False)
        self._unseen: list[tuple[tuple[float, bool] | None, Tensor]] = []
        """Of each step since the last look its stage, and on the device its loss and whether it counts."""
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

    def meet(self) -> None:
        """Join the processes of the other devices, and share gradients with them from here on."""
        self.fabric.launch()
        self._model = self.fabric.setup_module(self.network)

    def gradient(self, batch: Batch) -> None:
        """Of the loss of one batch, clipped."""
        recipe, step = self.recipe, self.state.step
        other_group, attention = self.state.optimizer.param_groups
        other_group["lr"] = recipe.learning_rate_at(step) * self.state.eased
        attention["lr"] = recipe.attention_learning_rate_at(step) * self.state.eased
        # The entropy model's noise, a function of seed, step and process.
        torch.manual_seed((recipe.seed * 1_000_003 + step) * 1_009 + self.fabric.global_rank)
        planes = to_planes(batch.crops)
        with self.as_at(step), self._mixed:
            output = self._model(planes, batch.quality)
        beta = betas(batch.quality, recipe.beta_lowest, recipe.beta_highest, self.network.size.qualities)
        middle = (recipe.beta_lowest * recipe.beta_highest) ** 0.5
        share = recipe.ms_ssim_share_at(step)
        loss = rate_distortion(output, planes, beta, share, torch.sqrt(middle / beta))
        self.last = Loss(*(value.detach() for value in loss))
        self.state.optimizer.zero_grad()
        # Several processes wait for the gradient of every parameter.
        self.fabric.backward(loss.total + sum(0 * parameter.sum() for parameter in self._waiting()))
        for parameter in self._waiting():
            parameter.grad = None
        norm = nn.utils.clip_grad_norm_(self.parameters_trained, recipe.gradient_clip)
        self._is_finite = torch.isfinite(norm)

    def descend(self) -> None:
        """Descend where the gradient is finite (on every process alike), and count the step."""
        assert self.last is not None
        step, is_finite, optimizer = self.state.step, self._is_finite, self.state.optimizer
        stage = None if self.is_over else self.recipe.stage_at(step)
        self._unseen.append((stage, torch.stack([self.last.total, is_finite])))
        if self.is_over:
            return
        if self.recipe.optimizer == "adam":
            optimizer.found_inf = (~is_finite).float()  # type: ignore[attr-defined]
        elif not is_finite:
            optimizer.zero_grad()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(
                self.state.average, self.parameters_trained, 1 - self.recipe.ema_decay_at(step)
            )
        self.state.step += 1

    def look(self) -> None:
        """Take in what the steps since the last look have found; the device is waited for."""
        if not self._unseen:
            return
        stages, values = zip(*self._unseen, strict=True)
        self._unseen = []
        for stage, (loss, is_finite) in zip(stages, torch.stack(values).tolist(), strict=True):
            if self.not_finite < PATIENCE:
                self.not_finite = 0 if is_finite else self.not_finite + 1
            if stage is not None and is_finite:
                self.state.level.add(loss, stage)

    @contextmanager
    def as_at(self, step: int) -> Iterator[None]:
        """The network as `step` trains it: without attention in its synthesis, before that takes part."""
        bypassed = self._bypassed(step)
        try:
            for branch, place, _ in bypassed:
                setattr(branch, place, self._bypass)
            yield
        finally:
            for branch, place, module in bypassed:
                setattr(branch, place, module)

    def _bypassed(self, step: int) -> list[tuple[nn.Module, str, nn.Module]]:
        return [] if step >= self.recipe.attention_from_step else self._attention()

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

    def is_calm(self) -> bool:
        """Whether neither the last loss nor one of the few before may be the beginning of an explosion."""
        self.look()
        return self.last is not None and self.state.level.is_calm(float(self.last.total))

    def is_sound(self) -> bool:
        """Whether the weights as they are have a finite gradient, and a loss that begins no explosion."""
        return self.is_calm() and bool(self._is_finite)

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

    def finish(self) -> None:
        """Leave the averaged weights in the network, on the CPU and not compiled."""
        self.swap()
        for compiled in ("analyze", "synthesize"):
            vars(self.network).pop(compiled, None)
        self.network.to("cpu").eval()


def _optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.learning_rate, fused=True)
    return SOAP(groups, lr=recipe.learning_rate)
