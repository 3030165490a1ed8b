import pytest
import torch
from pytorch_optimizer import SOAP

from jpegai_bench.training.soap import BoundedSOAP

RATE = 1e-3
SIDE = 8
NEW_BASIS = 11
"""The step that is the first to use it: it is made after every tenth that counts, and the first does not."""
SETTLED = 100
"""From here on the correction of Adam's bias is past."""


def steps(optimizer_class, gradients):
    """How far the component that moved most did in each step, in learning rates; and where it all ended."""
    weight = torch.zeros(SIDE, SIDE, requires_grad=True)
    optimizer = optimizer_class([weight], lr=RATE, weight_decay=0.0)
    moved = []
    for gradient in gradients:
        before, basis = weight.detach().clone(), optimizer.state[weight].get("Q")
        weight.grad = gradient.clone()
        optimizer.step()
        if basis:
            left, right = basis
            moved.append(float((left.T @ (weight.detach() - before) @ right).abs().max()) / RATE)
    return moved, weight.detach()


def gradients_that_turn():
    """Of one direction for long, then of another, which the eigenbasis learns of late."""
    torch.manual_seed(0)
    first, second = torch.randn(2, SIDE, SIDE)
    noise = 1e-6 * torch.randn(120, SIDE, SIDE)
    return [(first if step < 105 else second) + noise[step] for step in range(120)]


def test_a_component_moves_by_one_learning_rate_at_most_whatever_the_new_basis():
    gradients = gradients_that_turn()
    assert max(steps(SOAP, gradients)[0][SETTLED:]) > 2
    assert max(steps(BoundedSOAP, gradients)[0][SETTLED:]) < 1.01


@pytest.mark.parametrize("seed", range(3))
def test_in_the_first_basis_it_is_soap_to_the_bit(seed):
    torch.manual_seed(seed)
    gradients = list(torch.randn(NEW_BASIS, SIDE, SIDE))
    assert torch.equal(steps(SOAP, gradients)[1], steps(BoundedSOAP, gradients)[1])
