import hashlib
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from command import picture, tree
from messages import says
from mirror import Fault, serving

from jpegai_bench.codecs.shipped_points import shipped_runs
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import folder_of, load, pixel_hash
from jpegai_bench.images.download import fetch
from jpegai_bench.images.test_sets import JPEGAI_TEST, KODAK, PublishedSet
from jpegai_bench.images.transfer import Patience

QUICK = Patience(timeout_s=0.5, waits_s=(0.01, 0.02))


def png(seed, **options):
    out = io.BytesIO()
    picture(160, 120, seed).save(out, format="PNG", **options)
    return out.getvalue()


SEEDS = {f"{name}.png": seed for seed, name in enumerate("abcdef")}
FILES = {name: png(seed) for name, seed in SEEDS.items()}
BYTES = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
PIXELS = {name: pixel_hash(np.asarray(picture(160, 120, seed))) for name, seed in SEEDS.items()}
A = FILES["a.png"]


def waves(by_pixels=True, checksums=None):
    checksums = checksums or (PIXELS if by_pixels else BYTES)
    return PublishedSet("waves", "http://127.0.0.1:9", "put six PNGs", by_pixels, checksums)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def mirror():
    with serving(FILES) as running:
        yield running


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "data" / "waves"


def get(dest, mirror, by_pixels=True, only=None, patience=QUICK):
    """Fetch, and what was said meanwhile."""
    chosen = waves(by_pixels)
    if only:
        chosen = waves(by_pixels, {only: chosen.checksums[only]})
    said = []
    fetch(chosen, dest, getattr(mirror, "url", mirror), said.append, patience)
    return said


