"""Whatever is put in: a value, or NA with its reason, or a refusal in one line. Never a crash."""

import json
import math
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command import Done, bench, fails, picture, several
from PIL import Image
from skimage import data

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics import vmaf
from jpegai_bench.metrics.catalogue import NAMES, average_of
from jpegai_bench.metrics.measure import Reference, Scores, measure

PHOTO = np.asarray(picture(96, 88))
CODED = np.asarray(picture(96, 88, seed=1))
LEAST = {"ms_ssim": 11, "fsim": 48, "nlpd": 5, "iw_ssim": 11, "vmaf": 33, "vif": 17}
"""Pixels a side below which a metric has no meaning; those not named take any size."""
NEEDS_STRUCTURE = {"fsim", "nlpd", "iw_ssim", "vmaf", "vif"}


def told(found: Scores, missing: set[str], reason: str = "") -> None:
    """Every metric has a finite value, but for `missing`, which have `reason`."""
    assert tuple(found.values) == NAMES
    assert {name for name, value in found.values.items() if math.isnan(value)} == missing
    assert set(found.reasons) == missing
    assert all(reason in said and "\n" not in said for said in found.reasons.values()), found.reasons
    assert all(math.isfinite(value) for name, value in found.values.items() if name not in missing)


def crop(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    return PHOTO[:height, :width], CODED[:height, :width]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (3, 2), (1, 88), (96, 1), (7, 7), (8, 8)])
def test_tiny_pictures(width: int, height: int) -> None:
    missing = {name for name, least in LEAST.items() if min(width, height) < least}
    told(measure(*crop(width, height)), missing, f"image too small: {width}x{height}, needs ")


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_each_metrics_least_side(name: str, least: int) -> None:
    for width, height in ((least, least), (least, 60), (60, least)):
        scores = measure(*crop(width, height), only=[name])
        assert scores.reasons == {}
        assert math.isfinite(scores.values[name])
    for width, height in ((least - 1, least - 1), (least - 1, 60), (60, least - 1)):
        scores = measure(*crop(width, height), only=[name])
        assert math.isnan(scores.values[name])
        assert f"{width}x{height}, needs {least}x{least}" in scores.reasons[name]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_reference(level: int) -> None:
    flat = np.full_like(PHOTO, level)
    for distorted in (flat, np.full_like(PHOTO, 90), PHOTO):
        told(measure(flat, distorted), NEEDS_STRUCTURE, "flat reference")


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_decoding(level: int) -> None:
    photograph = data.astronaut()[100:340, 100:400]
    found = measure(photograph, np.full_like(photograph, level))
    told(found, {"fsim"}, "flat distorted image")
    assert found.values["ms_ssim"] < 0.2
    assert found.values["iw_ssim"] < 0.1
    assert found.values["vif"] < 1e-6
    assert found.values["vmaf"] < 5
    assert found.values["nlpd"] > 1
    assert found.values["psnr_hvs_m"] < 10


def test_flat_luma_under_varied_colour() -> None:
    """Structure in the chroma alone: the metrics of the luma have nothing to compare."""
    flat = np.full_like(PHOTO, 100)
    flat[::2, :, 2] = 101  # 0.07 levels of luma, which 10 bits do not show
    told(measure(flat, CODED), NEEDS_STRUCTURE, "flat reference")


def test_different_sizes() -> None:
    for other in (PHOTO[1:], PHOTO[:, 1:], PHOTO.transpose(1, 0, 2)):
        with pytest.raises(BenchError, match=r"different size: reference 96x88, distorted \d+x\d+"):
            measure(PHOTO, np.ascontiguousarray(other))


