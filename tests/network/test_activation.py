import pytest
import torch

from jpegai_bench.network.activation import ResAU, SimplifiedActivation


@pytest.fixture(scope="module")
def x():
    return torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(0)) * 3


def mixed(conv, x):
    """conv1x1 of LeakyReLU(0.01), written as a matrix product."""
    leaky = torch.where(x > 0, x, 0.01 * x)
    return torch.einsum("oi,bihw->bohw", conv.weight[:, :, 0, 0], leaky) + conv.bias[:, None, None]


def test_resau_is_its_formula(x):
    unit = ResAU(6)
    torch.testing.assert_close(unit(x), x + x * torch.tanh(mixed(unit.conv, x)))


def test_resau_stays_between_zero_and_twice_its_input(x):
    unit = ResAU(6)
    with torch.no_grad():
        unit.conv.weight.mul_(100)
    assert bool((unit(x).abs() <= 2 * x.abs()).all())
    assert bool((unit(x) * x >= 0).all())


def test_the_two_readings_of_the_simplified_activation(x):
    product, total = SimplifiedActivation(6), SimplifiedActivation(6, form="sum")
    torch.testing.assert_close(product(x), x * mixed(product.gate, x))
    torch.testing.assert_close(total(x), x + mixed(total.gate, x))


@pytest.mark.parametrize("form", ["product", "sum"])
def test_a_simplified_activation_without_weights_is_the_identity(x, form):
    unit = SimplifiedActivation(6, form)
    with torch.no_grad():
        unit.gate.weight.zero_()
    torch.testing.assert_close(unit(x), x)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="product or sum"):
        SimplifiedActivation(6, form="quotient")
