import pytest
import torch

from jpegai_bench.network.arithmetic import QUALITY_STEP, Exact, Float, from_exact
from jpegai_bench.network.gain import Gain


@pytest.fixture(scope="module")
def gain():
    made = Gain(32, 5)
    with torch.no_grad():
        steps = torch.rand(5, 32, generator=torch.Generator().manual_seed(0))
        made.log2.copy_(steps.cumsum(dim=0) * 1.7 - 2)
    return made


def at(gain, *qualities):
    return gain(Float(torch.tensor(qualities)))[:, :, 0, 0]


def exactly(gain, quality):
    return gain(Exact(quality))[0, :, 0, 0]


@torch.no_grad()
def test_a_new_gain_runs_from_1_to_16():
    torch.testing.assert_close(torch.exp2(at(Gain(3, 6), 0.0, 5.0)[:, 0]), torch.tensor([1.0, 16.0]))


@torch.no_grad()
def test_whole_qualities_give_the_vectors_themselves(gain):
    assert torch.equal(at(gain, *map(float, range(5))), gain.log2)
    for quality in range(5):
        exact = exactly(gain, quality * QUALITY_STEP)
        assert torch.equal(exact, exact.round())
        assert (from_exact(exact) - gain.log2[quality]).abs().max() <= 0.5 * 2**-10


@torch.no_grad()
def test_between_them_the_gain_is_the_geometric_mean(gain):
    middle = torch.exp2(at(gain, 2.5)[0])
    torch.testing.assert_close(middle, torch.exp2(gain.log2[2:4]).prod(dim=0).sqrt())


@torch.no_grad()
def test_exact_and_float_interpolation_agree(gain):
    for quality in range(0, 4001, 37):
        difference = from_exact(exactly(gain, quality)) - at(gain, quality / QUALITY_STEP)[0]
        assert difference.abs().max() <= 1.5 * 2**-10 + 1e-6  # the vectors' rounding and the floor


def test_it_never_falls_as_quality_rises(gain):
    values = torch.stack([exactly(gain, quality) for quality in range(0, 4001, 13)])
    assert bool((values[1:] >= values[:-1]).all())


@pytest.mark.parametrize(("qualities", "middle"), [(2, 1), (5, 2), (6, 3)])
@torch.no_grad()
def test_the_middle_is_that_of_one_quality_whatever_is_coded(qualities, middle):
    gain = Gain(4, qualities)
    for quality in (0, qualities - 1):
        assert torch.equal(gain.middle(Float(torch.tensor([float(quality)])))[:, 0, 0], gain.log2[middle])
        exact = gain.middle(Exact(quality * QUALITY_STEP))
        assert exact.shape == (4, 1, 1)
        assert (from_exact(exact)[:, 0, 0] - gain.log2[middle]).abs().max() <= 0.5 * 2**-10


def test_gradients_reach_the_two_vectors_around_a_quality():
    gain = Gain(3, 5)
    gain(Float(torch.tensor([1.25]))).sum().backward()
    assert gain.log2.grad[:, 0].tolist() == [0, 0.75, 0.25, 0, 0]
