import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from command import Done, bench, fails, picture, several, tree
from messages import says
from mirror import Fault, serving

from jpegai_bench.images.datasets import load
from jpegai_bench.images.test_sets import JPEGAI_TEST, KODAK, PUBLISHED, PublishedSet


def png(seed, width=400, height=300):
    out = io.BytesIO()
    picture(width, height, seed).save(out, format="PNG")
    return out.getvalue()


FILES = {f"{name}.png": png(seed) for seed, name in enumerate("abcdef")}
PHOTOGRAPHS = Path(os.environ.get("JPEGAI_BENCH_DATA", "data")).resolve() / "kodak"
SUMS = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
WHOLE = sum(map(len, FILES.values()))

# The real command, with one published set more: the pictures above, known by their bytes.
_COMMAND = """
import resource, sys
from jpegai_bench.cli.main import main
from jpegai_bench.images.test_sets import PUBLISHED, PublishedSet
checksums = dict(word.split("=") for word in sys.argv[2].split(","))
PUBLISHED["waves"] = PublishedSet("waves", "http://127.0.0.1:9", "put six PNGs", False, checksums)
if int(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
main(["data", "get", "waves", *sys.argv[3:]])
"""

# Several sets one after the other: how each ends, and whether a folder is left.
_SEVERAL = """
import os, sys
from jpegai_bench.cli.main import main
for name in sys.argv[1:]:
    try:
        main(["data", "get", name])
    except SystemExit as end:
        print(end.code, os.path.exists("data"))
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("JPEGAI_BENCH_DATA", raising=False)
    monkeypatch.setitem(PUBLISHED, "waves", PublishedSet("waves", "http://127.0.0.1:9", "", False, SUMS))
    monkeypatch.chdir(tmp_path)


def get(*words) -> Done:
    """In this process; `start` is for what is stopped half-way."""
    return bench("data", "get", "waves", *words, cwd=Path())


def start(*words, largest_file=0):
    sums = ",".join(f"{name}={checksum}" for name, checksum in SUMS.items())
    command = [sys.executable, "-c", _COMMAND, str(largest_file), sums, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def on_disk(folder):
    """Bytes below a folder in which files are renamed meanwhile."""
    found = 0
    for path in folder.rglob("*.p*"):
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


def test_a_set_comes_into_the_folder_where_its_data_set_is_looked_for():
    with serving(FILES) as mirror:
        assert get(f"url={mirror.url}") == Done(0, "data/waves\n", "data get waves: 6 of 6 files, 0 s\n")
        assert tree(Path("data")) == {f"waves/{name}": data for name, data in FILES.items()}
        done = get(f"url={mirror.url}/", "dest=else where/b")
        assert (done.code, done.out) == (0, "else where/b\n")
        assert tree(Path("else where/b")) == FILES
        again = get(f"url={mirror.url}")
    assert (again.code, again.out) == (0, "data/waves\n")
    assert says(again.err, "6 of 6 files")


def test_kodak_is_fetched_and_found():
    if not PHOTOGRAPHS.is_dir():
        pytest.skip("the Kodak photographs are not here: set JPEGAI_BENCH_DATA to the parent of kodak/")
    with serving({name: (PHOTOGRAPHS / name).read_bytes() for name in KODAK.checksums}) as mirror:
        mirror.faults["kodim07.png"] = [Fault(cut_after=100_000)]
        done = bench("data", "get", "kodak", f"url={mirror.url}", cwd=Path())
        assert (done.code, done.out) == (0, "data/kodak\n")
        assert tree(Path("data/kodak")) == mirror.files
    assert {f"{image.name}.png": image.sha256 for image in load("kodak").images} == KODAK.checksums


def test_a_killed_download_goes_on_where_it_stopped():
    with serving(FILES) as mirror:
        mirror.bytes_a_second = WHOLE / 12
        process = start(f"url={mirror.url}")
        wait_until(lambda: on_disk(Path("data")) > WHOLE / 6)
        process.send_signal(signal.SIGKILL)
        finish(process)
        kept = on_disk(Path("data/waves"))
        names = tree(Path("data/waves"))
        assert WHOLE / 6 < kept < WHOLE
        assert all(FILES[name] == data for name, data in names.items() if not name.startswith("."))
        mirror.forget()
        mirror.bytes_a_second = None
        done = get(f"url={mirror.url}")
        assert (done.code, done.out) == (0, "data/waves\n")
        assert sum(mirror.sent.values()) == WHOLE - kept
    assert tree(Path("data/waves")) == FILES


def test_an_interrupted_download_ends_at_once_in_one_line_and_goes_on():
    with serving(FILES) as mirror:
        mirror.bytes_a_second = WHOLE / 12
        mirror.faults["a.png"] = [Fault(hang=True)]
        process = start(f"url={mirror.url}")
        wait_until(lambda: on_disk(Path("data")) > WHOLE / 10)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        code, out, err = finish(process)
        assert time.monotonic() - begin < 5
        assert (code, out) == (1, "")
        assert err.startswith("jpegai-bench: interrupted; ")
        assert err.count("\n") == 1
        kept, before = on_disk(Path("data/waves")), len(mirror.requests)
        mirror.bytes_a_second = None
        assert get(f"url={mirror.url}").code == 0
        again = [(name, int(asked[6:-1]) if asked else 0) for name, asked in mirror.requests[before:]]
        assert sum(len(FILES[name]) - start for name, start in again) == WHOLE - kept
    assert tree(Path("data/waves")) == FILES


def test_two_at_once_into_one_folder_fetch_each_file_once():
    with serving(FILES) as mirror:
        mirror.bytes_a_second = WHOLE / 30
        first = start(f"url={mirror.url}")
        wait_until(lambda: mirror.requests)
        second = start(f"url={mirror.url}")
        assert any("another download" in line for line in second.stderr)
        time.sleep(0.3)  # in which it would ask, if it did not wait
        mirror.bytes_a_second = 1e12
        (code, _, _), (other, out, _) = finish(first), finish(second)
        assert (code, other, out) == (0, 0, "data/waves\n")
        assert sum(mirror.sent.values()) == WHOLE
    assert tree(Path("data/waves")) == FILES


def test_one_that_waits_for_a_download_that_is_killed_finishes_it():
    with serving(FILES) as mirror:
        mirror.bytes_a_second = WHOLE / 30
        first = start(f"url={mirror.url}")
        wait_until(lambda: on_disk(Path("data")) > WHOLE / 50)
        second = start(f"url={mirror.url}")
        assert any("another download" in line for line in second.stderr)
        first.kill()
        finish(first)
        mirror.bytes_a_second = None
        assert finish(second)[0] == 0
    assert tree(Path("data/waves")) == FILES


def test_a_full_disk_is_told_and_with_room_the_same_command_goes_on():
    limit = 20_000
    assert min(map(len, FILES.values())) > limit
    with serving(FILES) as mirror:
        code, out, err = finish(start(f"url={mirror.url}", largest_file=limit))
        assert (code, out) == (1, "")
        assert says(err, "jpegai-bench: data/waves: cannot be written", "File too large")
        assert err.count("\n") == 1
        left = tree(Path("data/waves"))
        assert all(name.startswith(".") for name in left)
        assert max(map(len, left.values())) == limit
        mirror.forget()
        assert get(f"url={mirror.url}").code == 0
        assert sum(mirror.sent.values()) == WHOLE - sum(map(len, left.values()))
    assert tree(Path("data/waves")) == FILES


def test_a_file_system_without_room_is_told_and_with_room_the_same_command_goes_on(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={WHOLE // 2}", "tmpfs", str(small)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with serving(FILES) as mirror:
            fails(get(f"url={mirror.url}", "dest=small/waves"), "small/waves", "No space left on device")
            remount = ["mount", "-o", f"remount,size={2 * WHOLE}", str(small)]
            subprocess.run(remount, check=True)
            mirror.forget()
            assert get(f"url={mirror.url}", "dest=small/waves").code == 0
            assert sum(mirror.sent.values()) < WHOLE
        assert tree(small / "waves") == FILES
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_without_a_network_one_line_says_how_to_place_the_files():
    alone = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("a process without a network cannot be started here")
    by_hand = {"kodak": "put kodim01.png to kodim24.png", "jpegai-test": "put the 50 PNGs of data/test"}
    begin = time.monotonic()
    command = [*alone, sys.executable, "-c", _SEVERAL, *by_hand]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert time.monotonic() - begin < 15
    assert (done.returncode, done.stdout) == (0, "1 False\n" * len(by_hand)), done.stderr
    for (name, how), line in zip(by_hand.items(), done.stderr.splitlines(), strict=True):
        assert f"data get {name}: " in line
        assert "cannot be reached" in line
        assert how in line
        assert f" into data/{name} by hand" in line


def test_a_folder_that_was_made_in_vain_is_taken_away_and_no_other():
    with serving({}) as mirror:
        Path("mine/below").mkdir(parents=True)
        for dest, left in (("new/deep/set", set()), ("mine/below", {"below"}), ("mine/set", {"below"})):
            fails(get(f"url={mirror.url}", f"dest={dest}"), "404")
            assert {path.name for path in Path(dest.partition("/")[0]).glob("*")} == left
        assert not Path("new").exists()


def test_a_picture_that_is_not_kodaks_is_refused_with_both_sums():
    with serving(dict.fromkeys(KODAK.checksums, png(1, 768, 512))) as mirror:
        done = bench("data", "get", "kodak", f"url={mirror.url}", cwd=Path())
    fails(done, f"{mirror.url}/kodim", "its pixels have SHA-256", "must have SHA-256")
    assert any(checksum in done.err for checksum in KODAK.checksums.values())
    assert not list(Path("data/kodak").glob("[!.]*"))


def test_the_jpeg_ai_test_set_is_asked_for_by_its_names_and_held_to_its_bytes():
    with serving(dict.fromkeys(JPEGAI_TEST.checksums, FILES["a.png"])) as mirror:
        done = bench("data", "get", "jpegai-test", f"url={mirror.url}", "dest=ours", cwd=Path())
        assert mirror.requests
        assert {name for name, _ in mirror.requests} <= JPEGAI_TEST.checksums.keys()
    fails(done, "its bytes have SHA-256", hashlib.sha256(FILES["a.png"]).hexdigest())
    assert not list(Path("ours").glob("[!.]*"))


def test_what_cannot_be_fetched_is_told():
    words = {
        ("data", "get", "sample"): (2, "no 'sample'; there are kodak, jpegai-test"),
        ("data", "put", "kodak"): (2, "no 'put'; there is data get kodak|jpegai-test"),
        ("data", "get"): (2, "SET is missing"),
        ("run", "+variant=base", "dest=x"): (2, "run takes no dest"),
        ("run", "dataset=kodak"): (1, "`jpegai-bench data get kodak` fetches them"),
        ("run", "dataset=jpegai-test", "dataset.path=x"): (1, "`jpegai-bench data get jpegai-test dest=x`"),
    }
    for done, (code, said) in zip(several(*words, cwd=Path()), words.values(), strict=True):
        fails(done, said, code=code)
