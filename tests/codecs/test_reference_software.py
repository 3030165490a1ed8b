"""VTM and HM by a stand-in that takes their command lines; the real ones are not to be had everywhere."""

import pickle
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import reference_stand_in
from messages import refused
from omegaconf import OmegaConf

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.reference import ReferenceSoftware
from jpegai_bench.codecs.video import Video
from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load

NODES = CONF / "anchor"
PROGRAMS = {"vtm": ("EncoderAppStatic", "DecoderAppStatic"), "hm": ("TAppEncoder", "TAppDecoder")}
CONFIGS = ("encoder_intra_vtm.cfg", "encoder_intra_main10.cfg", "encoder_intra_main_rext.cfg")
LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def photograph():
    return load("sample").images[0].read()[100:228, 150:310]


def executable(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def build(folder):
    """A folder as a build of both leaves it: programs in bin/, configurations in cfg/."""
    source = f"#!{sys.executable}\n{Path(reference_stand_in.__file__).read_text()}"
    for part in ("bin", "cfg"):
        (folder / part).mkdir(parents=True)
    for name in sum(PROGRAMS.values(), ()):
        executable(folder / "bin" / name, source)
    for name in CONFIGS:
        preset = "faster" if "vtm" in name else "medium"
        (folder / "cfg" / name).write_text(
            f"#=== Coding ===\nPreset   : {preset}    # of the stand-in\nQP : 32\n"
        )
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("software"))


def codec(folder, kind, **settings):
    return ReferenceSoftware(kind, encoder=str(folder / "bin" / PROGRAMS[kind][0]), **settings)


def psnr(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


@pytest.mark.parametrize(
    ("kind", "chroma", "same"),
    [
        ("vtm", "4:2:0", Video("vvc", preset="faster")),
        ("hm", "4:2:0", Video("hevc", preset="medium")),
        ("hm", "4:4:4", Video("hevc", preset="medium", chroma="4:4:4")),
    ],
)
def test_the_same_encoder_behind_the_command_line_gives_the_same_bytes_and_picture(
    kind, chroma, same, built, photograph
):
    own, data = codec(built, kind, chroma=chroma), same.encode(photograph, 32).data
    own.check()
    coded = own.encode(photograph, 32).data
    assert coded == data[:4] + b"\0\0\0\1" + data[8:]  # of HEVC ours has a CRC in place of the start code
    np.testing.assert_array_equal(own.decode(coded), same.decode(data))


@pytest.mark.parametrize("kind", ["vtm", "hm"])
def test_odd_sizes_come_back_and_nothing_is_truncated(kind, built, photograph):
    crop = photograph[:65, :127]
    decoded = codec(built, kind).decode(codec(built, kind).encode(crop, 4).data)
    assert decoded.shape == crop.shape
    assert psnr(crop @ LUMA, decoded @ LUMA) > 48


def test_rate_and_psnr_fall_with_qp(built, photograph):
    own = codec(built, "hm")
    coded = [own.encode(photograph, qp).data for qp in own.qualities]
    sizes, values = [len(data) for data in coded], [psnr(photograph, own.decode(data)) for data in coded]
    assert sizes == sorted(set(sizes), reverse=True)
    assert values == sorted(set(values), reverse=True)


def test_the_bytes_are_the_bitstream_after_width_and_height(built, photograph):
    data = codec(built, "vtm").encode(photograph, 40).data
    assert data[:4] == (160).to_bytes(2, "big") + (128).to_bytes(2, "big")
    assert data[4:8] in (b"\0\0\0\1", b"\0\0\1\0")  # a NAL unit's start code, Rec. ITU-T H.266 Annex B


def test_damaged_bytes_are_refused(built, photograph):
    own = codec(built, "vtm")
    data = own.encode(photograph, 40).data
    wrong_size = (9000).to_bytes(2, "big") + data[2:]
    for damaged in (b"", data[:4], b"\0\0\0\0stream", data[:60], wrong_size):
        with pytest.raises(BenchError, match="vtm") as error:
            own.decode(damaged)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("kind", "quality"), [("vtm", 64), ("vtm", 31.5), ("hm", 52), ("hm", -1)])