def refused(dest, mirror, **options):
    """The one line that a failed fetch says."""
    with pytest.raises(BenchError) as error:
        get(dest, mirror, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("by_pixels", [True, False])
def test_a_set_comes_whole_and_only_once(by_pixels, mirror, dest):
    assert get(dest, mirror, by_pixels) == []
    assert tree(dest) == FILES
    assert len(mirror.requests) == len(FILES)
    [line] = get(dest, mirror, by_pixels)
    assert says(line, "6 of 6 files")
    assert len(mirror.requests) == len(FILES)


def test_only_what_is_missing_or_wrong_is_fetched(mirror, dest):
    get(dest, mirror)
    (dest / "b.png").unlink()
    (dest / "c.png").write_bytes(FILES["d.png"])
    (dest / "e.png").write_bytes(b"no picture")
    mirror.requests.clear()
    said = get(dest, mirror)
    assert {name for name, _ in mirror.requests} == {"b.png", "c.png", "e.png"}
    assert tree(dest) == FILES
    assert sum("not as published" in line for line in said) == 2
    assert says(said[-1], "3 of 6 files")


def test_a_recompressed_picture_is_as_good_by_its_pixels_but_not_by_its_bytes(mirror, dest):
    mirror.files["a.png"] = png(0, compress_level=0)
    assert mirror.files["a.png"] != A
    get(dest, mirror, only="a.png")
    assert tree(dest) == {"a.png": mirror.files["a.png"]}
    assert BYTES["a.png"] in refused(dest, mirror, by_pixels=False, only="a.png")


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_is_cut_again_and_again_loses_no_byte(reset, mirror, dest):
    cuts = 3 * len(QUICK.waits_s)
    mirror.faults["a.png"] = [Fault(cut_after=len(A) // 10, reset=reset)] * cuts
    get(dest, mirror)
    assert tree(dest) == FILES
    asked = [value for name, value in mirror.requests if name == "a.png"]
    assert len(asked) == cuts + 1
    assert asked[0] is None
    if not reset:
        assert asked[1:] == [f"bytes={n * (len(A) // 10)}-" for n in range(1, cuts + 1)]
        assert mirror.sent["a.png"] == len(A)


def test_a_server_that_sends_no_parts_starts_again(mirror, dest):
    mirror.ranges = False
    mirror.faults["a.png"] = [Fault(cut_after=len(A) // 2), Fault(cut_after=100)]
    get(dest, mirror)
    assert tree(dest) == FILES
    assert mirror.sent["a.png"] == len(A) // 2 + 100 + len(A)


def test_a_server_that_never_gets_further_is_given_up_and_what_came_is_kept(mirror, dest):
    mirror.ranges = False
    mirror.faults["a.png"] = [Fault(cut_after=1000)] * 50
    told = refused(dest, mirror, only="a.png")
    assert f"{mirror.url}/a.png: connection cut, {len(A) - 1000} bytes missing" in told
    assert "goes on from there" in told
    assert len(mirror.requests) == 1 + len(QUICK.waits_s) + 1
    assert tree(dest) == {".a.png.part": A[:1000]}
    mirror.ranges = True
    mirror.faults.clear()
    mirror.sent.clear()
    get(dest, mirror, only="a.png")
    assert tree(dest) == {"a.png": A}
    assert mirror.sent["a.png"] == len(A) - 1000


def test_a_server_that_does_not_say_the_length_is_checked_all_the_same(mirror, dest):
    mirror.says_length = False
    get(dest, mirror)
    assert tree(dest) == FILES
    mirror.faults["a.png"] = [Fault(cut_after=2000)]
    assert "not a.png as published" in refused(dest / "other", mirror, only="a.png")
    assert tree(dest / "other") == {}


def test_a_busy_server_is_asked_again_and_as_late_as_it_wants(mirror, dest):
    mirror.faults["a.png"] = [Fault(status=500), Fault(status=503, retry_after="1")]
    begin = time.monotonic()
    get(dest, mirror)
    assert time.monotonic() - begin > 1
    assert tree(dest) == FILES
    mirror.faults["b.png"] = [Fault(status=502)] * 50
    assert f"{mirror.url}/b.png: 502 Bad Gateway, 3 times" in refused(dest / "other", mirror, only="b.png")


@pytest.mark.parametrize(("status", "reason"), [(404, "Not Found"), (403, "Forbidden")])
def test_a_file_that_is_not_there_is_not_asked_for_again(status, reason, mirror, dest):
    mirror.faults["a.png"] = [Fault(status=status)] * 50
    told = refused(dest, mirror, only="a.png")
    assert says(told, f"{mirror.url}/a.png: {status} {reason}", "six PNGs", f"into {dest} by hand")
    assert len(mirror.requests) == 1
    assert tree(dest) == {}


def test_a_server_that_hangs_is_left_in_time(mirror, dest):
    mirror.faults["a.png"] = [Fault(hang=True)]
    get(dest, mirror)
    assert tree(dest) == FILES
    mirror.faults["a.png"] = [Fault(hang=True)] * 50
    begin = time.monotonic()
    assert "timed out, 3 times" in refused(dest / "other", mirror, only="a.png")
    assert time.monotonic() - begin < 3 * QUICK.timeout_s + 2


def test_a_wrong_picture_is_told_with_both_sums_and_not_kept(mirror, dest):
    mirror.files["a.png"] = FILES["b.png"]
    told = refused(dest, mirror, only="a.png")
    assert f"{mirror.url}/a.png: not a.png as published" in told
    assert says(told, "pixels", PIXELS["b.png"], PIXELS["a.png"])
    assert tree(dest) == {}
    told = refused(dest, mirror, by_pixels=False, only="a.png")
    assert says(told, "bytes", BYTES["b.png"], BYTES["a.png"])
    assert tree(dest) == {}


def test_a_page_of_a_login_is_no_picture(mirror, dest):
    mirror.files["a.png"] = b"<html>please log in</html>"
    told = refused(dest, mirror, only="a.png")
    assert "it is no picture" in told
    assert PIXELS["a.png"] in told
    assert tree(dest) == {}


def test_a_wrong_file_in_place_stays_until_the_right_one_is_there(mirror, dest):
    dest.mkdir(parents=True)
    (dest / "a.png").write_bytes(FILES["c.png"])
    mirror.faults["a.png"] = [Fault(status=404)]
    refused(dest, mirror, only="a.png")
    assert tree(dest) == {"a.png": FILES["c.png"]}


@pytest.mark.parametrize("by_pixels", [True, False])
@pytest.mark.parametrize("beginning", [b"x" * 500, png(0, compress_level=0)[:3000], b"x" * len(A)])
def test_a_beginning_from_elsewhere_costs_time_but_no_picture(beginning, by_pixels, mirror, dest):
    dest.mkdir(parents=True)
    (dest / ".a.png.part").write_bytes(beginning)
    get(dest, mirror, by_pixels)
    assert tree(dest) == FILES


def test_a_download_killed_after_the_last_byte_is_not_repeated(mirror, dest):
    dest.mkdir(parents=True)
    (dest / ".a.png.part").write_bytes(A)
    get(dest, mirror)
    assert tree(dest) == FILES
    assert mirror.sent["a.png"] == 0


def test_a_server_that_cannot_be_reached_is_told_at_once_with_what_to_do(mirror, dest):
    url = mirror.url
    mirror.shutdown()
    mirror.server_close()
    begin = time.monotonic()
    told = refused(dest, url, patience=Patience())
    assert time.monotonic() - begin < 2
    assert says(told, "127.0.0.1", "Connection refused", "six PNGs")
    assert f"{dest} by hand" in told
    assert tree(dest) == {}


def test_an_address_that_is_none_is_refused(dest):
    for url in ("ftp://a.b/c", "file:///etc", "mirror", "http://127.0.0.1:port", "http://a b/c"):
        assert url in refused(dest, url)
    assert tree(dest) == {}


def test_a_folder_that_cannot_be_made_is_told(mirror, tmp_path):
    (tmp_path / "file").write_text("")
    told = refused(tmp_path / "file" / "waves", mirror)
    assert told.startswith(f"{tmp_path / 'file' / 'waves'}: cannot be written (")
    assert "dest=PATH" in told


def test_the_checksums_of_kodak_are_those_of_the_pictures_that_the_anchors_were_measured_on():
    published = {Path(file).stem: checksum for file, checksum in KODAK.checksums.items()}
    assert len(published) == 24
    manifests = [manifest for manifest, _ in shipped_runs() if manifest["dataset"] == "kodak"]
    assert manifests
    for manifest in manifests:
        assert manifest["images"].items() <= published.items()


def test_the_kodak_pictures_are_those_published():
    folder = Path(os.environ.get("JPEGAI_BENCH_DATA", "data")) / "kodak"
    if not folder.is_dir():
        pytest.skip("the Kodak photographs are not here: set JPEGAI_BENCH_DATA to the parent of kodak/")
    assert {f"{name}.png": found for name, found in load("kodak", folder).hashes().items()} == KODAK.checksums


def test_the_jpeg_ai_test_set_is_50_pictures_of_known_sizes(tmp_path, monkeypatch):
    sizes = [tuple(map(int, name.split("_")[2].split("x"))) for name in JPEGAI_TEST.checksums]
    assert [name.split("_")[0] for name in JPEGAI_TEST.checksums] == [f"{n:05d}" for n in range(1, 51)]
    assert min(sizes) == (560, 888)
    assert max(sizes) == (8160, 6120)
    assert len(set(JPEGAI_TEST.checksums.values())) == 50
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in JPEGAI_TEST.checksums.values())
    monkeypatch.setenv("JPEGAI_BENCH_DATA", str(tmp_path))
    with pytest.raises(BenchError, match=r"lacks 00001_TE_2096x1400_8bit_sRGB\.png and 49 more") as error:
        load("jpegai-test")
    assert "`jpegai-bench data get jpegai-test`" in str(error.value)
    folder = folder_of("jpegai-test")
    assert folder == tmp_path / "jpegai-test"
    folder.mkdir()
    for name in JPEGAI_TEST.checksums:
        (folder / name).write_bytes(A)
    assert load("jpegai-test").images[49].name == "00050_TE_3976x2652_8bit_sRGB"
