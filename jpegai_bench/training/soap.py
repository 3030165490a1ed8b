"""SOAP with bounded steps: Adam in the eigenbasis of Shampoo (Vyas et al., "SOAP", ICLR 2025)."""

from typing import Any

from pytorch_optimizer import SOAP
from torch import Tensor

BOUND = 1.0
"""Learning rates that a component in the eigenbasis moves in one step, at most; before Adam's correction of
its bias, so somewhat more in the first hundred steps."""


class BoundedSOAP(SOAP):
    """SOAP whose components, in their eigenbasis, move by one learning rate a step at most.

    Its decay rates of both moments are equal, so in one basis a mean of gradients m and that of their squares
    v have m² ≤ v, and Adam's m/√v is 1 at most. A new eigenbasis, every ten steps, breaks that: m is rotated
    into it, v is not. Components that saw small gradients then move by many learning rates for some steps
    (10 in the first 500 of a synthesis; two of seven trainings to the end broke down). Where the basis is the
    same, nothing differs from SOAP.
    """

    def project(
        self,
        grad: Tensor,
        state: Any,
        merge_dims: bool = False,
        max_precondition_dim: int = 10000,
        project_type: str = "forward",
    ) -> Tensor:
        """Rotate into the eigenbasis; or back, what a step is to do there."""
        if project_type == "backward":
            grad = grad.clamp(-BOUND, BOUND)
        return super().project(grad, state, merge_dims, max_precondition_dim, project_type)
