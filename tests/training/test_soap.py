"""SOAP against what defines it: Adam where there is nothing to turn, and no preferred basis elsewhere."""

import pytest
import torch
from torch import nn

from jpegai_bench.training.soap import SOAP


def descended(parameter, gradients, optimizer):
    """The parameter after a step along each of the gradients."""
    parameter = nn.Parameter(parameter.clone())
    steps = optimizer([parameter])
    for gradient in gradients:
        parameter.grad = gradient.clone()
        steps.step()
    return parameter.detach()


def gradients_of(*shape, count=30, seed=0):
    torch.manual_seed(seed)
    scale = torch.logspace(0, 1.5, shape[0], dtype=torch.float64).reshape(-1, *[1] * (len(shape) - 1))
    return [scale * torch.randn(*shape, dtype=torch.float64) for _ in range(count)]


def soap(parameters, **own):
    return SOAP(parameters, lr=0.01, **own)


def test_a_vector_is_descended_by_adam():
    start, gradients = torch.randn(7, dtype=torch.float64), gradients_of(7)
    adam = descended(start, gradients, lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.95, 0.95)))
    torch.testing.assert_close(descended(start, gradients, soap), adam)


@pytest.mark.parametrize("shape", [(5, 5), (6, 4, 3, 3), (1, 5, 3, 3), (5, 1, 3, 3)])
def test_turned_gradients_give_turned_steps(shape):
    """SOAP descends the same way whatever orthogonal basis outputs and inputs are written in."""
    start, gradients = torch.zeros(*shape, dtype=torch.float64), gradients_of(*shape)
    outputs, inputs = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for n in shape[:2])

    def turned(x):
        return torch.einsum("ab,bc...,dc->ad...", outputs, x, inputs)

    straight = descended(start, gradients, soap)
    assert float(straight.abs().max()) > 0.01
    torch.testing.assert_close(descended(start, map(turned, gradients), soap), turned(straight))


def test_the_first_step_measures_alone():
    start, gradients = torch.randn(3, 4, dtype=torch.float64), gradients_of(3, 4, count=2)
    assert torch.equal(descended(start, gradients[:1], soap), start)
    assert not torch.equal(descended(start, gradients, soap), start)


def test_a_gradient_of_zeros_moves_nothing():
    start = torch.randn(6, 4, 3, 3, dtype=torch.float64)
    assert torch.equal(descended(start, [torch.zeros_like(start)] * 12, soap), start)


def test_its_state_goes_through_a_checkpoint():
    start, gradients = torch.randn(6, 4, 3, 3, dtype=torch.float64), gradients_of(6, 4, 3, 3)
    parameter = nn.Parameter(start.clone())
    steps = soap([parameter])
    for gradient in gradients[:13]:
        parameter.grad = gradient
        steps.step()
    resumed = nn.Parameter(parameter.detach().clone())
    again = soap([resumed])
    again.load_state_dict(steps.state_dict())
    for gradient in gradients[13:]:
        resumed.grad = gradient
        again.step()
    assert torch.equal(resumed.detach(), descended(start, gradients, soap))
