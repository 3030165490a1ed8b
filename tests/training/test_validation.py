import pytest
import torch
from trainings import network, truncate, weights, write_photographs

from jpegai_bench.training.data import to_planes
from jpegai_bench.training.photographs import find_photographs
from jpegai_bench.training.validation import load, points


def pictures(photographs):
    return load(find_photographs([photographs], 64, 0).training[:2], 64, (0.5, 0.7), leave_out=print)


def test_points_are_of_each_quality_and_leave_the_network_as_it_was(photographs):
    made = network()
    made.train()
    before = weights(made)
    found = points(made, pictures(photographs))
    figures = ("bpp", "psnr_y", "psnr_u", "psnr_v", "ms_ssim")
    assert set(found) == {f"{name}_q{quality}" for name in figures for quality in range(3)}
    assert made.training
    assert all(torch.equal(before[name], value) for name, value in weights(made).items())
    assert all(parameter.grad is None for parameter in made.parameters())


def test_points_are_the_same_each_time_and_are_means(photographs):
    made, two = network(), pictures(photographs)
    torch.manual_seed(0)
    both = points(made, two)
    torch.manual_seed(1)
    again = points(made, two)
    assert both == again
    alone = [points(made, picture[None]) for picture in two]
    for name, value in both.items():
        assert value == pytest.approx((alone[0][name] + alone[1][name]) / 2, rel=1e-5)


def test_psnr_is_that_of_each_plane_of_the_reconstruction(photographs):
    made, two = network(), pictures(photographs)
    found = points(made, two)
    made.eval()
    with torch.no_grad():
        originals = [to_planes(picture[None]) for picture in two]
        decoded = [made(original, torch.ones(1)).planes for original in originals]
    for name, plane in (
        ("y", lambda p: p.luma),
        ("u", lambda p: p.chroma[:, 0]),
        ("v", lambda p: p.chroma[:, 1]),
    ):
        errors = [(plane(a) - plane(b)).square().mean() for a, b in zip(decoded, originals, strict=True)]
        psnr = sum(-10 * torch.log10(error) for error in errors) / 2
        assert found[f"psnr_{name}_q1"] == pytest.approx(float(psnr), rel=1e-5)


def test_what_cannot_be_decoded_is_told(tmp_path):
    paths = find_photographs([write_photographs(tmp_path)], 64, 0).training
    truncate(paths[1])
    told: list[str] = []
    assert len(load(paths, 64, (0.5, 0.7), told.append)) == 2
    assert len(told) == 1
    assert "1.png: damaged" in told[0]


def test_many_pictures_are_coded_several_at_once_and_each_counts_alike(photographs):
    paths = find_photographs([photographs], 64, 0).training
    made, many = network(), load(paths, 64, (0.5, 0.7), leave_out=print)
    assert len(many) == 11
    found = points(made, many)
    alone = [points(made, picture[None]) for picture in many]
    for name, value in found.items():
        assert value == pytest.approx(sum(each[name] for each in alone) / 11, rel=1e-4)
