"""Codecs that are two command lines: real encoders, and tiny programs that do what programs should not."""

import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from messages import refused, says
from omegaconf import OmegaConf
from PIL import Image

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.command import Command
from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.codecs.video import Video
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load

PYTHON = f"{shlex.quote(sys.executable)} -S -E"
# Quantises samples and deflates them, after 8 bytes that are always the same.
OWN = """
import sys, zlib
_, side, source, target, *rest = sys.argv
data = open(source, "rb").read()
if side == "encode":
    head, body = data[:-int(rest[1])], data[-int(rest[1]):]
    step = 256 - int(rest[0])
    body = bytes(min(255, sample // step * step + step // 2) for sample in body)
    out = b"\\x00OWN\\x01\\x02\\x03\\x04" + zlib.compress(head + body)
else:
    assert data[:8] == b"\\x00OWN\\x01\\x02\\x03\\x04", "not a file of ours"
    out = zlib.decompress(data[8:])
open(target, "wb").write(out)
"""
SAMPLES = 3 * 12 * 20


@pytest.fixture(scope="module")
def photograph():
    return load("sample").images[0].read()[100:228, 150:310]


@pytest.fixture
def small(photograph):
    return photograph[:12, :20]


def psnr(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def own(folder, **settings):
    """The codec above; its pictures have 12x20 pixels."""
    script = folder / "own.py"
    if not script.exists():
        script.write_text(OWN)
    lines = {
        "encode": f"{PYTHON} {script} encode {{input}} {{output}} {{quality}} {SAMPLES}",
        "decode": f"{PYTHON} {script} decode {{input}} {{output}}",
    }
    defaults = {"name": "own", "input": "ppm", "output": "ppm", "qualities": [200, 250, 255]}
    return Command(**{**defaults, **lines, **settings})


def shell(script, decode="cp {input} {output}", **settings):
    """A codec whose encoder is a shell script: `$1` is the picture, `$2` the file to write, `$3` quality."""
    quoted = shlex.quote(script.replace("{", "{{").replace("}", "}}"))
    encode = f"sh -c {quoted} sh {{input}} {{output}} {{quality}}"
    return Command(**{"name": "mine", "encode": encode, "decode": decode, "qualities": [1.0], **settings})


def ffmpeg(before, after):
    return f"{shlex.quote(imageio_ffmpeg.get_ffmpeg_exe())} -v error -nostdin -y {before} {after}"


def test_a_real_encoder_joins_by_a_node_alone(photograph):
    node = OmegaConf.create(f"""
        _target_: jpegai_bench.codecs.command.Command
        encode: {ffmpeg("-i {input}", "-c:v libwebp -quality {quality} -update 1 {output}")}
        decode: {ffmpeg("-i {input}", "-pix_fmt rgb24 -update 1 {output}")}
        suffix: webp
        qualities: [10, 30, 50, 70, 90]
        quality: [0, 100]
        version: {ffmpeg("", "-version")}
        chroma: 4:2:0
        timeout: null
    """)
    codec = codec_of("mine", OmegaConf.to_container(node))
    codec.check()
    coded = [codec.encode(photograph, quality).data for quality in codec.qualities]
    assert [len(data) for data in coded] == sorted({len(data) for data in coded})
    values = [psnr(photograph, codec.decode(data)) for data in coded]
    assert values == sorted(set(values))
    assert psnr(codec.decode(coded[2]), Pillow("webp").decode(coded[2])) > 40  # another decoder's picture
    assert codec.describe().startswith("ffmpeg")
    assert codec.describe().endswith("-quality Q -update 1, 4:2:0 8 bit")


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("yuv420p10", Video("hevc", preset="medium")),
        ("yuv444p10", Video("hevc", preset="medium", chroma="4:4:4")),
    ],
)
def test_raw_planes_are_those_of_our_own_codecs(kind, same, photograph):
    planes = f"-f rawvideo -pix_fmt {kind}le"
    tags = "-color_range pc -colorspace bt709 -color_primaries bt709 -color_trc bt709"
    still = "qp={quality}:ipratio=1:keyint=1:range=full:info=0:pools=none:frame-threads=1:wpp=0"
    x265 = f"-c:v libx265 -preset medium -tune psnr -x265-params {still}"
    codec = Command(
        encode=ffmpeg(f"{tags} {planes} -s {{width}}x{{height}} -i {{input}}", f"{x265} -f hevc {{output}}"),
        decode=ffmpeg("-f hevc -i {input}", "-f rawvideo {output}"),
        input=kind,
        output=kind,
        qualities=[32],
    )
    sizes = [(128, 160), (126, 84), (127, 85)]
    for height, width in sizes if kind == "yuv420p10" else sizes[:2]:
        crop = photograph[:height, :width]
        data = same.encode(crop, 32).data
        coded = codec.encode(crop, 32).data
        assert coded == data[:4] + b"\0\0\0\1" + data[8:]  # ours has a CRC in place of the start code
        np.testing.assert_array_equal(codec.decode(coded), same.decode(data))
    assert codec.chroma == same.chroma


