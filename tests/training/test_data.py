import numpy as np
import pytest
import torch
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.color import to_420
from jpegai_bench.training.data import load_photographs, to_planes


def write_photographs(folder, count=3, width=220, height=180):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    y, x, _ = np.mgrid[:height, :width, :1]
    for index in range(count):
        waves = 128 + 100 * np.sin(x / random.uniform(4, 20, 3) + y / random.uniform(4, 20, 3))
        noisy = (waves + random.normal(0, 5, waves.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def photographs(tmp_path):
    return load_photographs([write_photographs(tmp_path)], crop=64, seed=0)


def test_a_batch_is_a_function_of_seed_and_step(photographs):
    def batch(step, seed):
        return photographs.batch(step, seed, size=4, crop=64, qualities=6)

    first = batch(7, 1)
    batch(8, 1)
    again = batch(7, 1)
    assert torch.equal(first.planes.luma, again.planes.luma)
    assert torch.equal(first.planes.chroma, again.planes.chroma)
    assert torch.equal(first.quality, again.quality)
    for other in (batch(8, 1), batch(7, 2)):
        assert not torch.equal(first.planes.luma, other.planes.luma)


def test_a_batch_has_the_shapes_and_ranges_of_the_network(photographs):
    batch = photographs.batch(0, 0, size=5, crop=64, qualities=4)
    assert batch.planes.luma.shape == (5, 1, 64, 64)
    assert batch.planes.chroma.shape == (5, 2, 32, 32)
    for plane in batch.planes:
        assert plane.dtype == torch.float32
        assert plane.min() >= -1e-6
        assert plane.max() <= 1 + 1e-6


def test_qualities_fill_the_range_and_reach_both_ends(photographs):
    quality = torch.cat([photographs.batch(step, 0, 8, 64, 4).quality for step in range(60)])
    assert quality.min() == 0
    assert quality.max() == 3
    assert 0.1 < float(((quality == 0) | (quality == 3)).float().mean()) < 0.3
    assert len(quality.unique()) > 300


def test_training_sees_the_colours_that_the_codec_codes():
    rgb = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    planes = to_planes(rgb)
    for index in range(2):
        luma, chroma = to_420(rgb[index])
        np.testing.assert_allclose(planes.luma[index, 0].numpy(), luma, atol=1e-6)
        np.testing.assert_allclose(planes.chroma[index].numpy(), chroma, atol=1e-6)


def test_what_cannot_be_used_is_left_out_and_named(tmp_path):
    write_photographs(tmp_path, count=2)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff garbage")
    Image.new("RGB", (300, 50)).save(tmp_path / "flat.png")
    Image.new("CMYK", (300, 300)).save(tmp_path / "print.jpg")
    (tmp_path / "notes.txt").write_text("not a photograph, and no one says so")
    photographs = load_photographs([tmp_path], crop=64, seed=0)
    assert len(photographs.images) == 2
    assert sorted(reason.split("/")[-1].split(":")[0] for reason in photographs.skipped) == [
        "broken.jpg",
        "flat.png",
        "print.jpg",
    ]


def test_what_is_left_out_does_not_change_the_others(tmp_path):
    clean = load_photographs([write_photographs(tmp_path / "clean")], crop=64, seed=3)
    folder = write_photographs(tmp_path / "damaged")
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:200])
    damaged = load_photographs([folder], crop=64, seed=3)
    np.testing.assert_array_equal(damaged.images[0], clean.images[0])
    np.testing.assert_array_equal(damaged.images[1], clean.images[2])


def test_photographs_are_reduced_in_size_but_never_below_a_crop(tmp_path):
    write_photographs(tmp_path, count=6)
    for image in load_photographs([tmp_path], crop=64, seed=0).images:
        assert 0.44 * 180 <= image.shape[0] <= 0.76 * 180
        assert image.shape[1] / image.shape[0] == pytest.approx(220 / 180, rel=0.03)
    for image in load_photographs([tmp_path], crop=160, seed=0).images:
        assert min(image.shape[:2]) == 160


def test_folders_are_searched_deeply_and_together(tmp_path):
    one, two = write_photographs(tmp_path / "a" / "deep"), write_photographs(tmp_path / "b", count=1)
    assert len(load_photographs([one.parent, two], crop=64, seed=0).images) == 4


def test_a_folder_without_photographs_is_refused_by_name(tmp_path):
    with pytest.raises(BenchError, match=f"no usable training photograph in {tmp_path}"):
        load_photographs([tmp_path], crop=64, seed=0)
    with pytest.raises(BenchError, match="missing: no such folder"):
        load_photographs([tmp_path / "missing"], crop=64, seed=0)