def test_a_quality_that_is_no_qp_is_refused(kind, quality, built, photograph):
    with pytest.raises(BenchError, match=f"{kind}: quality"):
        codec(built, kind).encode(photograph, quality)


def test_captions_name_version_and_configuration(built):
    assert codec(built, "vtm").describe() == "VTM 11.1 encoder_intra_vtm.cfg, 4:2:0 10 bit"
    told = codec(built, "hm", chroma="4:4:4").describe()
    assert told == "HM 16.20 encoder_intra_main_rext.cfg, 4:4:4 10 bit"


def test_what_decides_the_bytes_is_in_the_fingerprint_and_nothing_else(tmp_path):
    first, second = build(tmp_path / "first"), build(tmp_path / "second")
    before = codec(first, "vtm").fingerprint()
    assert before == codec(second, "vtm", timeout=5.0, name="other").fingerprint()
    assert before != codec(first, "vtm", options=["--Preset=fast"]).fingerprint()
    assert before != codec(first, "vtm", chroma="4:4:4").fingerprint()
    (second / "cfg" / "encoder_intra_vtm.cfg").write_text("Preset : slow\n")
    changed = codec(second, "vtm").fingerprint()
    assert before != changed
    rebuilt = second / "bin" / "DecoderAppStatic"
    rebuilt.write_text(rebuilt.read_text() + "# another build\n")
    assert changed != codec(second, "vtm").fingerprint()


def test_options_come_after_the_configuration_and_overrule_it(built, photograph):
    other = codec(built, "hm", options=["--Preset=ultrafast"]).encode(photograph, 32).data
    assert other != codec(built, "hm").encode(photograph, 32).data


@pytest.mark.parametrize("kind", ["vtm", "hm"])
def test_the_shipped_node_finds_programs_on_path_and_travels(kind, built, photograph, monkeypatch):
    monkeypatch.setenv("PATH", str(built / "bin"), prepend=":")
    node = OmegaConf.to_container(OmegaConf.load(NODES / f"{kind}.yaml"))[kind]
    own = pickle.loads(pickle.dumps(codec_of(kind, node)))
    own.check()
    assert own.decode(own.encode(photograph, 45).data).shape == photograph.shape


def test_what_is_missing_is_named_with_what_to_do(built, photograph, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused("EncoderAppStatic", "PATH", "anchor.vtm.encoder="):
        ReferenceSoftware("vtm").check()
    with pytest.raises(BenchError, match=r"no TAppEncoderStatic or .*anchor\.mine\.encoder="):
        ReferenceSoftware("hm", name="mine").encode(photograph, 32)
    lone = executable(tmp_path / "EncoderApp", (built / "bin" / "EncoderAppStatic").read_text())
    with pytest.raises(BenchError, match=r"no DecoderAppStatic or .*anchor\.vtm\.decoder="):
        ReferenceSoftware("vtm").check()
    (tmp_path / "DecoderApp").write_text("")
    with pytest.raises(BenchError, match="not executable"):
        ReferenceSoftware("vtm").check()
    executable(tmp_path / "DecoderApp", "")
    with pytest.raises(BenchError, match=r"no cfg/encoder_intra_vtm\.cfg above .*anchor\.vtm\.config="):
        ReferenceSoftware("vtm").check()
    with pytest.raises(BenchError, match=r"no configuration .*other\.cfg; .*anchor\.vtm\.config="):
        ReferenceSoftware("vtm", config=str(lone.with_name("other.cfg"))).check()


def test_another_software_is_not_taken_for_it(built):
    with refused("no encoder of VTM", "HM software"):
        ReferenceSoftware(
            "vtm",
            encoder=str(built / "bin" / "TAppEncoder"),
            decoder=str(built / "bin" / "TAppDecoder"),
            config=str(built / "cfg" / "encoder_intra_vtm.cfg"),
        ).check()


def test_an_encoder_that_fails_is_quoted(built, photograph):
    with refused("EncoderAppStatic failed", "exit status 1", "Unknown option: `Nonsense'"):
        codec(built, "vtm", options=["--Nonsense=1"]).encode(photograph, 32)


def test_an_encoder_that_hangs_is_ended(built, photograph):
    with refused("vtm: encoding 160x128 at QP 32: ", "0.01 s"):
        codec(built, "vtm", timeout=0.01).encode(photograph, 32)