def test_a_lossless_codec_changes_no_pixel(photograph):
    codec = Command(
        encode=ffmpeg("-i {input}", "-c:v libjxl -distance {quality} -update 1 {output}"),
        decode=ffmpeg("-i {input}", "-update 1 {output}"),
        input="ppm",
        suffix="jxl",
        qualities=[0],
    )
    np.testing.assert_array_equal(codec.decode(codec.encode(photograph, 0).data), photograph)


@pytest.mark.skipif(not shutil.which("cwebp") or not shutil.which("dwebp"), reason="no cwebp and dwebp here")
def test_cwebp_is_the_webp_of_pillow(photograph):
    codec = Command(
        encode="cwebp -quiet -m 6 -q {quality} {input} -o {output}",
        decode="dwebp -quiet {input} -o {output}",
        suffix="webp",
        qualities=[10, 50, 90],
        version="cwebp -version",
        chroma="4:2:0",
    )
    assert codec.describe().startswith("cwebp ")
    for quality in codec.qualities:
        data, same = codec.encode(photograph, quality).data, Pillow("webp").encode(photograph, quality).data
        assert len(data) == pytest.approx(len(same), rel=0.01)
        np.testing.assert_array_equal(codec.decode(same), Pillow("webp").decode(same))


@pytest.mark.skipif(not shutil.which("cjxl") or not shutil.which("djxl"), reason="no cjxl and djxl here")
def test_cjxl_at_distance_0_changes_no_pixel(photograph):
    codec = Command(
        encode="cjxl {input} {output} -d {quality}",
        decode="djxl {input} {output}",
        suffix="jxl",
        qualities=[0],
    )
    np.testing.assert_array_equal(codec.decode(codec.encode(photograph, 0).data), photograph)
    assert len(codec.encode(photograph, 1).data) < len(codec.encode(photograph, 0).data) / 2


def test_a_script_from_the_current_folder_is_found_elsewhere(tmp_path, small, monkeypatch):
    given = own(tmp_path)
    monkeypatch.chdir(tmp_path)
    short = own(Path("."))
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(short.decode(short.encode(small, 255).data), small)
    assert short.fingerprint() == given.fingerprint()


def test_the_overhead_is_not_counted_and_is_put_back(tmp_path, small):
    whole, bare = own(tmp_path), own(tmp_path, overhead="004f574e 01020304")
    data = whole.encode(small, 255).data
    assert bare.encode(small, 255).data == data[8:]
    np.testing.assert_array_equal(bare.decode(data[8:]), small)
    assert says(bare.describe(), "8 bytes of container")
    assert whole.fingerprint() != bare.fingerprint()
    with refused("004f574e", "overhead"):
        own(tmp_path, overhead="004f574f").encode(small, 255)
    with refused("overhead: 12 ", "hexadecimal", "quotes"):
        own(tmp_path, overhead=12)


def test_another_script_or_setting_is_another_codec(tmp_path):
    before = own(tmp_path).fingerprint()
    assert before == own(tmp_path, timeout=3.0, name="other", qualities=[1]).fingerprint()
    assert before != own(tmp_path, chroma="4:2:0").fingerprint()
    assert before != own(tmp_path, decode="cp {input} {output}").fingerprint()
    script = tmp_path / "own.py"
    script.write_text(OWN + "# changed\n")
    assert before != own(tmp_path).fingerprint()


def test_an_exchanged_program_tells_its_version_anew(tmp_path):
    program = tmp_path / "codec"
    told = []
    for version in ("1.0", "2.0"):
        program.write_text(f"#!/bin/sh\necho; echo codec {version}; echo by me\n")
        program.chmod(0o755)
        line = f"{program} {{input}} {{output}}"
        codec = Command(encode=f"{line} {{quality}}", decode=line, qualities=[1], version=f"{program} -v")
        told.append((codec.describe(), codec.fingerprint()["version"], codec.fingerprint()["files"]))
    assert [one[:2] for one in told] == [
        ("codec 1.0, Q, 4:4:4 8 bit", "codec 1.0"),
        ("codec 2.0, Q, 4:4:4 8 bit", "codec 2.0"),
    ]
    assert told[0][2] != told[1][2]