BAD_ARRAYS = {
    "nan": np.full(PHOTO.shape, np.nan),
    "float": PHOTO / 255.0,
    "float32": PHOTO.astype(np.float32),
    "16 bits": PHOTO.astype(np.uint16) * 257,
    "signed": PHOTO.astype(np.int64),
    "bool": PHOTO > 100,
    "gray": PHOTO[..., 0],
    "one channel": PHOTO[..., :1],
    "alpha": np.dstack([PHOTO, PHOTO[..., 0]]),
    "planar": PHOTO.transpose(2, 0, 1),
    "batch": PHOTO[None],
    "no rows": PHOTO[:0],
    "no columns": PHOTO[:, :0],
    "nothing": np.zeros(0, np.uint8),
    "number": np.uint8(3),
    "objects": PHOTO.astype(object),
    "list": PHOTO[:4, :4].tolist(),
    "none": None,
    "path": "photo.png",
    "picture": picture(96, 88),
}


@pytest.mark.parametrize("bad", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_what_is_not_8_bit_rgb_is_refused(bad) -> None:
    with pytest.raises(BenchError, match="8-bit RGB"):
        measure(PHOTO, bad, only=["psnr_y"])
    with pytest.raises(BenchError, match="8-bit RGB"):
        Reference(bad, only=["psnr_y"])


def test_any_layout_of_the_same_samples_is_the_same_picture() -> None:
    expected = measure(PHOTO, CODED).values
    mirrored = np.ascontiguousarray(PHOTO[::-1, ::-1])[::-1, ::-1]
    frozen = np.asfortranarray(CODED)
    frozen.flags.writeable = False
    assert measure(mirrored, frozen).values == expected


def test_a_buffer_that_is_used_again_does_not_change_the_reference() -> None:
    buffer = PHOTO.copy()
    reference = Reference(buffer)
    buffer[:] = 0
    assert reference.compare(CODED).values == measure(PHOTO, CODED).values


@pytest.fixture(scope="module")
def whole() -> Scores:
    return measure(PHOTO, CODED)


def fake_ffmpeg(folder: Path, source: str, mode: int = 0o755) -> Path:
    """An executable in place of ffmpeg."""
    path = folder / "ffmpeg"
    path.write_text(source)
    path.chmod(mode)
    return path


PYTHON = f"#!{sys.executable}\n"
LOG = "import sys; log = sys.argv[sys.argv.index('-lavfi') + 1].split('log_path=')[1]\n"
DEAD = {
    "exit 1": (f"{PYTHON}import sys; sys.exit('No such filter: libvmaf')", "code 1: No such filter: libvmaf"),
    "exit 1, not utf-8": (
        f"{PYTHON}import os; os.write(2, b'\\xff\\xfe no model'); os._exit(1)",
        "code 1: ",
    ),
    "exit 1, silent": (f"{PYTHON}raise SystemExit(1)", "code 1: no message"),
    "killed": (f"{PYTHON}import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code -9"),
    "segfault": (f"{PYTHON}import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "code -11"),
    "no log": (PYTHON, "no readable VMAF log"),
    "text log": (f"{PYTHON}{LOG}open(log, 'w').write('VMAF score: 97')", "no readable VMAF log"),
    "binary log": (f"{PYTHON}{LOG}open(log, 'wb').write(bytes(range(256)))", "no readable VMAF log"),
    "cut log": (f"{PYTHON}{LOG}open(log, 'w').write('{{\"frames\": [{{\"met')", "no readable VMAF log"),
    "log without frames": (
        f"{PYTHON}{LOG}open(log, 'w').write('{{\"frames\": []}}')",
        "no readable VMAF log",
    ),
    "nan in the log": (
        f'{PYTHON}{LOG}open(log, "w").write(\'{{"frames": [{{"metrics": {{"vmaf": NaN}}}}]}}\')',
        "VMAF is nan",
    ),
    "no score but a number": (
        f'{PYTHON}{LOG}open(log, "w").write(\'{{"frames": [{{"metrics": {{"vmaf": 1e6}}}}]}}\')',
        "VMAF is 1",
    ),
    "no program": ("what is this", "cannot be run"),
    "interpreter missing": ("#!/nowhere/python\n", "cannot be run"),
}


@pytest.mark.parametrize(("source", "reason"), DEAD.values(), ids=DEAD)
def test_a_binary_that_fails_costs_vmaf_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Scores, source: str, reason: str
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake_ffmpeg(tmp_path, source)))
    found = measure(PHOTO, CODED)
    told(found, {"vmaf"}, reason)
    assert {**found.values, "vmaf": 0} == {**whole.values, "vmaf": 0}


