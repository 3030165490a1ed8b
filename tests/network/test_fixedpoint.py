import numpy as np
import pytest
import torch
from torch import nn

from jpegai_bench.network.fixedpoint import FRACTION_BITS, from_fixed, run_fixed, to_fixed

LIMIT = 512 << FRACTION_BITS


def layers(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(16, 24, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 4 * 24, 1),
        nn.PixelShuffle(2),
        nn.ReLU(),
        nn.Conv2d(24, 10, 3, padding=1),
    )


def symbols(batch=1, seed=0, spread=8):
    random = torch.Generator().manual_seed(seed)
    return torch.randint(-spread, spread + 1, (batch, 16, 13, 17), generator=random) << FRACTION_BITS


def test_rounding_is_to_the_nearest_2_to_the_minus_10():
    x = torch.tensor([0.0, 1.0, -1.0, 0.4 / 1024, 0.6 / 1024, -0.6 / 1024, 300.123])
    assert to_fixed(x).tolist() == [0, 1024, -1024, 0, 1, -1, round(float(x[-1]) * 1024)]
    whole = torch.arange(-(2**14) + 1, 2**14)
    assert torch.equal(to_fixed(from_fixed(whole)), whole)


def test_a_convolution_is_the_sum_of_integer_products():
    conv = nn.Conv2d(3, 2, 3, padding=1)
    x = torch.randint(-4000, 4000, (1, 3, 4, 5))
    weight = np.floor(conv.weight.detach().double().numpy() * 2**14 + 0.5).astype(int)
    bias = np.floor(conv.bias.detach().double().numpy() * 2**24 + 0.5).astype(int)
    padded = np.pad(x[0].numpy(), ((0, 0), (1, 1), (1, 1)))
    for o in range(2):
        for i in range(4):
            for j in range(5):
                total = int((weight[o] * padded[:, i : i + 3, j : j + 3]).sum() + bias[o])
                wanted = (total + (1 << 13)) >> 14  # rounds halves up
                assert int(run_fixed(nn.Sequential(conv), x)[0, o, i, j]) == wanted


def test_the_number_of_threads_changes_nothing():
    network, x = layers(), symbols(batch=4)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(run_fixed(network, x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_batch_size_changes_nothing():
    network, x = layers(), symbols(batch=5)
    together = run_fixed(network, x)
    for index in range(5):
        assert torch.equal(run_fixed(network, x[index : index + 1])[0], together[index])


def test_the_order_of_the_sum_changes_nothing():
    network, x = layers(), symbols(spread=300)
    wanted = run_fixed(network, x)
    order = torch.randperm(16)
    with torch.no_grad():
        network[0].weight.copy_(network[0].weight[:, order])
    assert torch.equal(run_fixed(network, x[:, order]), wanted)


def test_it_is_the_float_network_within_a_hundredth():
    for seed in range(5):
        network, x = layers(seed), symbols(seed=seed)
        with torch.no_grad():
            wanted = network.double()(from_fixed(x).double())
        assert (from_fixed(run_fixed(network, x)) - wanted).abs().max() < 0.01


def test_the_longest_sum_at_the_limits_is_exact():
    terms = 2**15 - 2
    conv = nn.Conv2d(terms, 1, 1)
    x = torch.full((1, terms, 1, 1), LIMIT)
    with torch.no_grad():
        conv.weight.fill_(16.0)
        conv.weight[0, terms // 2 :] = -16.0  # all the positive terms first: the largest partial sum
        conv.weight[0, 0] += 2.0**-14
        conv.bias.fill_(0.0)
    assert int(run_fixed(nn.Sequential(conv), x)) == 0  # the weight is clamped to 16
    with torch.no_grad():
        conv.weight[0, 0] = 16.0 - 2.0**-9
    assert int(run_fixed(nn.Sequential(conv), x)) == -(LIMIT >> 9)


def test_what_is_too_large_is_clamped_and_never_overflows():
    conv = nn.Conv2d(2, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(1e30)
        conv.bias.fill_(-1e30)
    for value in (2**62, -(2**62)):
        out = int(run_fixed(nn.Sequential(conv), torch.full((1, 2, 1, 1), value)))
        assert out == (LIMIT if value > 0 else -LIMIT)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.Conv2d(16, 16, 3, padding=2, dilation=2),
        nn.Conv2d(16, 16, 3, padding=1, groups=4),
        nn.Conv2d(16, 16, 3, padding=1, bias=False),
        nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(16, 16, 3, padding="same"),
        nn.Tanh(),
        nn.BatchNorm2d(16),
    ],
    ids=str,
)
def test_what_has_no_exact_form_is_refused(layer):
    with pytest.raises(TypeError, match="fixed-point form"):
        run_fixed(nn.Sequential(layer), symbols())


def test_a_sum_too_long_to_be_exact_is_refused():
    with pytest.raises(TypeError, match="exact"):
        run_fixed(nn.Sequential(nn.Conv2d(2**15, 1, 1)), torch.zeros(1, 2**15, 1, 1, dtype=torch.int64))
