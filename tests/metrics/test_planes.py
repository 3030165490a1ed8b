from fractions import Fraction

import numpy as np
import pytest
from photographs import photograph

from jpegai_bench.metrics.planes import prepare, zero_pad


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        # BT.709 full range, 10 bits: 1023 * (0.2126, 0.7152, 0.0722) for the primaries' luma.
        ((0, 0, 0), (0, 512, 512)),
        ((255, 255, 255), (1023, 512, 512)),
        ((255, 0, 0), (217, 394, 1023)),
        ((0, 255, 0), (732, 117, 47)),
        ((0, 0, 255), (74, 1023, 465)),
    ],
)
def test_primaries(rgb: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    planes = prepare(np.array([[rgb]], np.uint8))
    assert planes.yuv10[:, 0, 0].tolist() == list(yuv)


def test_gray_keeps_its_ten_bit_value_and_has_no_chroma() -> None:
    levels = np.arange(256, dtype=np.uint8)
    planes = prepare(np.repeat(levels[None, :, None], 3, axis=2))
    expected = np.rint(levels * (1023 / 255))
    assert all((planes.channel(k) * 1023 == expected).all() for k in range(3))
    assert (planes.yuv10[0, 0] == expected).all()
    assert (planes.yuv10[1:] == 512).all()


def test_conversion_is_that_of_exact_fractions_halves_to_even() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    colours[0, :, 0] = colours[0, :, 1] = colours[0, :, 2]  # gray: chroma half-way between two levels
    found = prepare(colours).yuv10.reshape(3, -1).T
    kr, kb = Fraction("0.2126"), Fraction("0.0722")
    for colour, yuv in zip(colours.reshape(-1, 3).tolist(), found.tolist(), strict=True):
        red, green, blue = (Fraction(round(Fraction(1023 * level, 255))) for level in colour)
        luma = kr * red + (1 - kr - kb) * green + kb * blue
        chroma = ((blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr)))
        assert yuv == [round(luma), *(round(part + Fraction(1023, 2)) for part in chroma)]


def test_planes_stay_in_range() -> None:
    planes = prepare(photograph("coffee"))
    assert planes.yuv10.shape == (3, 400, 600)
    assert planes.yuv10.max() <= 1023
    assert 0 <= planes.luma.min() <= planes.luma.max() <= 1
    assert (planes.height, planes.width) == (400, 600)


def test_padding_is_right_and_bottom_and_zero() -> None:
    padded = zero_pad(np.ones((3, 9)), 5)
    assert padded.shape == (5, 9)
    assert padded[:3].all()
    assert not padded[3:].any()
