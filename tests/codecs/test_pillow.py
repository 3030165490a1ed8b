import io

import numpy as np
import pytest
from PIL import Image

from jpegai_bench.codecs import bt601, ijg
from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load


@pytest.fixture(scope="module")
def photograph():
    return load("sample").images[0].read()[100:260, 150:326]


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def test_the_bytes_are_a_jpeg_file_that_any_decoder_reads(photograph):
    data = Pillow("jpeg").encode(photograph, 50).data
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        assert [layer[1:3] for layer in picture.layer] == [(2, 2), (1, 1), (1, 1)]  # 4:2:0
        np.testing.assert_array_equal(np.asarray(picture), Pillow("jpeg").decode(data))


def test_rate_and_psnr_rise_with_quality(photograph):
    codec = Pillow("jpeg")
    coded = [codec.encode(photograph, quality).data for quality in codec.qualities]
    sizes = [len(data) for data in coded]
    values = [psnr(photograph, codec.decode(data)) for data in coded]
    assert sizes == sorted(set(sizes))
    assert values == sorted(set(values))
    assert values[-1] > 30


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 17), (33, 8), (15, 31)])
def test_any_size_comes_back(height, width, photograph):
    crop = photograph[:height, :width]
    decoded = Pillow("jpeg").decode(Pillow("jpeg").encode(crop, 95).data)
    assert decoded.shape == crop.shape
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("quality", [0, 96, 50.5, float("nan")])
def test_a_quality_that_libjpeg_lacks_is_refused(quality, photograph):
    with pytest.raises(BenchError, match="quality"):
        Pillow("jpeg").encode(photograph, quality)


def test_damaged_bytes_are_refused(photograph):
    data = Pillow("jpeg").encode(photograph, 50).data
    png = io.BytesIO()
    Image.fromarray(photograph).save(png, format="PNG")
    for damaged in (b"", b"text", data[: len(data) // 2], png.getvalue()):
        with pytest.raises(BenchError, match="jpeg"):
            Pillow("jpeg").decode(damaged)


def test_a_picture_too_large_for_jpeg_is_refused():
    with pytest.raises(BenchError, match="70000x1"):
        Pillow("jpeg").encode(np.zeros((1, 70000, 3), dtype=np.uint8), 50)


def test_ijgs_decoder_differs_in_halved_chroma_alone(photograph):
    """Of gray there is none to enlarge, and of flat colour none to interpolate."""
    ours, ijg = Pillow("jpeg"), Pillow("jpeg", upsampling="ijg")
    gray = np.repeat(photograph[..., 1:2], 3, axis=-1)
    for picture, differ in ((photograph, True), (gray, False), (np.full_like(gray, (90, 60, 30)), False)):
        data = ijg.encode(picture, 60).data
        assert data == ours.encode(picture, 60).data
        distance = np.abs(ours.decode(data).astype(int) - ijg.decode(data)).max()
        assert (distance > 4) == differ, distance
    assert ours.fingerprint() != ijg.fingerprint()


def test_ijgs_enlarging_keeps_the_cosine_that_a_block_holds():
    """A DCT of 8x8 holds cos(pi (2x + 1) k / 16): enlarged it is the same wave at half the distances."""
    wave = [128 + 100 * np.cos(np.pi * 3 * (2 * np.arange(n) + 1) / (2 * n)) for n in (8, 16)]
    small = np.rint(np.tile(wave[0], (8, 1))).astype(np.uint8)
    assert np.abs(ijg.enlarged(small) - np.tile(wave[1], (16, 1))).max() <= 1


def test_ijgs_decoder_takes_the_whole_of_a_block_at_the_edge(photograph):
    """So that pixels do not depend on where the picture ends within a block."""
    codec = Pillow("jpeg", upsampling="ijg")
    padded = photograph[:48, :48].copy()
    padded[:, 33:], padded[33:] = padded[:, 32:33], padded[32:33]
    whole = codec.decode(codec.encode(padded, 80).data)
    part = codec.decode(codec.encode(padded[:33, :33], 80).data)
    np.testing.assert_array_equal(part, whole[:33, :33])


@pytest.mark.parametrize(
    ("format", "settings", "told"),
    [
        ("webp", {"upsampling": "ijg"}, "for sequential JPEG of 4:2:0"),
        ("jpeg", {"upsampling": "ijg", "chroma": "4:4:4"}, "for sequential JPEG of 4:2:0"),
        ("jpeg", {"upsampling": "ijg", "options": {"progressive": True}}, "for sequential JPEG of 4:2:0"),
        ("jpeg", {"upsampling": "fancy"}, "choose one of"),
        ("jpeg", {"conversion": "bt601"}, "for JPEG 2000"),
        ("jpeg2000", {"conversion": "bt601"}, "with options.mct=0"),
    ],
)
def test_settings_of_one_format_are_refused_for_others(format, settings, told):
    with pytest.raises(BenchError, match=told):
        Pillow(format, **settings)


def test_what_is_no_sequential_jpeg_of_420_is_refused(photograph):
    codec = Pillow("jpeg", upsampling="ijg")
    progressive = Pillow("jpeg", options={"progressive": True}).encode(photograph, 50).data
    for data, told in (
        (progressive, "not sequential"),
        (Pillow("jpeg", chroma="4:4:4").encode(photograph, 50).data, "not of 4:2:0"),
    ):
        with pytest.raises(BenchError, match=f"jpeg.*{told}"):
            codec.decode(data)


@pytest.mark.parametrize("limited", [False, True])
def test_ycbcr_of_bt601(limited):
    """White, black and blue as BT.601 and JFIF have them; back again each colour to two levels."""
    colours = np.array([[[255, 255, 255], [0, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    truth = (
        [[235, 128, 128], [16, 128, 128], [41, 240, 110]]
        if limited
        else [[255, 128, 128], [0, 128, 128], [29, 255, 107]]
    )
    assert bt601.to_ycbcr(colours, limited)[0].tolist() == truth
    every = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    back = bt601.to_rgb(bt601.to_ycbcr(every, limited), limited)
    assert np.abs(back.astype(int) - every).max() <= 2


def test_the_fingerprint_names_the_libraries():
    fingerprint = Pillow("jpeg").fingerprint()
    assert fingerprint["library"][0].isdigit()
    assert fingerprint["pillow"][0].isdigit()
