from decimal import Decimal, getcontext
from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from jpegai_bench.network.arithmetic import FRACTION_BITS, POWERS, Exact, Float, from_exact, run, to_exact
from jpegai_bench.network.codec import BRANCHES

UNIT = 1 << FRACTION_BITS
LIMIT = 512 * UNIT
ODD_SIZES = [(1, 1), (1, 4), (2, 3), (5, 4), (7, 9)]


def layers(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(16, 24, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 4 * 24, 1, bias=False),
        nn.PixelShuffle(2),
        nn.ReLU(),
        nn.Conv2d(24, 10, 3, padding=1, groups=2),
    )


def symbols(batch=1, seed=0, spread=8):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(-spread, spread + 1, (batch, 16, 13, 17), generator=random).double() * UNIT


def exact(network, x):
    return run(Exact(0), network, x)


def doubles(value):
    return torch.tensor([value], dtype=torch.float64)


def phases(height, width):
    return [(i, j) for i, j in product((0, 1), (0, 1)) if i < height and j < width]


def test_rounding_is_to_the_nearest_2_to_the_minus_10():
    x = torch.tensor([0.0, 1.0, -1.0, 0.4 / 1024, 0.6 / 1024, -0.6 / 1024, 300.123])
    assert to_exact(x).tolist() == [0, 1024, -1024, 0, 1, -1, round(float(x[-1]) * 1024)]
    whole = torch.arange(-(2**14) + 1, 2**14).double()
    assert torch.equal(to_exact(from_exact(whole)), whole)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, 3, padding=1, bias=False),
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.Conv2d(4, 6, 1),
        nn.Conv2d(4, 6, 1, groups=2, bias=False),
    ],
    ids=str,
)
def test_a_convolution_is_the_sum_of_integer_products(conv):
    x = torch.randint(-4000, 4000, (1, 4, 4, 5))
    weight = np.floor(conv.weight.detach().double().numpy() * 2**14 + 0.5).astype(int)
    bias = np.zeros(6, int)
    if conv.bias is not None:
        bias = np.floor(conv.bias.detach().double().numpy() * 2**24 + 0.5).astype(int)
    side, seen = conv.kernel_size[0], 4 // conv.groups
    around = side // 2
    padded = np.pad(x[0].numpy(), ((0, 0), (around, around), (around, around)))
    made = exact([conv], x.double())
    for o in range(6):
        first = o // (6 // conv.groups) * seen
        for i in range(4):
            for j in range(5):
                inputs = padded[first : first + seen, i : i + side, j : j + side]
                total = int((weight[o] * inputs).sum() + bias[o])
                assert int(made[0, o, i, j]) == (total + (1 << 13)) >> 14  # rounds halves up


