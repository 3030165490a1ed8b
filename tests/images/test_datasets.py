import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load, pixel_hash
from jpegai_bench.images.read import write_png
from jpegai_bench.images.test_sets import BSDS500

RGB = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)


@pytest.fixture
def kodak(tmp_path):
    folder = tmp_path / "kodak"
    folder.mkdir()
    for number in range(1, 25):
        write_png(folder / f"kodim{number:02d}.png", RGB)
    return folder


def names(dataset):
    return [image.name for image in dataset.images]


def test_the_sample_is_five_colour_photographs_of_known_size():
    sample = load("sample")
    shapes = {image.name: image.read().shape for image in sample.images}
    assert shapes == {
        "astronaut": (512, 512, 3),
        "chelsea": (300, 451, 3),
        "coffee": (400, 600, 3),
        "motorcycle_left": (500, 741, 3),
        "rocket": (427, 640, 3),
    }
    assert all(np.ptp(image.read().astype(int), axis=2).max() > 50 for image in sample.images)


def test_data_sets_are_found_without_torch():
    code = (
        "import sys; from jpegai_bench.images import datasets; datasets.load('sample');"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_picture_is_known_by_its_samples_not_by_its_file(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png", compress_level=0)
    Image.fromarray(RGB).save(tmp_path / "b.bmp")
    Image.fromarray(RGB ^ 1).save(tmp_path / "c.png")
    a, b, c = (image.sha256 for image in load("folder", tmp_path).images)
    assert a == b == pixel_hash(RGB)
    assert c != a
    assert pixel_hash(RGB.reshape(10, 6, 3)) != pixel_hash(RGB)


def test_a_folder_is_searched_in_depth_in_order_without_what_is_hidden(tmp_path):
    for file in ("b/z.PNG", "b/a.png", "c.png", "a.png", ".hidden.png", ".cache/d.png"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        Image.fromarray(RGB).save(tmp_path / file)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    dataset = load("folder", tmp_path)
    assert names(dataset) == ["a", "b/a", "b/z", "c"]
    assert dataset.name == tmp_path.name
    assert pickle.loads(pickle.dumps(dataset)) == dataset


def test_links_to_folders_are_searched_and_a_loop_ends(tmp_path):
    for file in ("there/b/z.png", "here/a.png"):
        (tmp_path / file).parent.mkdir(parents=True)
        Image.fromarray(RGB).save(tmp_path / file)
    (tmp_path / "here/link").symlink_to("../there")
    (tmp_path / "here/.hidden").symlink_to("../there/b")
    (tmp_path / "there/loop").symlink_to("../here")
    assert names(load("folder", tmp_path / "here")) == ["a", "link/b/z"]


def test_names_stay_unique_where_only_the_suffix_differs(tmp_path):
    for file in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(RGB).save(tmp_path / file)
    assert names(load("folder", tmp_path)) == ["a.bmp", "a.png", "b.png"]


def test_a_damaged_picture_is_found_and_named_when_it_is_read(tmp_path):
    write_png(tmp_path / "good.png", RGB)
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    bad, good = load("folder", tmp_path).images
    assert good.read().shape == RGB.shape
    with pytest.raises(BenchError, match=r"bad\.png"):
        bad.read()


def test_a_folder_without_pictures_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    for path, words in [
        (tmp_path, "no picture in it"),
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "notes.txt", "is a file"),
        (None, "path"),
    ]:
        with pytest.raises(BenchError, match=words):
            load("folder", path)


def test_kodak_is_found_by_path_by_environment_and_in_the_current_folder(kodak, tmp_path, monkeypatch):
    monkeypatch.delenv("JPEGAI_BENCH_DATA", raising=False)
    expected = [f"kodim{number:02d}" for number in range(1, 25)]
    assert names(load("kodak", kodak)) == expected
    monkeypatch.setenv("JPEGAI_BENCH_DATA", str(tmp_path))
    assert names(load("kodak")) == expected
    monkeypatch.delenv("JPEGAI_BENCH_DATA")
    (tmp_path / "data").mkdir()
    kodak.rename(tmp_path / "data" / "kodak")
    monkeypatch.chdir(tmp_path)
    assert names(load("kodak")) == expected


def test_part_of_kodak_is_not_kodak(kodak):
    (kodak / "kodim07.png").unlink()
    with pytest.raises(BenchError, match=r"lacks kodim07\.png") as error:
        load("kodak", kodak)
    assert "\n" not in str(error.value)


def test_a_misspelt_data_set_is_told_which_there_are():
    with pytest.raises(BenchError, match="sample, kodak, folder"):
        load("kodac")


def test_a_name_that_is_no_utf8_is_escaped(tmp_path):
    folder = tmp_path / os.fsdecode(b"d\xe9")
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / os.fsdecode(b"caf\xe9.png"))
    dataset = load("folder", folder)
    assert dataset.name == "d\\udce9"
    [image] = dataset.images
    assert image.name == "caf\\udce9"
    assert image.read().shape == (4, 4, 3)


def pictures(folder: Path, count: int, size: tuple[int, int]) -> Path:
    folder.mkdir()
    copies(Image.new("RGB", size), [folder / f"{number}.png" for number in range(count)])
    return folder


def copies(picture: Image.Image, paths: list[Path]) -> None:
    """Files of one picture that differ in what follows it."""
    picture.save(paths[0])
    content = paths[0].read_bytes()
    for number, path in enumerate(paths):
        path.write_bytes(content + f"{number:4}".encode())


@pytest.mark.parametrize(
    ("name", "count", "size", "part"),
    [
        ("clic2020", 41, (2048, 161), "clic2020-validation"),
        ("clic2020", 250, (161, 200), "clic2020-test"),
        ("tecnick", 100, (1200, 1200), "tecnick"),
    ],
)
def test_a_set_is_known_by_how_many_pictures_it_has_and_by_their_sizes(name, count, size, part, tmp_path):
    folder = pictures(tmp_path / "set", count, size)
    dataset = load(name, folder)
    assert (dataset.name, len(dataset.images)) == (part, count)
    Image.new("RGB", (1200, 2049)).save(folder / "wrong.png")
    with pytest.raises(
        BenchError, match=rf"dataset {name}: .* has {count + 1} pictures, not .*{count} \({part}\)"
    ):
        load(name, folder)
    (folder / "0.png").unlink()
    with pytest.raises(BenchError, match=rf"dataset {name}: .*wrong\.png is 1200x2049"):
        load(name, folder)


def test_two_files_of_one_picture_are_no_set(tmp_path):
    folder = pictures(tmp_path / "set", 100, (1200, 1200))
    (folder / "7.png").write_bytes((folder / "42.png").read_bytes())
    with pytest.raises(BenchError, match=r"dataset tecnick: .*42\.png and 7\.png"):
        load("tecnick", folder)


def test_the_test_part_of_bsds500_is_known_from_its_train_part_of_as_many_pictures(tmp_path):
    folder = tmp_path / "bsds500"
    folder.mkdir()
    first, *others = sorted(BSDS500.names)
    assert len(others) == 199
    copies(Image.new("RGB", (321, 481)), [folder / f"{name}.jpg" for name in sorted(BSDS500.names)])
    dataset = load("bsds500", folder)
    assert (dataset.name, len(dataset.images)) == ("bsds500", 200)
    (folder / f"{first}.jpg").rename(folder / "100075.jpg")  # of train
    with pytest.raises(BenchError, match=r"bsds500: .*100075\.jpg is of another part"):
        load("bsds500", folder)
    (folder / "100075.jpg").unlink()
    Image.new("RGB", (482, 321)).save(folder / f"{first}.jpg")
    with pytest.raises(BenchError, match=rf"{first}\.jpg is 482x321"):
        load("bsds500", folder)


def test_a_set_that_is_not_there_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("JPEGAI_BENCH_DATA", str(tmp_path))
    with pytest.raises(BenchError, match=rf"{tmp_path}/tecnick is no folder; put the 100 PNGs"):
        load("tecnick")
