"""What holds for every conventional codec that is installed, each as its node configures it."""

import re

import numpy as np
import pytest
from omegaconf import OmegaConf

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load

RISING = ("jpeg", "jpeg_ijg", "jpeg2000", "jpeg2000_53", "webp", "avif")
NAMES = (*RISING, "jpegxl", "hevc", "hevc_444", "av1", "av1_444", "vvc")
LUMA = np.array([0.2126, 0.7152, 0.0722])
QUICK = {
    "vvc": {"preset": "faster"},
    "av1": {"preset": 6},
    "av1_444": {"preset": 6},
    "avif": {"options": {"speed": 8}},
}


def made(name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / "anchor" / f"{name}.yaml"))[name]
    codec = codec_of(name, {**node, **QUICK.get(name, {})})
    codec.check()
    return codec


@pytest.fixture(scope="module", params=NAMES)
def codec(request):
    return made(request.param)


@pytest.fixture(scope="module")
def photograph():
    return load("sample").images[0].read()[100:228, 150:310]


def finest(codec):
    """Far above the grid, for pictures so small that headers take more than the grid's rates."""
    return 12.0 if codec.name.startswith("jpeg2000") else best(codec)


def best(codec):
    return codec.qualities[-1] if codec.name in RISING else codec.qualities[0]


def format_of(codec):
    return codec.name.partition("_")[0]


def psnr(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def test_rate_and_luma_psnr_rise_along_the_grid(codec):
    photograph = load("sample").images[0].read()[60:188, 100:292]
    coded = [codec.encode(photograph, quality).data for quality in codec.qualities]
    if codec.name not in RISING:
        coded.reverse()
    sizes = [len(data) for data in coded]
    values = [psnr(photograph @ LUMA, codec.decode(data) @ LUMA) for data in coded]
    assert sizes == sorted(set(sizes))
    assert values == sorted(set(values))
    assert codec.encode(photograph, best(codec)).data == coded[-1]  # the same bytes again


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 90), (63, 65), (127, 33)])
def test_any_size_comes_back(codec, height, width, photograph):
    crop = photograph[:height, :width]
    decoded = codec.decode(codec.encode(crop, finest(codec)).data)
    assert decoded.shape == crop.shape
    assert decoded.dtype == np.uint8
    assert psnr(crop @ LUMA, decoded @ LUMA) > 28


@pytest.mark.parametrize("level", [0, 77, 255])
def test_flat_gray_comes_back_within_one_level(codec, level):
    """AVIF's encoder converts by tables of eight bits; the others that we convert for are exact."""
    flat = np.full((64, 64, 3), level, dtype=np.uint8)
    decoded = codec.decode(codec.encode(flat, best(codec)).data)
    assert np.abs(decoded.astype(int) - level).max() <= (
        0 if codec.name in ("vvc", "hevc", "hevc_444") else 2
    )


def test_the_chroma_format_is_what_it_says(codec):
    """Columns of red and cyan of equal luma: halved chroma makes them one gray, 4:4:4 keeps them apart."""
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, 0::2] = (200, 60, 60)
    stripes[:, 1::2] = (31, 110, 110)
    highest = {
        "jpeg": 95,
        "jpeg2000": 12,
        "webp": 100,
        "avif": 98,
        "jpegxl": 0.1,
        "hevc": 4,
        "vvc": 20,
        "av1": 2,
    }
    quality = highest[format_of(codec)]
    decoded = codec.decode(codec.encode(stripes, quality).data).astype(float)
    contrast = np.abs(decoded[8:-8, 8:-8:2, 0] - decoded[8:-8, 9:-8:2, 0]).mean() / (200 - 31)
    assert (contrast > 0.8) == (codec.chroma == "4:4:4"), contrast


def test_damaged_bytes_are_refused(codec, photograph):
    data = codec.encode(photograph, best(codec)).data
    for damaged in (b"", b"text", b"this is not a picture at all", data[: len(data) // 3]):
        with pytest.raises(BenchError, match=codec.name) as error:
            codec.decode(damaged)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["jpegxl", "hevc", "hevc_444", "av1", "av1_444", "vvc"])
def test_a_stream_cut_short_is_refused_wherever_it_is_cut(name, photograph):
    """By ffmpeg's decoders themselves, but for HEVC's, which conceals what is missing."""
    codec = made(name)
    data = codec.encode(
        photograph, 32 if "hevc" in name or name == "vvc" else 2 if name == "jpegxl" else 40
    ).data
    assert codec.decode(data).shape == photograph.shape
    for left in (len(data) - 1, len(data) - 2, len(data) - 9, len(data) // 2, len(data) // 5, 60, 9):
        with pytest.raises(BenchError, match=name):
            codec.decode(data[:left])


def test_any_bit_of_an_hevc_stream_counts(photograph):
    codec = made("hevc")
    data = codec.encode(photograph, 32).data
    for place in (0, 5, 30, len(data) // 2, len(data) - 1):
        with pytest.raises(BenchError, match="cut short or damaged"):
            codec.decode(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])


@pytest.mark.parametrize("quality", [-1, 1000, float("nan")])
def test_a_quality_out_of_range_is_refused(codec, quality, photograph):
    with pytest.raises(BenchError, match=f"{codec.name}.*quality"):
        codec.encode(photograph, quality)


def test_the_caption_names_version_and_chroma_format(codec):
    told = codec.describe()
    assert codec.chroma in told
    assert any(letter.isdigit() for letter in told.split(codec.chroma)[0])
    assert codec.fingerprint()["codec"] == format_of(codec)


def test_streams_are_bare():
    """Raw elementary streams and codestreams: no container, no message of the encoder's."""
    flat = np.full((64, 64, 3), 90, dtype=np.uint8)
    hevc, av1, jpegxl, jpeg2000 = (
        made(name).encode(flat, quality).data
        for name, quality in (("hevc", 30), ("av1", 40), ("jpegxl", 2), ("jpeg2000", 0.5))
    )
    # Rec. ITU-T H.265, Annex B and 7.4.2.2: after a CRC-32 for the first start code VPS, SPS, PPS, slice.
    units = hevc[8:9] + b"".join(re.findall(rb"\x00\x00\x01(.)", hevc, re.DOTALL))
    assert [byte >> 1 & 63 for byte in units] == [32, 33, 34, 20]
    assert b"x265" not in hevc
    assert av1[4:6] == b"\x12\0"  # a temporal delimiter, AV1 bitstream specification 5.3
    assert jpegxl[:2] == b"\xff\x0a"  # ISO/IEC 18181-1
    assert jpeg2000[:4] == b"\xff\x4f\xff\x51"  # SOC and SIZ, ISO/IEC 15444-1
