import numpy as np
import pytest

from jpegai_bench.images.color import (
    double,
    from_420,
    halve,
    quantize,
    rgb_to_yuv,
    to_420,
    to_uint8,
    yuv_to_rgb,
)


def yuv_of(red: float, green: float, blue: float) -> np.ndarray:
    return rgb_to_yuv(np.array([[[red, green, blue]]], dtype=float))[:, 0, 0]


# ITU-R BT.709-6: Y = 0.2126 R + 0.7152 G + 0.0722 B, Cb = (B - Y) / 1.8556, Cr = (R - Y) / 1.5748.
@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((1, 0, 0), (0.2126, -0.2126 / 1.8556, 0.5)),
        ((0, 1, 0), (0.7152, -0.7152 / 1.8556, -0.7152 / 1.5748)),
        ((0, 0, 1), (0.0722, 0.5, -0.0722 / 1.5748)),
        ((1, 1, 1), (1, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_primaries_have_their_bt709_values(rgb, yuv):
    np.testing.assert_allclose(yuv_of(*rgb) - (0, 0.5, 0.5), yuv, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rgb_comes_back_from_yuv_exactly(dtype):
    levels = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    rgb = levels.astype(dtype) / dtype(255)
    yuv = rgb_to_yuv(rgb)
    assert yuv.dtype == dtype
    assert yuv.min() >= -1e-6
    assert yuv.max() <= 1 + 1e-6
    np.testing.assert_array_equal(to_uint8(yuv_to_rgb(yuv)), levels)


def test_ten_bit_yuv_444_returns_every_gray_and_rgb_within_one_level():
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(to_uint8(yuv_to_rgb(quantize(rgb_to_yuv(gray / 255.0), 10))), gray)
    levels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    back = to_uint8(yuv_to_rgb(quantize(rgb_to_yuv(levels / 255.0), 10)))
    assert np.abs(back.astype(int) - levels).max() <= 1


def test_values_are_rounded_not_truncated_and_clamped():
    np.testing.assert_array_equal(
        to_uint8(np.array([0.4, 0.6, 254.6, 300.0, -9.0]) / 255), [0, 1, 255, 255, 0]
    )
    np.testing.assert_allclose(
        quantize(np.array([511.4, 511.6, 1100.0, -5.0]) / 1023, 10) * 1023, [511, 512, 1023, 0]
    )


def test_halving_averages_two_by_two_and_repeats_an_odd_edge():
    plane = np.array([[0.0, 4.0, 8.0], [4.0, 8.0, 0.0], [2.0, 6.0, 4.0]])
    np.testing.assert_array_equal(halve(plane), [[4.0, 4.0], [4.0, 4.0]])
    assert halve(np.zeros((2, 1, 1))).shape == (2, 1, 1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 8), (7, 2), (16, 24), (31, 33)])
def test_doubling_returns_the_size_and_every_flat_plane(height, width):
    flat = np.full((2, height, width), 0.3)
    back = double(halve(flat), height, width)
    assert back.shape == flat.shape
    np.testing.assert_allclose(back, 0.3, atol=1e-15)


def test_doubling_is_sited_where_halving_is():
    # A ramp survives both in the interior only where the two agree on where a chroma sample lies.
    rows, columns = np.mgrid[:20, :26].astype(float)
    ramp = 3 * rows + 2 * columns
    np.testing.assert_allclose(double(halve(ramp), 20, 26)[1:-1, 1:-1], ramp[1:-1, 1:-1], atol=1e-12)


def test_halving_and_doubling_commute_with_mirroring():
    plane = np.random.default_rng(2).random((12, 18))
    turned = plane[::-1, ::-1]
    np.testing.assert_allclose(double(halve(turned), 12, 18), double(halve(plane), 12, 18)[::-1, ::-1])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 4), (6, 7), (17, 33)])
def test_420_keeps_flat_colour_exactly_at_any_size(height, width):
    image = np.full((height, width, 3), (200, 31, 90), dtype=np.uint8)
    luma, chroma = to_420(image)
    assert luma.shape == (height, width)
    assert chroma.shape == (2, (height + 1) // 2, (width + 1) // 2)
    np.testing.assert_array_equal(from_420(luma, chroma), image)


def test_420_keeps_every_gray_picture_exactly():
    gray = np.random.default_rng(3).integers(0, 256, (33, 47, 1), dtype=np.uint8).repeat(3, axis=2)
    np.testing.assert_array_equal(from_420(*to_420(gray)), gray)