def test_a_binary_that_is_not_there_or_not_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "nowhere", tmp_path, fake_ffmpeg(tmp_path, PYTHON, mode=0o644)):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
        found = measure(PHOTO, CODED, only=["vmaf", "psnr_y"])
        assert math.isnan(found.values["vmaf"])
        assert "cannot be run" in found.reasons["vmaf"]
        assert math.isfinite(found.values["psnr_y"])


@pytest.mark.parametrize(
    "source",
    [f"{PYTHON}import time; time.sleep(30)", "#!/bin/sh\nsleep 30\n", "#!/bin/sh\nsleep 30 &\nexit 0\n"],
    ids=["itself", "its child", "its child, left behind"],
)
def test_a_binary_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Scores, source: str
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake_ffmpeg(tmp_path, source)))
    monkeypatch.setattr(vmaf, "compare", partial(vmaf.compare, time_limit=1.0))
    start = time.monotonic()
    found = measure(PHOTO, CODED)
    assert time.monotonic() - start < 20
    told(found, {"vmaf"}, "" if "&" in source else "killed after 1 s")
    assert {**found.values, "vmaf": 0} == {**whole.values, "vmaf": 0}


def test_the_other_six_stand_in_the_commands_table_too(tmp_path: Path, monkeypatch) -> None:
    picture(96, 88).save(tmp_path / "a.png")
    picture(96, 88, seed=1).save(tmp_path / "b.png")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(fake_ffmpeg(tmp_path, DEAD["killed"][0])))
    lines, found = several(
        ["metrics", "a.png", "b.png"], ["metrics", "a.png", "b.png", "format=csv"], cwd=tmp_path
    )
    for done in (lines, found):
        fails(done, "vmaf", "ffmpeg ended with code -9")
    assert "(1) ffmpeg ended with code -9" in lines.out
    header, row = (line.split(",") for line in found.out.splitlines())
    cells = dict(zip(header, row, strict=True))
    assert cells["vmaf"] == ""
    assert all(float(cells[name]) > 0 for name in average_of() if name != "vmaf")


def test_no_temporary_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Scores) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    found = measure(PHOTO, CODED)
    told(found, {"vmaf"} & set(found.reasons))
    assert {**found.values, "vmaf": 0} == {**whole.values, "vmaf": 0}


