import io

import numpy as np
import pytest
from PIL import Image

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


def test_the_fingerprint_names_the_libraries():
    fingerprint = Pillow("jpeg").fingerprint()
    assert fingerprint["library"][0].isdigit()
    assert fingerprint["pillow"][0].isdigit()
