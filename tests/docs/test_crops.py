"""docs/crops.py on small pictures, with small weights."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from command import TINY, as_if_fresh, photographs, picture
from PIL import Image

from jpegai_bench.errors import BenchError

CROPS = runpy.run_path(str(Path(__file__).parents[2] / "docs/crops.py"), run_name="crops")


def test_pictures_are_the_first_the_middle_and_the_last():
    for count, numbers in ((1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (24, [0, 12, 23])):
        assert CROPS["chosen"](range(count)) == numbers


def test_a_crop_is_the_middle():
    rows, columns = np.mgrid[:321, :481]
    crop = CROPS["middle"](np.stack([rows, columns], axis=2))
    assert crop.shape == (160, 160, 2)
    assert crop[0, 0].tolist() == [80, 160]
    assert CROPS["middle"](np.zeros((100, 200, 3))).shape == (100, 160, 3)


def test_each_crop_names_its_codec_rate_and_score(tmp_path, tiny_weights, monkeypatch, capsys):
    photographs(tmp_path / "photos")
    picture(165, 162, seed=3).save(tmp_path / "photos/c.png")
    main = CROPS["main"]
    labels = []
    label, anchors = CROPS["label"], {"jpeg": range(1, 96)}
    monkeypatch.setitem(main.__globals__, "ANCHORS", anchors)  # VVC takes seconds a picture
    monkeypatch.setitem(main.__globals__, "label", lambda coded: labels.append(label(coded)) or labels[-1])
    words = (*TINY, f"weights={tiny_weights}", "dataset=folder", "dataset.path=photos")
    with as_if_fresh(tmp_path):
        main("crops.png", *words)
    assert capsys.readouterr().out == "crops.png\n"
    with Image.open(tmp_path / "crops.png") as figure:
        assert figure.size == (6 + 4 * 166, 6 * 218)  # three pictures at two rates; original and three codecs
    assert labels[::4] == ["original"] * 6
    kind = r"(base|combined|jpeg), \d\.\d{3} bpp\nMS-SSIM (\d\.\d{4}|NA)"
    assert all(re.fullmatch(kind, text) for text in labels if text != "original")
    with as_if_fresh(tmp_path), pytest.raises(BenchError, match="nowhere"):
        main("crops.png", *words, "dataset.path=nowhere")
