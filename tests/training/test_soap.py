import pytest
import torch
from pytorch_optimizer import SOAP as OTHER

from jpegai_bench.training.soap import SOAP

RATE = 1e-3
SIDE = 8
SETTLED = 100
"""From here on the correction of Adam's bias is past."""
SHAPES = ((24, 16, 3, 3), (8, 24, 1, 1), (12, 1, 3, 3), (1, 8, 3, 3), (4, 1, 1), (6, 5), (10,), (1, 1, 1, 1))


def other(parameters, lr):
    return OTHER(parameters, lr=lr, weight_decay=0.0)


def unbounded(parameters, lr):
    return SOAP(parameters, lr=lr, bound=1e9)


def trained(make, steps=37):
    """Parameters of all shapes after gradients that are not alike in all directions."""
    torch.manual_seed(1)
    parameters = [torch.randn(shape).requires_grad_() for shape in SHAPES]
    parameters[0] = parameters[0].detach().to(memory_format=torch.channels_last).requires_grad_()
    optimizer = make(parameters, lr=1e-2)
    for _ in range(steps):
        for parameter in parameters:
            each = torch.linspace(0.1, 2, len(parameter)).reshape(-1, *[1] * (parameter.dim() - 1))
            parameter.grad = each * torch.randn(parameter.shape) + 0.3 * parameter.detach()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def test_without_a_bound_it_is_that_of_another_implementation():
    start = trained(other, steps=1)  # its first gradient moves nothing
    for ours, theirs, before in zip(trained(unbounded), trained(other), start, strict=True):
        assert float((theirs - before).abs().max()) > 0.1
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def farthest(make, gradients):
    """How far the component of a matrix that moved most did in each step, in learning rates."""
    weight = torch.zeros(SIDE, SIDE, requires_grad=True)
    optimizer = make([weight], lr=RATE)
    moved = []
    for gradient in gradients:
        before, basis = weight.detach().clone(), list(optimizer.state[weight].get("basis", ()))
        weight.grad = gradient.clone()
        optimizer.step()
        if basis:
            left, right = basis
            moved.append(float((left.T @ (weight.detach() - before) @ right).abs().max()) / RATE)
    return moved


def gradients_that_turn():
    """Of one direction for long, then of another, which the eigenbasis learns of late."""
    torch.manual_seed(0)
    first, second = torch.randn(2, SIDE, SIDE)
    noise = 1e-6 * torch.randn(120, SIDE, SIDE)
    return [(first if step < 105 else second) + noise[step] for step in range(120)]


def test_a_component_moves_by_one_learning_rate_at_most_whatever_the_new_basis():
    gradients = gradients_that_turn()
    assert max(farthest(unbounded, gradients)[SETTLED:]) > 2
    assert max(farthest(SOAP, gradients)[SETTLED:]) < 1.01


@pytest.mark.parametrize("seed", range(3))
def test_before_the_second_basis_the_bound_changes_nothing(seed):
    torch.manual_seed(seed)
    gradients = list(torch.randn(11, SIDE, SIDE))
    assert farthest(unbounded, gradients) == farthest(SOAP, gradients)


def test_what_has_no_gradient_stays_and_its_state_too():
    left, right = (torch.ones(3, 4, requires_grad=True) for _ in range(2))
    optimizer = SOAP([left, right], lr=RATE)
    for step in range(30):
        left.grad, right.grad = torch.randn(3, 4), None if step < 20 else torch.randn(3, 4)
        if step == 20:
            assert torch.equal(right, torch.ones(3, 4))
            assert not optimizer.state[right]
        optimizer.step()
    assert optimizer.state[left]["step"] == 29
    assert optimizer.state[right]["step"] == 9
    assert not torch.equal(right, torch.ones(3, 4))
