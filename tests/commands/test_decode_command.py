import os
import re
from dataclasses import replace

import pytest
from command import TINY, bench, fails, modules_loaded, picture

from jpegai_bench.commands import decode
from jpegai_bench.network.bitstream import Bitstream


@pytest.fixture(scope="module")
def own(tiny_weights):
    return (*TINY, f"weights={tiny_weights}")


@pytest.fixture(scope="module")
def stream(tmp_path_factory, own):
    folder = tmp_path_factory.mktemp("coded")
    picture(40, 30).save(folder / "a.png")
    assert bench("encode", "a.png", "a.jai", *own, cwd=folder).code == 0
    return Bitstream.from_bytes((folder / "a.jai").read_bytes())


@pytest.mark.parametrize(("size", "words"), [((8192, 8192), ()), ((100, 101), ("max_megapixels=0.01",))])
def test_a_stream_that_claims_a_large_picture_is_refused_before_any_work(tmp_path, stream, size, words):
    """Also before weights are looked for."""
    forged = replace(stream, width=size[0], height=size[1], payload=stream.payload[:36])
    (tmp_path / "forged.jai").write_bytes(forged.to_bytes())
    done = bench("decode", "forged.jai", "out.png", "weights=nowhere", *words, cwd=tmp_path)
    fails(done, "forged.jai", f"{size[0]}x{size[1]}", "max_megapixels", "GB")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("value", ["0", "-1", "nan"])
def test_a_limit_that_is_none_is_refused(tmp_path, value):
    done = bench("decode", "a.jai", "out.png", f"max_megapixels={value}", cwd=tmp_path)
    fails(done, f"max_megapixels={value}", code=2)


def test_the_limit_can_be_raised_and_what_is_large_tells_its_work_and_progress(
    tmp_path, stream, own, monkeypatch
):
    monkeypatch.setattr(decode, "_LARGE", 1000)
    (tmp_path / "a.jai").write_bytes(stream.to_bytes())
    done = bench("decode", "a.jai", "a.png", "max_megapixels=0.0012", *own, cwd=tmp_path)
    assert (done.code, done.out) == (0, "a.png: 40x30\n")
    assert "TMACs" in done.err
    assert "GB" in done.err
    assert re.search(r"\b(\d\d) of \1 layers", done.err)


def test_a_pipe_a_device_and_a_folder_are_refused_without_reading(tmp_path):
    os.mkfifo(tmp_path / "pipe.jai")  # nobody writes into it: reading would wait for ever
    for name, said in (("pipe.jai", "pipe"), ("/dev/zero", "device"), (".", "folder")):
        fails(bench("decode", name, "out.png", cwd=tmp_path), f"{name}: ", said)


def test_a_foreign_file_is_refused_by_its_first_bytes(tmp_path):
    with (tmp_path / "huge.jai").open("wb") as file:
        file.truncate(2**40)  # a hole, which takes no space on disk and all memory to read
    fails(bench("decode", "huge.jai", "out.png", cwd=tmp_path), "huge.jai", "not a jpegai-bench bitstream")


def test_control_characters_of_names_are_escaped(tmp_path, stream, own):
    (tmp_path / "a.jai").write_bytes(stream.to_bytes())
    done = bench("decode", "a.jai", "b\x1b[31m\n.png", *own, cwd=tmp_path)
    assert (done.code, done.out) == (0, "b\\x1b[31m\\n.png: 40x30\n")
    assert (tmp_path / "b\x1b[31m\n.png").is_file()
    fails(bench("decode", "n\x1b[31m.jai", "out.png", cwd=tmp_path), "n\\x1b[31m.jai")


def test_coding_loads_nothing_that_it_does_not_use(tmp_path, tiny_weights):
    picture(40, 33, seed=1).save(tmp_path / "a.png")
    own = (*TINY, f"weights={tiny_weights}")
    lines = (["encode", "a.png", "a.jai", *own], ["decode", "a.jai", "b.png", *own])
    heavy = ("torch._dynamo", "sympy", "torchvision", "compressai", "matplotlib")
    assert modules_loaded(*lines, cwd=tmp_path, heavy=heavy) == []
