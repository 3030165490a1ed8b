"""Names that are no UTF-8 or no ASCII, and damaged pictures among good ones."""

import os

import pandas as pd
import pytest
from command import TINY, Bytes, bench, fails, picture
from PIL import Image

ODD = os.fsdecode(b"caf\xe9$x$")
JPEG = ("codec=jpeg", "anchor.jpeg.qualities=[10,30,50,70]", "dataset=folder")


def test_names_of_any_bytes_are_measured_and_written_escaped(tmp_path):
    photos = tmp_path / f"Jörg & {ODD}"
    photos.mkdir()
    picture(64, 64).save(photos / f"{ODD}.png")
    done = bench("anchor", *JPEG, f"dataset.path={photos.name}", "results=~^r/ö", cwd=tmp_path)
    assert done.code == 0, done.err
    [points] = (tmp_path / "~^r" / "ö" / "anchors").rglob("points.csv")
    assert set(pd.read_csv(points).image) == {"caf\\udce9$x$"}
    scores = bench("metrics", photos.name, photos.name, "only=[psnr_y]", cwd=tmp_path)
    assert scores.code == 0, scores.err
    assert "caf\\udce9$x$ 100.00" in scores.out


def test_a_path_of_any_bytes_is_printed_as_it_is(tmp_path, tiny_weights):
    picture(64, 64).save(tmp_path / "photo.png")
    words = ("encode", "photo.png", f"{ODD}.jai", *TINY, f"weights={tiny_weights}")
    done = bench(*words, cwd=tmp_path, stdout=Bytes)
    assert done.code == 0, done.err
    assert done.out.startswith(f"{ODD}.jai: ")


@pytest.mark.parametrize("command", ["anchor", "metrics", "encode"])
def test_a_decoders_own_exception_names_the_picture_and_the_others_go_on(tmp_path, command):
    for folder in ("photos", "decoded"):
        (tmp_path / folder).mkdir()
        for name in ("broken", "good"):
            picture(64, 64).save(tmp_path / folder / f"{name}.png")
    broken = tmp_path / "photos/broken.avif"
    Image.open(tmp_path / "photos/broken.png").save(broken)
    (tmp_path / "photos/broken.png").unlink()
    head, mark, coded = broken.read_bytes().partition(b"mdat")
    broken.write_bytes(head + mark + b"\xff" * len(coded))
    words = {
        "anchor": (*JPEG, "dataset.path=photos"),
        "metrics": ("photos", "decoded", "only=[psnr_y]", "workers=1"),
        "encode": ("photos/broken.avif", "photo.jai"),
    }
    done = bench(command, *words[command], cwd=tmp_path)
    fails(done, "broken.avif", "damaged")
    assert "defect" not in done.err
    if command == "anchor":
        [points] = (tmp_path / "results/anchors").rglob("points.csv")
        assert set(pd.read_csv(points).image) == {"good"}
    elif command == "metrics":
        assert "good" in done.out