def test_whole_numbers_are_told_without_a_point_and_the_environment_is_the_users(small, monkeypatch):
    monkeypatch.setenv("MY_LICENCE", "4711")
    codec = shell('printf "%s %s" "$3" "$MY_LICENCE" > "$2"')
    assert codec.encode(small, 30.0).data == b"30 4711"
    assert codec.encode(small, 0.1).data == b"0.1 4711"
    assert codec.encode(small, -2).data == b"-2 4711"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("encode", "cp {input} {output}", r"encode: needs \{quality\}"),
        ("encode", "cp {input} {quality}", r"encode: needs \{output\}"),
        ("decode", "cp {output}", r"decode: needs \{input\}"),
        ("encode", "cp {input} {outptu} {quality}", r"unknown placeholder \{outptu\}; there are \{input\}"),
        ("decode", "cp {input} {output} {quality}", r"decode: unknown placeholder \{quality\}"),
        ("decode", "cp {input} {output} {width}", r"decode: unknown placeholder \{width\}"),
        ("encode", "cp {input!r} {output} {quality}", r"unknown placeholder \{input\}"),
        ("encode", "cp {input} {output} '{quality}", "no command line"),
        ("encode", "cp {input} {output} {quality", "no command line"),
        ("encode", ["cp"], "no command line"),
        ("decode", " ", "decode: give a command line"),
        ("version", "cp {input}", r"version: unknown placeholder \{input\}"),
        ("input", "bmp", "input=bmp: .*png, ppm"),
        ("output", "yuv422p", "output=yuv422p: choose one of"),
        ("chroma", "4:1:1", "chroma=4:1:1: choose one of"),
        ("quality", [100, 0], r"quality: \[100, 0\] is no range"),
        ("quality", 5, "quality: 5 is no range"),
        ("qualities", [10, 300], "quality 300 .* 0 to 255"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_at_once(setting, value, told, tmp_path):
    with pytest.raises(BenchError, match=f"^own: .*{told}") as error:
        own(tmp_path, **{"quality": [0, 255], "qualities": [1], setting: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("quality", [-1, 256, float("nan"), float("inf")])
def test_a_quality_out_of_range_is_refused(quality, tmp_path, small):
    with refused("own: quality ", "from 0 to 255"):
        own(tmp_path, quality=[0, 255]).encode(small, quality)


def test_a_program_that_is_missing_is_named(small, tmp_path):
    line = "no-such-codec {input} {output}"
    codec = Command(name="mine", encode=f"{line} {{quality}}", decode=line, qualities=[1])
    for use in (codec.check, codec.fingerprint, lambda: codec.encode(small, 1), lambda: codec.decode(b"x")):
        with refused("mine: ", "no-such-codec", "PATH"):
            use()
    (tmp_path / "codec").write_text("")
    with refused("codec ", "not executable", "chmod +x"):
        Command(
            encode=f"{tmp_path}/codec {{input}} {{output}} {{quality}}", decode=line, qualities=[1]
        ).check()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "sh failed with exit status 3$"),
        ("echo start; echo 'Error: no licence' >&2; echo bye; exit 1", r"status 1 \(Error: no licence\)$"),
        ("echo start; echo 'too many pixels'; exit 1", r"status 1 \(too many pixels\)$"),
        ("echo Cannot read $1; exit 1", r"status 1 \(Cannot read input\.png\)$"),
        (f"{PYTHON} -c 'raise ValueError(5)'; exit 1", r"status 1 \(ValueError: 5\)$"),
        ("kill -SEGV $$", "sh was ended by SIGSEGV$"),
        ("true", "sh wrote nothing$"),
        ("echo 'Error: disk is full'", r"sh wrote nothing \(Error: disk is full\)$"),
        (': > "$2"', "sh wrote an empty file$"),
        ('mkdir "$2"', "sh wrote nothing$"),
        (r"printf '\377\376 f\374nf \033[31mfailed\033[0m \001\n'; exit 1", r"status 1 \(.. f.nf failed\)$"),
        (
            "head -c 9000000 /dev/zero | tr '\\0' x; echo; echo 'error: at last'; exit 2",
            r"\(error: at last\)$",
        ),
        ("head -c 9000 /dev/zero | tr '\\0' x; exit 2", r"\(x{199}…\)$"),
    ],
)
def test_an_encoder_that_fails_is_one_line_in_its_own_words(script, told, small):
    with pytest.raises(BenchError, match=f"^mine: encoding 20x12 at quality 1: .*{told}") as error:
        shell(script).encode(small, 1)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("decode", "told"),
    [
        ("sh -c 'exit 9' {input} {output}", "sh failed with exit status 9"),
        ("sh -c true {input} {output}", "sh wrote nothing"),
        ("cp {input} {output}", ".*cannot be read .not a picture"),
    ],
)
def test_a_decoder_that_fails_is_one_line(decode, told, small):
    with pytest.raises(BenchError, match=f"mine: decoding 4 bytes: {told}") as error:
        shell("true", decode).decode(b"junk")
    assert str(error.value).isprintable()


