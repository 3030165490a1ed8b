"""SOAP: Adam in the eigenbasis of Shampoo's statistics (Vyas et al., "SOAP", ICLR 2025, algorithm 3).

Of a weight `[outputs, inputs, ...]` the first two axes have statistics, summed over a kernel.
Moments are kept in the eigenbasis and turned where it changes, and statistics are taken every other step:
less work for convolutions than by the paper's algorithm.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_SIDES = {"outputs": 1, "inputs": 2}
"""The axis of each in a gradient as `[positions, outputs, inputs]`."""


class SOAP(torch.optim.Optimizer):
    """Parameters of fewer than two axes are descended by Adam; of the others the first step only measures.

    Args:
        params: as of any optimizer.
        lr: learning rate; that of Adam suits.
        betas: decay of the first moment, and of the second and the statistics.
        eps: added to the root of the second moment.
        refresh: steps after which the eigenbasis follows the statistics, by one power iteration.
        statistics: steps after which a gradient goes into the statistics.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        refresh: int = 10,
        statistics: int = 2,
    ) -> None:
        own = {"lr": lr, "betas": betas, "eps": eps, "refresh": refresh, "statistics": statistics}
        super().__init__(params, own)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` makes the gradients, and its value is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    descend = _descend_plainly if parameter.ndim < 2 else _descend
                    descend(parameter, self.state[parameter], group)
        return loss


def _descend_plainly(parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    assert parameter.grad is not None
    if not state:
        _begin(state, parameter.grad)
    parameter.add_(_adam(parameter.grad, state, group), alpha=-group["lr"])


def _descend(parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    assert parameter.grad is not None
    shape, decay = parameter.shape, group["betas"][1]
    gradient = parameter.grad.reshape(*shape[:2], -1).permute(2, 0, 1).contiguous()
    if not state:
        _begin(state, gradient)
        for side, axis in _SIDES.items():
            if gradient.shape[axis] > 1:
                products = _products(gradient, axis)
                state[side] = (1 - decay) * products
                basis = torch.linalg.eigh(products.double())[1]  # float32 may not converge
                state[f"{side}_basis"] = basis.flip(1).to(products).contiguous()
        return
    if state["step"] % group["statistics"] == 0:
        for side in _SIDES.keys() & state.keys():
            state[side].lerp_(_products(gradient, _SIDES[side]), 1 - decay)
    change = _turned(_adam(_turned(gradient, state), state, group), state, back=True)
    parameter.add_(change.permute(1, 2, 0).reshape(shape), alpha=-group["lr"])
    if state["step"] % group["refresh"] == 0:
        _refresh(state)


def _begin(state: dict[str, Any], gradient: Tensor) -> None:
    state.update(step=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))


def _adam(gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
    """Adam's change, for a rate of 1."""
    first, second = group["betas"]
    state["step"] += 1
    mean = state["mean"].lerp_(gradient, 1 - first)
    square = state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
    scale = (1 - second ** state["step"]) ** 0.5 / (1 - first ** state["step"])
    return scale * mean / square.sqrt().add_(group["eps"])


def _products(gradient: Tensor, axis: int) -> Tensor:
    """`[C, C]`: of each two outputs (or inputs), summed over all else."""
    rows = gradient.transpose(0, axis).flatten(1)
    return rows @ rows.T


def _turned(x: Tensor, state: dict[str, Any], back: bool = False) -> Tensor:
    """`[positions, outputs, inputs]` into the eigenbasis, or back."""
    if (basis := state.get("outputs_basis")) is not None:
        x = (basis if back else basis.T) @ x
    if (basis := state.get("inputs_basis")) is not None:
        x = x @ (basis.T if back else basis)
    return x


def _refresh(state: dict[str, Any]) -> None:
    """Turn the basis towards the eigenvectors of the statistics, the largest first."""
    mean = _turned(state["mean"], state, back=True)
    for side, axis in _SIDES.items():
        if side in state:
            basis = state[f"{side}_basis"]
            moved = state[side] @ basis
            order = torch.argsort((basis * moved).sum(dim=0), descending=True)
            state["square"] = state["square"].index_select(axis, order)
            state[f"{side}_basis"] = torch.linalg.qr(moved[:, order])[0]
    state["mean"] = _turned(mean, state)
