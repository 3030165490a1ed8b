from itertools import chain

import numpy as np
import pytest
import torch
from messages import refused
from PIL import Image
from recipes import small_operation, small_recipe
from trainings import truncate, write_photographs

from jpegai_bench.images.color import to_420
from jpegai_bench.training.data import (
    Crops,
    Steps,
    centre_crop,
    collate,
    loader,
    random_crop,
    to_planes,
)
from jpegai_bench.training.photograph_cache import PhotographCache
from jpegai_bench.training.photographs import find_photographs

QUALITIES = 4


@pytest.fixture
def paths(photographs):
    return find_photographs([photographs], 64, 0).training


def crops(paths, seed=0, **rest):
    return Crops(paths, small_recipe(steps=3, crop=64, batch_size=4, seed=seed), QUALITIES, **rest)


def same(one, two):
    return np.array_equal(one.crop, two.crop) and one.quality == two.quality


def test_a_sample_is_a_function_of_seed_and_index(paths):
    asked_in_order = [crops(paths)[index] for index in range(5)]
    among_others = crops(paths, cache=PhotographCache(len(paths), 1e9))
    for index in (3, 4, 0, 2, 1):
        assert same(among_others[index], asked_in_order[index])
    assert not any(same(asked_in_order[0], other) for other in asked_in_order[1:])
    assert not same(crops(paths, seed=1)[0], asked_in_order[0])


def test_worker_processes_make_the_same_batches(paths):
    recipe = small_recipe(steps=5, crop=64, batch_size=3, seed=2)
    here, there = (
        list(loader(paths, recipe, small_operation(data_workers=workers), QUALITIES, Steps(1, recipe)))
        for workers in (0, 2)
    )
    assert len(here) == len(there) == 4
    for one, two in zip(here, there, strict=True):
        assert torch.equal(one.crops, two.crops)
        assert torch.equal(one.quality, two.quality)


def test_a_batch_has_the_shapes_and_ranges_of_the_network(paths):
    batch = collate([crops(paths)[index] for index in range(5)])
    planes = to_planes(batch.crops)
    assert planes.luma.shape == (5, 1, 64, 64)
    assert planes.chroma.shape == (5, 2, 32, 32)
    assert batch.quality.shape == (5,)
    for plane in planes:
        assert plane.dtype == torch.float32
        assert plane.min() >= -1e-6
        assert plane.max() <= 1 + 1e-6


def test_qualities_fill_the_range_and_reach_both_ends(paths):
    made = crops(paths, cache=PhotographCache(len(paths), 1e9))
    quality = np.array([made[index].quality for index in range(500)])
    assert quality.min() == 0
    assert quality.max() == QUALITIES - 1
    assert 0.1 < ((quality == 0) | (quality == QUALITIES - 1)).mean() < 0.3
    assert len(np.unique(quality)) > 300


def ramps(side):
    """Red rises along x, green along y, by one a pixel."""
    y, x = np.mgrid[:side, :side].astype(np.uint8)
    return np.stack([x, y, np.full_like(x, 128)], axis=-1)


def slopes(crop):
    """Levels a pixel of red and of green, each along y and x."""
    inner = crop[8:-8, 8:-8].astype(float)
    along_y, along_x = np.gradient(inner.mean(axis=1), axis=0), np.gradient(inner.mean(axis=0), axis=0)
    return np.stack([along_y.mean(axis=0)[:2], along_x.mean(axis=0)[:2]], axis=1)


def test_crops_are_reduced_within_the_range_flipped_and_transposed():
    random = np.random.default_rng(0)
    image = ramps(200)
    seen = [slopes(random_crop(image, random, 64, (0.45, 0.75))) for _ in range(60)]
    factors = 1 / np.array([np.abs(slope).max() for slope in seen])
    assert factors.min() > 0.445
    assert factors.max() < 0.755
    assert factors.max() - factors.min() > 0.2
    ways = {tuple(np.sign(slope.round(1)).ravel()) for slope in seen}
    assert len(ways) == 4  # as it is, flipped, transposed, both
    assert {abs(way[1]) for way in ways} == {0, 1}


def test_crops_come_from_everywhere():
    random = np.random.default_rng(0)
    levels = [random_crop(ramps(200), random, 64, (0.6, 0.6))[..., :2] for _ in range(60)]
    assert min(level.min() for level in levels) < 10
    assert max(level.max() for level in levels) > 190


@pytest.mark.parametrize(("side", "reduction", "factor"), [(80, (0.45, 0.5), 0.8), (64, (0.3, 0.5), 1.0)])
def test_a_small_photograph_is_reduced_less(side, reduction, factor):
    crop = random_crop(ramps(side), np.random.default_rng(0), 64, reduction)
    assert crop.shape == (64, 64, 3)
    assert 1 / np.abs(slopes(crop)).max() == pytest.approx(factor, rel=0.02)


def test_no_photograph_is_enlarged():
    random = np.random.default_rng(0)
    for _ in range(10):
        crop = random_crop(ramps(70), random, 64, (1.0, 1.0))
        assert np.abs(slopes(crop)).max() == pytest.approx(1, abs=0.02)


def test_the_centre_crop_is_the_middle(tmp_path):
    Image.fromarray(ramps(200)).save(tmp_path / "ramp.png")
    crop = centre_crop(tmp_path / "ramp.png", 64, (0.4, 0.6))
    assert crop.shape == (64, 64, 3)
    assert crop[32, 32, 0] == pytest.approx(100, abs=2)
    assert 1 / np.abs(slopes(crop)).max() == pytest.approx(0.5, rel=0.02)


def test_training_sees_the_colours_that_the_codec_codes():
    rgb = np.random.default_rng(0).integers(0, 256, (2, 32, 48, 3), dtype=np.uint8)
    planes = to_planes(torch.from_numpy(rgb))
    for index in range(2):
        luma, chroma = to_420(rgb[index])
        np.testing.assert_allclose(planes.luma[index, 0].numpy(), luma, atol=1e-6)
        np.testing.assert_allclose(planes.chroma[index].numpy(), chroma, atol=1e-6)


def test_a_photograph_that_cannot_be_decoded_is_named_and_another_one_taken(tmp_path):
    write_photographs(tmp_path)
    truncate(tmp_path / "1.png")
    found = find_photographs([tmp_path], 64, 0)
    assert len(found.training) == 3
    samples = [crops(found.training)[index] for index in range(20)]
    told = {message for sample in samples for message in sample.unreadable}
    assert len(told) == 1
    assert "1.png: damaged" in told.pop()
    assert all(sample.crop.shape == (64, 64, 3) for sample in samples)


def test_where_nothing_can_be_decoded_the_training_ends(tmp_path):
    for path in write_photographs(tmp_path).iterdir():
        truncate(path)
    with refused("20 photographs", "png: damaged"):
        crops(find_photographs([tmp_path], 64, 0).training)[0]


def test_the_processes_of_a_step_share_out_its_samples():
    recipe = small_recipe(steps=3, batch_size=6)
    whole = list(Steps(0, recipe))
    parts = [list(Steps(0, recipe, rank, 3)) for rank in range(3)]
    assert [sorted(chain(*step)) for step in zip(*parts, strict=True)] == whole
    assert {len(step) for part in parts for step in part} == {2}
    assert list(chain(*whole)) == list(range(18))


def test_a_resumed_training_goes_on_with_the_next_step():
    recipe = small_recipe(steps=5, batch_size=2)
    assert list(Steps(2, recipe)) == list(Steps(0, recipe))[2:]
    assert len(Steps(2, recipe)) == 3
