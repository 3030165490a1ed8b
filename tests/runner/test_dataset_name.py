"""Two folders of one name are two data sets; what a folder is called follows its pixels."""

import io

import pandas as pd
import pytest
from command import bench, picture

from jpegai_bench.images.datasets import load
from jpegai_bench.runner.dataset_name import name_in
from jpegai_bench.store.store import Store


@pytest.fixture
def folders(tmp_path):
    """Folders of pictures, no two alike, some of one name or of names that are one in a file's name."""
    for number, file in enumerate(("clic/test/a", "clic/test/b", "div/test/a", "a b/a", "a_b/a", "kodak/a")):
        path = tmp_path / f"{file}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(80, 72, seed=number).save(path)
    return tmp_path


def record(store, dataset, key, start, limit=None, name=None):
    """A run of base as it stands in a store."""
    images = dict(list(dataset.hashes().items())[:limit])
    manifest = {"label": "base", "dataset": name or dataset.name, "images": images, "start": start}
    store.write_run(store.run_folder("runs", "base", key), manifest)


def test_the_second_folder_of_a_name_has_the_names_of_those_above_it_and_keeps_it(folders):
    store = Store(folders / "results")
    clic, div = load("folder", folders / "clic/test"), load("folder", folders / "div/test")
    assert name_in(store, clic) == name_in(store, div) == "test"
    record(store, clic, "1", start="1")
    assert (name_in(store, clic), name_in(store, div)) == ("test", "div-test")
    record(store, div, "2", start="2", name="div-test")
    assert (name_in(store, clic), name_in(store, div)) == ("test", "div-test")


def test_a_part_of_the_pictures_is_the_same_data_set(folders):
    store = Store(folders / "results")
    clic = load("folder", folders / "clic/test")
    record(store, clic, "1", start="1", limit=1)
    assert name_in(store, clic) == "test"
    picture(80, 72, seed=99).save(folders / "clic/test/c.png")
    assert name_in(store, load("folder", folders / "clic/test")) == "test"


def test_names_that_make_one_file_name_are_told_apart(folders):
    store = Store(folders / "results")
    record(store, load("folder", folders / "a b"), "1", start="1")
    assert name_in(store, load("folder", folders / "a_b")) == f"{folders.name}-a_b"


def test_a_folder_is_not_called_as_a_data_set_that_ships(folders):
    store = Store(folders / "results")
    assert name_in(store, load("folder", folders / "kodak")) == f"{folders.name}-kodak"
    assert name_in(store, load("sample")) == "sample"


def test_where_one_name_has_two_sets_already_the_newest_keeps_it(folders):
    store = Store(folders / "results")
    clic, div = load("folder", folders / "clic/test"), load("folder", folders / "div/test")
    record(store, clic, "1", start="1")
    record(store, div, "2", start="2")
    assert (name_in(store, clic), name_in(store, div)) == ("clic-test", "test")


def test_tables_of_two_folders_of_one_name_have_their_own_figures(folders):
    psnr = ("metrics.only=[psnr_y]",)

    def rate(path):
        words = ("dataset=folder", f"dataset.path={path}", "anchor=jpeg", "peers=[webp]", *psnr, "format=csv")
        done = bench("tables", *words, cwd=folders)
        assert done.code == 0, done.err
        [row] = pd.read_csv(io.StringIO(done.out)).to_dict("records")
        return row["dataset"], row["psnr_y_bd_rate"]

    for codec, qualities in (("jpeg", "[5,20,50,80,95]"), ("webp", "[5,20,50,80]")):
        for path in ("clic/test", "div/test"):
            words = (f"codec={codec}", f"qualities={qualities}", "dataset=folder", f"dataset.path={path}")
            assert bench("anchor", *words, *psnr, "workers=1", cwd=folders).code == 0
    clic, div = rate("clic/test"), rate("div/test")
    assert (clic[0], div[0]) == ("test", "div-test")
    assert clic[1] != div[1]
    tables = {path.name for path in (folders / "results/tables").glob("*results.csv")}
    assert tables == {"test-codecs-results.csv", "div-test-codecs-results.csv"}
    assert rate("div-test") == div  # what only reads the store takes the name, too
