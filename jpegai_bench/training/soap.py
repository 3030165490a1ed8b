"""SOAP, with bounded steps: Adam in the eigenbasis of Shampoo (Vyas et al., "SOAP", ICLR 2025)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

BOUND = 1.0
"""Learning rates that a component in the eigenbasis moves in one step, at most; before Adam's correction of
its bias, so somewhat more in the first hundred steps."""
_DECAY = 0.95
"""Of both moments and of Shampoo's statistics."""
_EVERY = 10
"""Steps from one eigenbasis to the next."""
_EPSILON = 1e-8


class SOAP(Optimizer):
    """Adam's step in a basis in which the gradients of each dimension of a tensor are uncorrelated.

    The decay rates of both moments are equal, so in one basis a mean of gradients m and that of their squares
    v have m² ≤ v, and Adam's m/√v is 1 at most. A new basis breaks that: m is rotated into it, v is not.
    Components that saw small gradients then move by many learning rates for some steps (10 in the first 500
    of a synthesis; two of seven trainings to the end broke down), so they are bounded.

    What has one dimension is left to Adam. The first gradient of a tensor gives its first basis, and moves
    nothing. A tensor without a gradient is left alone.
    """

    def __init__(self, params: Iterable[Any], lr: float, bound: float = BOUND) -> None:
        """`bound`: of the components of a step."""
        super().__init__(params, {"lr": lr})
        self.bound = bound

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; a `closure` is not called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group["lr"])

    def _step(self, parameter: Tensor, rate: float) -> None:
        assert parameter.grad is not None
        gradient, state = _dimensions(parameter.grad), self.state[parameter]
        if not state:
            state |= {"step": 0, "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
            has_basis = parameter.dim() > 1 and gradient.dim() > 0
            state["statistics"] = [(1 - _DECAY) * outer for outer in _outer(gradient)] if has_basis else []
            state["basis"] = [torch.linalg.eigh(outer)[1].flip(1) for outer in state["statistics"]]
            state["rotation"] = _joined(state["basis"])
            return
        state["step"] += 1
        mean, square, rotation = state["mean"], state["square"], state["rotation"]
        rotated = _rotated(gradient, rotation)
        mean.lerp_(rotated, 1 - _DECAY)
        square.mul_(_DECAY).addcmul_(rotated, rotated, value=1 - _DECAY)
        move = (mean / square.sqrt().add_(_EPSILON)).clamp_(-self.bound, self.bound)
        move = _rotated(move, [one.T for one in rotation])
        _dimensions(parameter).sub_(move, alpha=rate / (1 - _DECAY ** state["step"]) ** 0.5)
        if rotation:
            for statistic, outer in zip(state["statistics"], _outer(gradient), strict=True):
                statistic.lerp_(outer, 1 - _DECAY)
            if state["step"] % _EVERY == 0:
                _turn(state)


def _dimensions(x: Tensor) -> Tensor:
    """A view without dimensions of one, the second last: so a convolution's weights lie in memory."""
    return (x.movedim(1, -1) if x.dim() > 1 else x).squeeze()


def _outer(x: Tensor) -> Iterator[Tensor]:
    """For each dimension the products of its slices with one another, `[n, n]`."""
    for dim, length in enumerate(x.shape):
        if dim and dim == x.dim() - 1:
            columns = x.reshape(-1, length)
            yield columns.T @ columns
        else:
            rows = x.movedim(dim, 0).reshape(length, -1)
            yield rows @ rows.T


def _joined(basis: Sequence[Tensor]) -> list[Tensor]:
    """The same with one matrix for all dimensions between the first and the last, which are short."""
    between = [reduce(torch.kron, basis[1:-1])] if len(basis) > 2 else []
    return [*basis[:1], *between, *basis[1:][-1:]]


def _rotated(x: Tensor, rotation: Sequence[Tensor]) -> Tensor:
    """Every dimension in its basis: the sum over i, j, … of `x[i, j, …] * first[i, a] * second[j, b] * …`."""
    if not rotation:
        return x
    y = rotation[0].T @ x.reshape(len(rotation[0]), -1)
    if len(rotation) > 1:
        y = y.reshape(-1, len(rotation[-1])) @ rotation[-1]
    if len(rotation) > 2:
        y = rotation[1].T @ y.reshape(len(rotation[0]), -1, len(rotation[-1]))
    return y.reshape(x.shape)


def _turn(state: dict[str, Any]) -> None:
    """The next basis, by a step of the power iteration on the statistics; the heaviest directions first."""
    mean = _rotated(state["mean"], [one.T for one in state["rotation"]])
    for dim, (statistic, one) in enumerate(zip(state["statistics"], state["basis"], strict=True)):
        power = statistic @ one
        order = torch.argsort((one * power).sum(dim=0), descending=True)
        state["square"] = state["square"].index_select(dim, order)
        state["basis"][dim] = torch.linalg.qr(power.index_select(1, order))[0]
    state["rotation"] = _joined(state["basis"])
    state["mean"] = _rotated(mean, state["rotation"])
