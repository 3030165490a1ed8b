import os

import numpy as np
import pytest
import tifffile
from deep_pictures import DEEP
from messages import refused, says
from PIL import Image
from trainings import write_photographs

from jpegai_bench.errors import BenchError
from jpegai_bench.training.photographs import find_photographs, listed


def test_folders_are_searched_deeply_and_each_photograph_counts_once(tmp_path):
    one, two = write_photographs(tmp_path / "a" / "deep"), write_photographs(tmp_path / "b", count=1)
    assert len(find_photographs([one.parent, two], 64, 0).training) == 4
    assert len(find_photographs([one.parent, one, tmp_path], 64, 0).training) == 4


def test_links_to_folders_are_searched_and_a_photograph_counts_once(tmp_path):
    here, there = write_photographs(tmp_path / "here"), write_photographs(tmp_path / "there", seed=1)
    (here / "link").symlink_to("../there")
    (there / "loop").symlink_to("../here")
    assert len(find_photographs([here], 64, 0).training) == 6
    assert len(find_photographs([here, there], 64, 0).training) == 6


def test_what_cannot_be_used_is_left_out_and_named_once(tmp_path):
    write_photographs(tmp_path, count=2)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff garbage")
    (tmp_path / "folder.png").mkdir()
    Image.new("RGB", (300, 50)).save(tmp_path / "flat.png")
    (tmp_path / "notes.txt").write_text("not a photograph, and no one says so")
    found = find_photographs([tmp_path, tmp_path], 64, 0)
    assert len(found.training) == 2
    named = [reason.split("/")[-1].split(":")[0] for reason in found.skipped]
    assert sorted(named) == ["broken.jpg", "flat.png", "folder.png"]


@pytest.mark.parametrize(("count", "wanted", "kept"), [(100, 4, 4), (100, 50, 10), (25, 16, 2), (9, 4, 0)])
def test_held_out_photographs_are_spaced_and_at_most_a_tenth(tmp_path, count, wanted, kept):
    write_photographs(tmp_path, count)
    found = find_photographs([tmp_path], 64, wanted)
    assert len(found.held_out) == kept
    assert not set(found.held_out) & set(found.training)
    assert len(found.training) == count - kept
    if kept:
        everything = sorted([*found.held_out, *found.training])
        gaps = np.diff([everything.index(path) for path in found.held_out])
        assert (gaps > 0.8 * count / (kept + 1)).all()


@pytest.mark.parametrize("wanted", [2, 4, 9])
def test_a_validation_folder_is_not_trained_on(tmp_path, wanted):
    write_photographs(tmp_path / "all", 12)
    write_photographs(tmp_path / "all" / "apart", 4, seed=1)
    found = find_photographs([tmp_path / "all"], 64, wanted, [tmp_path / "all" / "apart"])
    assert len(found.held_out) == min(4, wanted)
    assert len(found.training) == 12
    assert {path.parent.name for path in found.held_out} == {"apart"}
    assert {path.parent.name for path in found.training} == {"all"}


def test_a_folder_without_photographs_is_refused_by_name(tmp_path):
    (tmp_path / "0.heic").write_bytes(b"a photograph of another format")
    said = rf"no usable training photograph in {tmp_path} \(looked for \.bmp \.jpeg \.jpg "
    with pytest.raises(BenchError, match=said):
        find_photographs([tmp_path], 64, 0)
    with refused("missing: no such folder", "training"):
        find_photographs([tmp_path / "missing"], 64, 0)
    write_photographs(tmp_path / "good")
    with refused("missing: no such folder", "validation"):
        find_photographs([tmp_path / "good"], 64, 1, [tmp_path / "missing"])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0.png").write_bytes(b"garbage")
    with refused("validation", "1 left out", "0.png: not a picture"):
        find_photographs([tmp_path / "good"], 64, 1, [tmp_path / "bad"])


def test_a_crop_larger_than_every_photograph_is_refused(photographs):
    with refused("training photograph", "training.crop=128"):
        find_photographs([photographs], 128, 0)


def test_copies_of_held_out_photographs_are_not_trained_on(tmp_path):
    write_photographs(tmp_path / "all", 5)
    write_photographs(tmp_path / "apart", 2)
    found = find_photographs([tmp_path / "all"], 64, 9, [tmp_path / "apart"])
    assert [path.name for path in found.training] == ["2.png", "3.png", "4.png"]
    assert [path.name for path in found.held_out] == ["0.png", "1.png"]


def test_nor_are_copies_of_those_that_are_held_out_by_default(tmp_path):
    write_photographs(tmp_path, 19)
    [kept] = find_photographs([tmp_path], 64, 1).held_out
    (tmp_path / "copy.png").write_bytes(kept.read_bytes())
    found = find_photographs([tmp_path], 64, 1)
    named = {path.name for path in found.training} | {path.name for path in found.held_out}
    assert len(named) == (19 if found.held_out == [kept] else 20)
    contents = [path.read_bytes() for path in found.training]
    assert not any(path.read_bytes() in contents for path in found.held_out)


def test_where_all_are_held_out_it_is_told(tmp_path):
    write_photographs(tmp_path)
    Image.new("RGB", (300, 50)).save(tmp_path / "flat.png")
    with refused("training photographs", str(tmp_path), "training.val"):
        find_photographs([tmp_path], 64, 9, [tmp_path])


def test_why_a_file_is_not_read_is_told(tmp_path):
    write_photographs(tmp_path / "good")
    (tmp_path / "good" / "gone.png").symlink_to("nowhere")
    (tmp_path / "none").mkdir()
    found = find_photographs([tmp_path / "good", tmp_path / "none"], 64, 0)
    empty, gone = found.skipped
    assert says(empty, f"{tmp_path}/none: ", ".bmp .jpeg .jpg .png .tif .tiff .webp")
    assert gone == f"{tmp_path}/good/gone.png: no such file"
    with refused("0.png: is a file", "training"):
        find_photographs([tmp_path / "good" / "0.png"], 64, 0)


def test_what_no_training_can_read_is_left_out_before_it_begins(tmp_path):
    write_photographs(tmp_path)
    tifffile.imwrite(tmp_path / "deep.tif", DEEP, photometric="rgb", planarconfig="contig")
    found = find_photographs([tmp_path], 64, 0)
    assert len(found.training) == 3
    [line] = found.skipped
    assert "deep.tif: 16 bits" in line


def test_other_content_of_equal_size_is_listed_as_another_photograph(tmp_path):
    picture = np.zeros((90, 110, 3), np.uint8)
    paths = [tmp_path / f"{name}.bmp" for name in "ab"]
    for path in paths:
        Image.fromarray(picture).save(path)
    before = listed(paths)
    assert [line.split()[0] for line in before] == ["'a.bmp'", "'b.bmp'"]
    Image.fromarray(255 - picture).save(paths[1])
    after = listed(paths)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert after[1].split()[:2] == before[1].split()[:2]


def test_any_name_is_listed_in_one_line_of_text(tmp_path):
    write_photographs(tmp_path, 2)
    (tmp_path / "0.png").rename(tmp_path / "two\nlines.png")
    (tmp_path / "1.png").rename(tmp_path / os.fsdecode(b"\xff.png"))
    lines = listed(find_photographs([tmp_path], 64, 0).training)
    assert sorted(line.split()[0] for line in lines) == ["'\\udcff.png'", "'two\\nlines.png'"]
    with refused("gone.png", "No such file"):
        listed([tmp_path / "gone.png"])
