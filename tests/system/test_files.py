import os
import threading
from pathlib import Path

from messages import refused

from jpegai_bench.system.files import below, write_bytes


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/file")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


def test_links_to_folders_are_followed_each_folder_once_and_no_loop(tmp_path):
    for file in ("top/real/a", "top/.hidden/b", "elsewhere/c", "elsewhere/deep/d"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    top = tmp_path / "top"
    for link, target in {
        "top/1_again": "real",
        "top/2_out": "../elsewhere",
        "top/3_twice": "../elsewhere/deep",
        "top/real/up": "..",
        "top/itself": "itself",
        "top/lost": "nowhere",
        "elsewhere/back": "../top",
        "elsewhere/deep/above": "../..",
    }.items():
        (tmp_path / link).symlink_to(target)
    files = [path.relative_to(top).as_posix() for path in below(top) if path.is_file()]
    assert sorted(files) == [".hidden/b", "2_out/c", "2_out/deep/d", "real/a"]
    shown = [path.relative_to(top).as_posix() for path in below(top, hidden=False) if path.is_file()]
    assert sorted(shown) == ["2_out/c", "2_out/deep/d", "real/a"]
    (tmp_path / "by_link").symlink_to("top")
    assert len([path for path in below(tmp_path / "by_link") if path.is_file()]) == 4


def test_a_pipe_takes_the_bytes_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_bytes(pipe, b"through")
    reader.join(10)
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_a_full_device_is_told_and_stays_one():
    with refused("/dev/full", "No space left on device"):
        write_bytes(Path("/dev/full"), b"lost")
    assert Path("/dev/full").is_char_device()
