"""Parts, the rest and the whole of pictures whose times are known."""

import pytest

from jpegai_bench.codecs.protocol import Work
from jpegai_bench.latency.by_part import Coded, summary
from jpegai_bench.latency.clocks import Times
from jpegai_bench.latency.peak import Peak

WORK = {"convolution": Work(50.0), "entropy": Work(5.0, "float64"), "elsewhere": Work(9.0)}
PEAKS = {"float32": Peak(100.0, "", 90.0), "float64": Peak(50.0, "", 50.0)}


def coded(pixels, computed, *repeats):
    parts = tuple({"entropy": entropy, "convolution": convolution} for entropy, convolution, _ in repeats)
    return Coded(pixels, computed, Times(tuple(whole for *_, whole in repeats), 0.0, 0.0, parts))


@pytest.fixture
def rows():
    first = coded(1_000_000, 1_000_000, (0.2, 2.0, 2.5), (0.1, 2.0, 2.2), (0.3, 2.1, 2.6))
    second = coded(500_000, 1_000_000, (0.4, 4.0, 4.5), (0.4, 3.0, 3.5), (0.4, 5.0, 5.6))
    return {row["part"]: row for row in summary([first, second], WORK, PEAKS)}


def test_parts_come_in_the_order_of_the_work_then_the_rest_and_the_whole(rows):
    assert list(rows) == ["entropy", "convolution", "rest", "whole"]


def test_seconds_are_means_of_medians_and_the_rest_is_what_no_part_took(rows):
    assert rows["entropy"]["s"] == pytest.approx((0.2 + 0.4) / 2)
    assert rows["convolution"]["s"] == pytest.approx((2.0 + 4.0) / 2)
    assert rows["whole"]["s"] == pytest.approx((2.5 + 4.5) / 2)
    # rests of the repeats: 0.3 0.1 0.2 and 0.1 0.1 0.2
    assert rows["rest"]["s"] == pytest.approx((0.2 + 0.1) / 2)
    assert rows["convolution"]["lowest_s"] == pytest.approx((2.0 + 3.0) / 2)
    assert rows["convolution"]["highest_s"] == pytest.approx((2.1 + 5.0) / 2)
    assert rows["whole"]["share"] == 1.0
    assert rows["entropy"]["share"] == pytest.approx(0.3 / 3.5)


def test_speed_is_in_the_pictures_own_pixels(rows):
    assert rows["convolution"]["mp_s"] == pytest.approx(1.5 / 6.0)
    assert rows["whole"]["mp_s"] == pytest.approx(1.5 / 7.0)


def test_the_share_of_the_peak_counts_the_pixels_that_were_computed(rows):
    # 50 kMACs/pixel on 2 million pixels: 200 GFLOP in 6 s; 5 kMACs: 20 GFLOP in 0.6 s
    assert rows["convolution"]["gflop_s"] == pytest.approx(200 / 6)
    assert rows["convolution"]["peak_share"] == pytest.approx(200 / 6 / 100)
    assert rows["entropy"]["peak_share"] == pytest.approx(20 / 0.6 / 50)
    # at the peak the whole would take 200 / 100 + 20 / 50 s
    assert rows["whole"]["peak_share"] == pytest.approx(2.4 / 7.0)
    assert rows["whole"]["kmacs_px"] == 55.0
    assert rows["rest"]["peak_share"] is None
    assert rows["rest"]["kmacs_px"] is None


def test_without_counts_there_are_times_alone():
    (row, *_) = summary([coded(1000, 1000, (1.0, 2.0, 3.5))], {}, {})
    assert row["s"] == 1.0
    assert row["kmacs_px"] is row["gflop_s"] is row["peak_share"] is None
