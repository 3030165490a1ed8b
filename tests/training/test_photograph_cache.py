import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from recipes import small_operation, small_recipe

from jpegai_bench.training.data import Crops, Steps, loader
from jpegai_bench.training.photograph_cache import PhotographCache
from jpegai_bench.training.photographs import find_photographs

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


def test_what_was_kept_comes_back_and_the_rest_does_not():
    cache = PhotographCache(4, 1000)
    assert cache.get(2) is None
    cache.keep(2, PICTURE)
    cache.keep(0, PICTURE[::2, ::3])
    cache.keep(2, 255 - PICTURE)  # another reader was quicker
    np.testing.assert_array_equal(cache.get(2), PICTURE)
    np.testing.assert_array_equal(cache.get(0), PICTURE[::2, ::3])
    assert cache.get(1) is None


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (3.5, 3), (4, 4)])
def test_memory_is_bounded(room, kept):
    cache = PhotographCache(5, room * PICTURE.nbytes)
    for number in range(5):
        cache.keep(number, PICTURE)
    assert sum(cache.get(number) is not None for number in range(5)) == kept


def test_more_than_there_is_may_be_asked_for():
    cache = PhotographCache(3, 1e15)
    cache.keep(1, PICTURE)
    np.testing.assert_array_equal(cache.get(1), PICTURE)


def test_what_one_process_keeps_another_one_sees():
    cache = PhotographCache(3, 1000)
    process = multiprocessing.get_context("fork").Process(target=cache.keep, args=(1, PICTURE))
    process.start()
    process.join()
    np.testing.assert_array_equal(cache.get(1), PICTURE)


def test_a_process_that_cannot_share_has_its_part_to_itself(monkeypatch):
    cache = PhotographCache(5, 4 * PICTURE.nbytes, readers=2)
    cache.keep(0, PICTURE)
    own = pickle.loads(pickle.dumps(cache))
    for number in range(5):
        own.keep(number, PICTURE)
    assert [own.get(number) is not None for number in range(5)] == [True, True, False, False, False]


def test_readers_decode_a_photograph_once_between_them(photographs, tmp_path):
    """The files vanish when each has been decoded; what is read later comes from memory."""
    for path in photographs.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    paths = find_photographs([tmp_path], 64, 0).training
    recipe = small_recipe(steps=40, crop=64, batch_size=2)
    made = loader(paths, recipe, small_operation(data_workers=2), 3, Steps(0, recipe))
    expected = Crops(paths, recipe, 3)
    wanted = [torch.from_numpy(expected[index].crop.copy()) for index in range(80)]
    cache = made.dataset.cache
    gone = False
    for step, batch in enumerate(made):
        for number, crop in enumerate(batch.crops):
            assert torch.equal(crop, wanted[2 * step + number])
        if not gone and all(cache.get(number) is not None for number in range(len(paths))):
            gone = True
            for path in paths:
                path.unlink()
    assert gone
    assert batch.unreadable == []