def limited(*words: str, cwd: Path) -> Done:
    """The command where no file can be written: only pipes are left, as with a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        return bench(*words, cwd=cwd)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_file_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(tempfile, "tempdir", None)  # not yet looked for, as in a new process
    for folder in ("ref", "dist"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            picture(96, 88).save(tmp_path / folder / f"{name}.png")
    done = limited("metrics", "ref/a.png", "dist/a.png", "format=json", cwd=tmp_path)
    [pair] = json.loads(done.out)["pairs"]
    assert done.code == (1 if pair["reasons"] else 0), done
    assert {name for name in NAMES if pair[name] is None} == set(pair["reasons"]) <= {"vmaf"}
    done = limited("metrics", "ref", "dist", "workers=2", cwd=tmp_path)
    fails(done, "no temporary folder", "workers=1")


def png(width: int, height: int, depth: int = 8, kind: int = 2, lines: bytes = b"") -> bytes:
    """A PNG whose header claims what is given."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def bad_files(folder: Path) -> dict[str, str]:
    """Files that are no 8-bit RGB picture, and what is said of each."""
    folder.mkdir()
    good = picture(96, 88)
    good.save(folder / "good.png")
    data = (folder / "good.png").read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    (folder / "without end.png").write_bytes(data[:-12])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("This is not a picture.\n")
    (folder / "header.png").write_bytes(data[:8])
    (folder / "huge.png").write_bytes(png(60_000, 60_000))
    (folder / "wide.png").write_bytes(png(2**31 - 1, 1))
    (folder / "sixteen.png").write_bytes(png(96, 88, depth=16, lines=(b"\0" + b"\x12\x34" * 288) * 88))
    good.convert("I;16").save(folder / "sixteen gray.png")
    transparent = good.convert("RGBA")
    transparent.putpixel((3, 4), (1, 2, 3, 100))
    transparent.save(folder / "alpha.png")
    good.convert("CMYK").save(folder / "cmyk.jpg")
    good.convert("F").save(folder / "float.tif")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return {
        "truncated.png": "damaged",
        "empty.png": "not a picture",
        "text.png": "not a picture",
        "header.png": "",
        "huge.png": "60000x60000 pixels",
        "wide.png": "2147483647x1 pixels",
        "sixteen.png": "16 bits",
        "sixteen gray.png": "16 bits",
        "alpha.png": "transparent",
        "cmyk.jpg": "CMYK",
        "float.tif": "float",
    }


def test_files_that_are_no_8_bit_rgb_picture_are_refused_by_name(tmp_path: Path) -> None:
    expected = bad_files(tmp_path / "bad")
    (tmp_path / "good").mkdir()
    for name in {Path(file).stem for file in (*expected, "good.png")}:
        picture(96, 88).save(tmp_path / f"good/{name}.png")
    words = ["metrics", "good", "bad", "only=[psnr_y]", "workers=1", "format=csv"]
    reverse = ["metrics", "bad", "good", "only=[psnr_y]", "workers=1", "format=csv"]
    # Alone each is read as in the folder; what is said of it comes another way.
    singles = {file: expected[file] for file in ("truncated.png", "wide.png", "sixteen.png", "alpha.png")}
    words_alone = [["metrics", "good/good.png", f"bad/{file}"] for file in singles]
    both, swapped, *alone = several(words, reverse, *words_alone, cwd=tmp_path)
    for done in (both, swapped):
        lines = [line for line in done.err.splitlines() if line.startswith("jpegai-bench: left out: bad/")]
        assert done.code == 1
        assert "Traceback" not in done.err
        for file, said in expected.items():
            assert sum(f" bad/{file}: " in line and said in line for line in lines) == 1, (file, done.err)
        assert "good/good.png" in done.out
        assert len(done.out.splitlines()) <= 3  # header, good, perhaps the one without an end
    for done, (file, said) in zip(alone, singles.items(), strict=True):
        assert done.code == 1
        [line] = done.err.splitlines()
        assert line.startswith(f"jpegai-bench: bad/{file}: ")
        assert said in line


def test_gray_palette_and_opaque_alpha_are_measured_as_rgb(tmp_path: Path) -> None:
    gray = picture(64, 64).convert("L")
    gray.save(tmp_path / "gray.png")
    gray.convert("RGB").save(tmp_path / "rgb.png")
    gray.convert("RGBA").save(tmp_path / "alpha.png")
    gray.convert("P").save(tmp_path / "palette.png")
    lines = [
        ["metrics", "rgb.png", f"{kind}.png", "format=csv", "only=[psnr_rgb,psnr_u]"]
        for kind in ("gray", "alpha", "palette")
    ]
    for done in several(*lines, cwd=tmp_path):
        assert done.code == 0
        assert done.out.splitlines()[1].endswith(",100.0,100.0")


def test_spaces_and_letters_beyond_ascii_in_a_name(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a picture, with é.png")
    done = bench("metrics", "a picture, with é.png", "a picture, with é.png", "only=[psnr_y]", cwd=tmp_path)
    assert done.code == 0, done
    assert "100.00" in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["a picture, with é.png"]
