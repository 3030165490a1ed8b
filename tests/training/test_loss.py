import math

import piq
import pytest
import torch

from jpegai_bench.network.codec import Planes, TrainingOutput
from jpegai_bench.training.loss import betas, rate_distortion


def planes(batch=2, side=64, seed=0):
    random = torch.Generator().manual_seed(seed)
    return Planes(
        torch.rand(batch, 1, side, side, generator=random),
        torch.rand(batch, 2, side // 2, side // 2, generator=random),
    )


def loss_of(decoded, target, beta=1.0, share=0.0, bits=0.0, scale=1.0):
    batch = len(target.luma)
    output = TrainingOutput(decoded, torch.full((batch,), bits * 0.75), torch.full((batch,), bits * 0.25))
    return rate_distortion(output, target, torch.full((batch,), beta), share, torch.full((batch,), scale))


def test_a_perfect_reconstruction_costs_its_bits_alone():
    target = planes()
    loss = loss_of(target, target, bits=64 * 64 * 0.6)
    assert float(loss.total) == pytest.approx(0.6)
    assert float(loss.bpp) == pytest.approx(0.6)


@pytest.mark.parametrize("offset", [1 / 255, 0.1])
def test_the_error_is_the_weighted_square_on_the_255_scale(offset):
    target = planes()
    moved = Planes(target.luma + offset, target.chroma)
    loss = loss_of(moved, target, beta=0.01)
    assert float(loss.total) == pytest.approx(0.01 * 0.8 * (255 * offset) ** 2, rel=1e-4)
    assert float(loss.psnr_y) == pytest.approx(-20 * math.log10(offset), abs=1e-3)


@pytest.mark.parametrize("plane", [0, 1])
def test_each_chroma_plane_weighs_a_tenth(plane):
    target = planes()
    chroma = target.chroma.clone()
    chroma[:, plane] += 2 / 255
    assert float(loss_of(Planes(target.luma, chroma), target).total) == pytest.approx(0.1 * 4, rel=1e-4)


def test_the_scale_weighs_each_image():
    target = planes()
    zero = torch.zeros(2)
    output = TrainingOutput(target, torch.tensor([1.0, 3.0]) * 64 * 64, zero)
    total = rate_distortion(output, target, zero, 0.0, torch.tensor([1.0, 0.5])).total
    assert float(total) == pytest.approx((1 * 1 + 3 * 0.5) / 2)


def test_beta_is_geometric_between_its_ends():
    values = betas(torch.tensor([0.0, 2.0, 4.0]), 0.001, 0.1, 5)
    torch.testing.assert_close(values, torch.tensor([0.001, 0.01, 0.1]))


def test_ms_ssim_share_mixes_the_two_distortions():
    target, decoded = planes(side=256), planes(side=256, seed=1)
    mixed = Planes(0.8 * target.luma + 0.2 * decoded.luma, target.chroma)
    wanted = piq.multi_scale_ssim(mixed.luma, target.luma, data_range=1.0, reduction="none")
    mse = 0.8 * 255**2 * (mixed.luma - target.luma).square().mean()
    for share in (1.0, 0.3):
        loss = loss_of(mixed, target, share=share)
        distortion = (1 - share) * mse + share * 1000 * (1 - wanted.mean())
        assert float(loss.total) == pytest.approx(float(distortion), rel=1e-3)
        assert float(loss.ms_ssim) == pytest.approx(float(wanted.mean()), abs=1e-4)


def test_colours_count_beside_ms_ssim_too():
    target, other = planes(side=256), planes(side=256, seed=1)
    decoded = Planes(target.luma, 0.9 * target.chroma + 0.1 * other.chroma)
    error = 255**2 * (0.1 * (decoded.chroma - target.chroma).square().mean(dim=(0, 2, 3))).sum()
    for share, factor in ((0.0, 1.0), (1.0, 0.3), (0.5, 0.65)):
        assert float(loss_of(decoded, target, share=share).total) == pytest.approx(
            float(factor * error), rel=1e-4
        )


@pytest.mark.parametrize("side", [64, 96, 128, 192])
def test_ms_ssim_works_on_small_crops_and_is_best_when_equal(side):
    target = planes(side=side)
    assert float(loss_of(target, target, share=1.0).total) == pytest.approx(0, abs=1e-3)
    assert float(loss_of(planes(side=side, seed=1), target, share=1.0).total) > 100