def test_the_number_of_threads_changes_nothing():
    network, x = layers(), symbols(batch=4)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(exact(network, x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_batch_size_changes_nothing():
    network, x = layers(), symbols(batch=5)
    together = exact(network, x)
    for index in range(5):
        assert torch.equal(exact(network, x[index : index + 1])[0], together[index])


def test_the_order_of_the_sum_changes_nothing():
    network, x = layers(), symbols(spread=300)
    wanted = exact(network, x)
    for seed in range(5):
        order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
        shuffled = layers()
        with torch.no_grad():
            shuffled[0].weight.copy_(network[0].weight[:, order])
        assert torch.equal(exact(shuffled, x[:, order]), wanted)


def test_it_is_the_float_network_within_a_hundredth():
    for seed in range(5):
        network, x = layers(seed), symbols(seed=seed)
        with torch.no_grad():
            wanted = network.double()(from_exact(x).double())
        assert (from_exact(exact(network, x)) - wanted).abs().max() < 0.01


def test_the_longest_sum_at_the_limits_is_exact():
    terms = 2**15 - 2
    conv = nn.Conv2d(terms, 1, 1)
    x = torch.full((1, terms, 1, 1), float(LIMIT), dtype=torch.float64)
    with torch.no_grad():
        conv.weight.fill_(16.0)
        conv.weight[0, terms // 2 :] = -16.0  # all the positive terms first: the largest partial sum
        conv.weight[0, 0] += 2.0**-14
        conv.bias.fill_(0.0)
    assert int(exact([conv], x)) == 0  # the weight is clamped to 16
    with torch.no_grad():
        conv.weight[0, 0] = 16.0 - 2.0**-9
    assert int(exact([conv], x)) == -(LIMIT >> 9)


def test_the_largest_symbols_that_the_range_coder_takes_leave_a_sum_exact():
    conv, x = (
        nn.Conv2d(129, 1, 1, bias=False),
        torch.full((1, 129, 1, 1), 2.0**24 * UNIT, dtype=torch.float64),
    )
    with torch.no_grad():
        conv.weight.fill_(16.0)
        conv.weight[0, 65:] = -16.0
        conv.weight[0, 64] = 8191 * 2.0**-14
    x[0, 64] = 1.0  # 8191 of 16384: rounded down, if nothing is lost while the sum is large
    for seed in range(5):
        order = (
            torch.randperm(129, generator=torch.Generator().manual_seed(seed)) if seed else torch.arange(129)
        )
        shuffled = nn.Conv2d(129, 1, 1, bias=False)
        shuffled.load_state_dict({"weight": conv.weight[:, order]})
        assert int(exact([shuffled], x[:, order])) == 0


def test_what_is_too_large_is_clamped_and_never_overflows():
    conv = nn.Conv2d(2, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(1e30)
        conv.bias.fill_(-1e30)
    for value in (2.0**62, -(2.0**62)):
        out = int(exact([conv], torch.full((1, 2, 1, 1), value, dtype=torch.float64)))
        assert out == (LIMIT if value > 0 else -LIMIT)


def test_a_layer_that_is_made_anew_has_its_own_weights():
    """Python gives a new object the id of one that is gone."""
    exact = Exact(0)
    x = torch.full((1, 1, 1, 1), 1024.0, dtype=torch.float64)
    for value in range(1, 6):
        layer = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(layer.weight, value)
        assert exact.convolve(layer, x).item() == value * 1024
        del layer


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(16, 16, 3, padding="same"),
        nn.Conv2d(16, 16, 3),
        nn.Conv2d(16, 16, 1, padding=1),
        nn.Conv2d(16, 16, 5, padding=2),
        nn.ConvTranspose2d(16, 16, 1),
        nn.Tanh(),
        nn.BatchNorm2d(16),
    ],
    ids=str,
)
def test_what_has_no_exact_form_is_refused(layer):
    with pytest.raises(TypeError, match="exact form"):
        exact([layer], symbols())


def test_a_sum_too_long_to_be_exact_is_refused():
    with pytest.raises(TypeError, match="exact"):
        exact([nn.Conv2d(2**15, 1, 1)], torch.zeros(1, 2**15, 1, 1, dtype=torch.float64))


@pytest.mark.parametrize(("height", "width"), ODD_SIZES)
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(16, 6, 3, padding=1, groups=2),
        nn.Conv2d(16, 6, 3, padding=1, bias=False),
        nn.Conv2d(16, 6, 1),
    ],
    ids=str,
)
@torch.no_grad()
def test_a_phase_is_a_slice_of_the_full_map(conv, height, width):
    x = symbols(batch=2)[..., :height, :width]
    whole = Exact(0).convolve(conv, x)
    floats = Float(torch.zeros(2)).convolve(conv, from_exact(x))
    assert whole.shape == floats.shape == (2, 6, height, width)
    for i, j in phases(height, width):
        assert torch.equal(Exact(0).convolve(conv, x, (i, j)), whole[..., i::2, j::2])
        one = Float(torch.zeros(2)).convolve(conv, from_exact(x), (i, j))
        torch.testing.assert_close(one, floats[..., i::2, j::2])