def test_a_picture_of_another_size_is_refused(tmp_path, small):
    smaller = shlex.quote(str(tmp_path / "smaller.png"))
    Image.fromarray(small[:4, :6]).save(tmp_path / "smaller.png")
    other = shell('cp "$1" "$2"', f"sh -c 'cp {smaller} $1' sh {{output}} {{input}}", input="yuv420p")
    with refused("6x4 pixels", "20x12"):
        other.decode(other.encode(small, 1).data)
    raw = shell(
        'cp "$1" "$2"', "sh -c 'head -c 99 $0 > $1' {input} {output}", input="yuv420p", output="yuv420p"
    )
    with refused("99 bytes", "20x12 in yuv420p has 360"):
        raw.decode(raw.encode(small, 1).data)


@pytest.mark.parametrize("kind", ["yuv420p", "yuv444p", "yuv420p10", "yuv444p10"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 10), (12, 19)])
def test_raw_planes_of_any_size_come_back_within_rounding(kind, height, width, photograph):
    codec = shell('cp "$1" "$2"', input=kind, output=kind)
    crop = photograph[:height, :width]
    data = codec.encode(crop, 1).data
    assert data[:4] == width.to_bytes(2, "big") + height.to_bytes(2, "big")
    decoded = codec.decode(data)
    assert decoded.shape == crop.shape
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert psnr(crop @ luma, decoded @ luma) > 44
    if kind == "yuv444p10":
        np.testing.assert_array_equal(decoded, crop)
    for damaged in (b"", data[:4], b"\0\0\0\0more", data[:-1]):
        with pytest.raises(BenchError, match="mine"):
            codec.decode(damaged)


def gone(pid):
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


@pytest.mark.parametrize("start", ["sleep 60", "setsid sleep 60", "(sleep 60 &); sleep 60"])
def test_a_program_that_hangs_is_ended_with_all_that_it_started(start, small, tmp_path):
    pids = tmp_path / "pids"
    script = f"trap '' TERM INT; sh -c 'echo $$ >> {pids}; {start}' & echo $$ >> {pids}; wait; echo > $2"
    begin = time.monotonic()
    with refused("sh ", "0.5 s"):
        shell(script, timeout=0.5).encode(small, 1)
    assert time.monotonic() - begin < 5
    for pid in pids.read_text().split():
        assert gone(pid)
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            assert str(pids).encode() not in process.read_bytes()


def test_a_program_that_leaves_another_behind_does_not_wait_for_it(small, tmp_path):
    pid = tmp_path / "pid"
    begin = time.monotonic()
    assert shell(f'sleep 60 & echo $! > {pid}; echo done > "$2"').encode(small, 1).data == b"done\n"
    assert time.monotonic() - begin < 5
    assert gone(pid.read_text().strip())


def test_a_program_ends_with_the_worker_that_runs_it(tmp_path):
    pid = tmp_path / "pid"
    work = (
        "import numpy as np; from jpegai_bench.codecs.command import Command;"
        f"line = \"sh -c 'echo $$ > {pid}; sleep 60' {{input}} {{output}}\";"
        "Command(encode=line + ' {quality}', decode=line, qualities=[1])"
        ".encode(np.zeros((4, 4, 3), dtype=np.uint8), 1)"
    )
    alone = {**os.environ, "TMPDIR": str(tmp_path)}
    worker = subprocess.Popen([sys.executable, "-c", work], process_group=0, env=alone)
    wait_until(lambda: pid.exists() and pid.read_text().strip())
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_until(lambda: gone(pid.read_text().strip()))


def test_a_full_disk_is_one_line(photograph, small):
    # A limit on the size of files is what can be filled up without being root.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with refused("temporary file", "File too large", "TMPDIR"):
            shell('cp "$1" "$2"', input="ppm").encode(photograph, 1)
        with refused("sh ", "SIGXFSZ"):
            shell('exec head -c 100000 /dev/zero > "$2"').encode(small, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_version_that_cannot_be_told_is_refused(tmp_path):
    for line in ("sh -c 'exit 4'", "sh -c true", "no-such-codec --version"):
        with pytest.raises(BenchError, match=r"own: (asking for the version|there is no)"):
            own(tmp_path, version=line).fingerprint()
