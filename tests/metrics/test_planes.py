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
    assert (planes.rgb10 == expected).all()
    assert (planes.yuv10[0, 0] == expected).all()
    assert (planes.yuv10[1:] == 512).all()


def test_planes_stay_in_range() -> None:
    planes = prepare(photograph("coffee"))
    assert planes.yuv10.shape == planes.rgb10.shape == (3, 400, 600)
    assert planes.yuv10.max() <= 1023
    assert 0 <= planes.luma.min() <= planes.luma.max() <= 1
    assert (planes.height, planes.width) == (400, 600)


def test_padding_is_right_and_bottom_and_zero() -> None:
    padded = zero_pad(np.ones((3, 9)), 5)
    assert padded.shape == (5, 9)
    assert padded[:3].all()
    assert not padded[3:].any()