def test_powers_of_two_are_right_and_far_enough_from_a_half_to_be_the_same_everywhere():
    getcontext().prec = 40
    for step, power in enumerate(POWERS):
        wanted = Decimal(2) ** (16 + Decimal(step) / 1024)
        assert power == int(wanted + Decimal("0.5"))
        assert abs(wanted % 1 - Decimal("0.5")) > Decimal("1e-5")


numbers = st.integers(-(2**35) + 1, 2**35 - 1) | st.integers(-3000, 3000)
exponents = st.integers(-32 * UNIT, 32 * UNIT)


@settings(max_examples=300, deadline=None)
@given(numbers, exponents)
def test_scaling_is_a_product_of_integers(x, log2):
    clamped = min(max(log2, -30 * UNIT), 30 * UNIT)
    factor = Fraction(POWERS[clamped % UNIT], 2**16) * Fraction(2) ** (clamped // UNIT)
    wanted = floor(x * factor + Fraction(1, 2))
    made = Exact(0).scale(doubles(x), doubles(log2))
    assert int(made) == wanted == float(made)


@settings(max_examples=100, deadline=None)
@given(st.integers(-(2**22), 2**22), st.integers(-8 * UNIT, 8 * UNIT))
def test_scaling_is_that_of_floats_but_for_its_rounding(x, log2):
    made = Exact(0).scale(doubles(x), doubles(log2))
    wanted = x * 2.0 ** (log2 / UNIT)
    assert abs(float(made) - wanted) <= 0.5 + 2**-17 * abs(wanted) + 1e-6
    floats = Float(torch.zeros(1)).scale(torch.tensor([x / UNIT]), torch.tensor([log2 / UNIT]))
    assert float(floats) * UNIT == pytest.approx(wanted, rel=1e-5)


@torch.no_grad()
def test_the_sum_around_is_that_of_floats():
    x = symbols(batch=2)
    assert torch.equal(Exact(0).sum_around(x), Float(torch.zeros(2)).sum_around(x))
    one = doubles(7.0)[None, None, None]
    assert torch.equal(Exact(0).sum_around(one), one)


def test_no_gradient_reaches_an_exponent():
    x, log2 = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    Float(torch.zeros(1)).scale(x, log2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]
    assert log2.grad is None


@torch.no_grad()
@pytest.mark.parametrize("context", tiny.CONTEXTS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7)])
def test_a_whole_walk_is_that_of_floats_within_a_hundredth(context, height, width):
    """Parameters of every part, with the same deviation from the mean decoded in both."""
    network = tiny.network(context=context)
    random = torch.Generator().manual_seed(1)
    deviation = to_exact(torch.randn(1, 8, height, width, generator=random))
    reference = to_exact(torch.randn(1, 8, height, width, generator=random))
    z = torch.randint(-4, 5, (1, 8, -(-height // 4), -(-width // 4)), generator=random).double() * UNIT
    quality = 1400

    def walk(branch, arithmetic, held):
        parts = []

        def code(now):
            parts.extend(now)
            return [part.mean + part.of(held(deviation)) for part in now]

        model = network.entropy(branch)
        side = model.side(arithmetic, held(z), height, width)
        return model.walk(arithmetic, side, code, held(reference) if branch == "chroma" else None), parts

    for branch in BRANCHES:
        ours, parts = walk(branch, Exact(quality), lambda x: x)
        theirs, others = walk(branch, Float(torch.tensor([quality / 1000])), from_exact)
        assert len(parts) == len(others)
        scale = 1.0
        for one, other in zip(parts, others, strict=True):
            scale = max(scale, float(torch.exp2(other.log2_scale).max()))
            assert (from_exact(one.mean) - other.mean).abs().max() < 0.01 * scale
            assert (from_exact(one.log2_scale) - other.log2_scale).abs().max() < 0.01
        assert (from_exact(ours) - theirs).abs().max() < 0.01 * scale
        assert F.l1_loss(theirs, from_exact(deviation)) > 0.1  # the means are not zero
