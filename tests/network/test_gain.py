import pytest
import torch

from jpegai_bench.network.fixedpoint import from_fixed
from jpegai_bench.network.gain import QUALITY_STEP, Gain


@pytest.fixture(scope="module")
def gain():
    made = Gain(32, 5)
    with torch.no_grad():
        steps = torch.rand(5, 32, generator=torch.Generator().manual_seed(0))
        made.log2.copy_(steps.cumsum(dim=0) * 1.7 - 2)
    return made


@torch.no_grad()
def test_a_new_gain_runs_from_1_to_16():
    ends = Gain(3, 6)(torch.tensor([0.0, 5.0]))
    torch.testing.assert_close(torch.exp2(ends[:, 0, 0, 0]), torch.tensor([1.0, 16.0]))


@torch.no_grad()
def test_whole_qualities_give_the_vectors_themselves(gain):
    assert torch.equal(gain(torch.arange(5.0))[:, :, 0, 0], gain.log2)
    for quality in range(5):
        fixed = gain.fixed(quality * QUALITY_STEP)
        assert fixed.dtype == torch.int64
        assert (from_fixed(fixed) - gain.log2[quality]).abs().max() <= 0.5 * 2**-10


@torch.no_grad()
def test_between_them_the_gain_is_the_geometric_mean(gain):
    middle = torch.exp2(gain(torch.tensor([2.5]))[0, :, 0, 0])
    torch.testing.assert_close(middle, torch.exp2(gain.log2[2:4]).prod(dim=0).sqrt())


@torch.no_grad()
def test_fixed_and_float_interpolation_agree(gain):
    for quality in range(0, 4001, 37):
        wanted = gain(torch.tensor([quality / QUALITY_STEP]))[0, :, 0, 0]
        difference = from_fixed(gain.fixed(quality)) - wanted
        assert difference.abs().max() <= 1.5 * 2**-10 + 1e-6  # the vectors' rounding and the floor


def test_it_never_falls_as_quality_rises(gain):
    values = torch.stack([gain.fixed(quality) for quality in range(0, 4001, 13)])
    assert bool((values[1:] >= values[:-1]).all())
