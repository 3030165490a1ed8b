import numpy as np
import pytest

from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.codecs.video import Video
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load

FAST = Video("vvc", preset="faster")
LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(scope="module")
def photograph():
    return load("sample").images[0].read()[100:228, 150:310]


@pytest.fixture(scope="module")
def coded(photograph):
    return FAST.encode(photograph, 32).data


def psnr(a, b):
    return 10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9))


def test_rate_and_psnr_fall_with_qp(photograph):
    coded = [FAST.encode(photograph, qp).data for qp in FAST.qualities]
    sizes = [len(data) for data in coded]
    values = [psnr(photograph, FAST.decode(data)) for data in coded]
    assert sizes == sorted(set(sizes), reverse=True)
    assert values == sorted(set(values), reverse=True)


def test_vvc_beats_jpeg_by_more_than_3_db(photograph, coded):
    jpeg = max(
        (Pillow("jpeg").encode(photograph, q).data for q in range(1, 96)),
        key=lambda d: (len(d) <= len(coded), len(d)),
    )
    assert psnr(photograph, FAST.decode(coded)) > psnr(photograph, Pillow("jpeg").decode(jpeg)) + 3


def test_nothing_is_truncated_on_the_way(photograph):
    decoded = FAST.decode(FAST.encode(photograph, 4).data)
    assert psnr(photograph @ LUMA, decoded @ LUMA) > 50


@pytest.mark.parametrize("level", [0, 1, 77, 128, 254, 255])
def test_gray_comes_back_gray(level):
    flat = np.full((64, 64, 3), level, dtype=np.uint8)
    np.testing.assert_array_equal(FAST.decode(FAST.encode(flat, 20).data), flat)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 90), (63, 65), (127, 159)])
def test_any_size_comes_back(height, width, photograph):
    crop = photograph[:height, :width]
    decoded = FAST.decode(FAST.encode(crop, 12).data)
    assert decoded.shape == crop.shape
    assert decoded.dtype == np.uint8
    assert psnr(crop @ LUMA, decoded @ LUMA) > 44


def test_coding_is_repeatable_and_threads_do_not_change_the_bytes(photograph, coded):
    assert FAST.encode(photograph, 32).data == coded
    assert Video("vvc", preset="faster", threads=2).encode(photograph, 32).data == coded


def test_the_stream_is_one_vvc_picture_of_the_size_it_says(photograph, coded):
    height, width = photograph.shape[:2]
    assert coded[:4] == width.to_bytes(2, "big") + height.to_bytes(2, "big")
    assert coded[4:8] in (b"\0\0\0\1", b"\0\0\1\0")  # a NAL unit's start code, Rec. ITU-T H.266 Annex B


@pytest.mark.parametrize("quality", [-1, 64, 32.5, float("nan")])
def test_a_quality_that_is_no_qp_is_refused(quality, photograph):
    with pytest.raises(BenchError, match="quality"):
        FAST.encode(photograph, quality)


def test_an_unknown_preset_is_refused():
    with pytest.raises(BenchError, match="faster, fast, medium, slow, slower"):
        Video("vvc", preset="placebo")


def test_damaged_bytes_are_refused(coded):
    wrong_size = (9000).to_bytes(2, "big") + coded[2:]
    for damaged in (b"", coded[:4], b"this is not a stream", coded[:60], wrong_size):
        with pytest.raises(BenchError, match="vvc") as error:
            FAST.decode(damaged)
        assert "\n" not in str(error.value)


def test_an_encoder_that_hangs_is_ended(photograph):
    with pytest.raises(BenchError, match=r"did not finish within 0\.001 s"):
        Video("vvc", timeout=0.001).encode(photograph, 32)


def test_an_encoder_that_fails_is_reported_in_its_own_words():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(BenchError, match=r"64x64 at QP 0.*higher QP") as error:
        FAST.encode(noise, 0)
    assert "\n" not in str(error.value)


def test_a_missing_ffmpeg_is_named(photograph, monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    with pytest.raises(BenchError, match="cannot be run"):
        FAST.encode(photograph, 32)


def test_the_fingerprint_tells_settings_and_versions():
    fingerprint = Video("vvc").fingerprint()
    assert fingerprint["ffmpeg"].startswith("ffmpeg version")
    assert fingerprint["encoder"][0].isdigit()
    assert fingerprint != Video("vvc", preset="slow").fingerprint()
    assert fingerprint == Video("vvc", threads=2, timeout=9.0).fingerprint()
    assert Video("vvc").describe() == f"vvenc {fingerprint['encoder']} medium, 4:2:0 10 bit, qpa off"
