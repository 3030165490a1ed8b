"""What is true of the metrics as such: their ideal, their order, what they tell apart and what they miss."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from photographs import CROPS, NAMES, QUALITIES, jpeg, photograph, scores
from random_pairs import Pair, blurred, images, noisy, pairs, with_contrast
from skimage import data

from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import catalogue
from jpegai_bench.metrics.measure import measure

METRICS = catalogue.NAMES
ONE_WAY = ("iw_ssim", "vmaf", "vif")
"""The content of the reference alone weighs differences: the two images have different parts."""
BOUNDED = ("ms_ssim", "fsim", "iw_ssim")
OF_LUMA = [name for name in METRICS if name not in ("fsim", "psnr_u", "psnr_v", "psnr_rgb")]

ALWAYS = ("astronaut", *CROPS)
every_photograph = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.slow) for name in NAMES]
)
crops = pytest.mark.parametrize("name", CROPS)
few = settings(max_examples=8, deadline=None, derandomize=True)


def is_ideal(found: dict[str, float], names: Sequence[str] = METRICS) -> None:
    for name in names:
        if name.startswith("psnr"):
            assert found[name] == 100, name
        elif name == "vmaf":  # its model was fitted to video, where the best that was seen is not 100
            assert found[name] == pytest.approx(97.43, abs=1e-2)
        else:  # VIF's constants against a division by zero cost it some 1e-9
            assert found[name] == pytest.approx(float(name != "nlpd"), abs=1e-8), name


@every_photograph
def test_identical_photographs_are_ideal(name: str) -> None:
    is_ideal(scores(name, None).values)


@few
@given(images())
def test_identical_random_images_are_ideal(image: Image8) -> None:
    is_ideal(measure(image, image.copy()).values)


def falls(curve: list[dict[str, float]]) -> None:
    """Every metric gets worse at each step; VMAF until it is 0, where it stays."""
    for metric in catalogue.METRICS:
        sign = 1 if metric.higher_is_better else -1
        values = [sign * found[metric.name] for found in curve]
        steps = list(pairwise(values))
        if metric.name == "vmaf":
            assert all(after == 0 for before, after in steps if before == 0)
            steps = [(before, after) for before, after in steps if before > 0]
        assert all(after < before for before, after in steps), (metric.name, values)


@every_photograph
def test_less_jpeg_quality_is_a_worse_score(name: str) -> None:
    falls([scores(name, quality).values for quality in (None, *reversed(QUALITIES))])


@pytest.mark.parametrize("name", ["odd crop", "small crop"])
@pytest.mark.parametrize(
    ("distort", "strengths"),
    [
        (blurred, (0.5, 1, 2, 4)),
        (noisy, (1, 5, 15, 40)),
        (with_contrast, (0.95, 0.8, 0.5, 0.2)),
    ],
    ids=["blur", "noise", "contrast"],
)
def test_a_stronger_distortion_is_a_worse_score(
    name: str, distort: Callable[[Image8, float], Image8], strengths: tuple[float, ...]
) -> None:
    image = photograph(name)
    distorted = [measure(image, distort(image, strength)).values for strength in strengths]
    falls([scores(name, None).values, *distorted])


@crops
def test_raised_contrast_is_more_than_perfect_vif_and_worse_for_the_others(name: str) -> None:
    pale = with_contrast(photograph(name), 0.5)
    found = measure(pale, with_contrast(pale, 1.5)).values
    assert found["vif"] > 1
    assert all(found[metric] < 1 for metric in BOUNDED)
    assert found["nlpd"] > 0


@crops
def test_reference_and_distorted_have_their_places(name: str) -> None:
    image, distorted = photograph(name), jpeg(name, 10)
    right, swapped = scores(name, 10).values, measure(distorted, image).values
    for metric in METRICS:
        if metric in ONE_WAY:
            assert abs(right[metric] - swapped[metric]) > 1e-5, metric
        else:
            assert right[metric] == pytest.approx(swapped[metric], abs=1e-12), metric


@few
@given(pairs())
def test_random_pairs_have_scores_in_their_range_and_either_order(pair: Pair) -> None:
    found, swapped = measure(*pair), measure(*reversed(pair))
    assert not found.reasons
    assert all(-1e-12 <= found.values[name] <= 1 + 1e-12 for name in BOUNDED)
    assert found.values["nlpd"] >= 0
    assert found.values["vif"] >= 0
    assert 0 <= found.values["vmaf"] <= 100
    assert found.values["psnr_hvs_m"] >= found.values["psnr_hvs"]  # masking hides errors and makes none
    for name in METRICS:
        if name not in ONE_WAY:
            assert found.values[name] == pytest.approx(swapped.values[name], abs=1e-12), name


@few
@given(pairs())
def test_random_pairs_score_as_with_other_implementations(pair: Pair) -> None:
    found = measure(*pair).values
    exact = {
        "ms_ssim": oracles.ms_ssim_by_pytorch_msssim(*pair),
        "fsim": oracles.fsim_by_piq(*pair),
        "iw_ssim": oracles.iw_ssim_by_piq(*pair),
        "vmaf": oracles.vmaf_by_the_binary(*pair),
        "vif": oracles.vif_by_piq(*pair),
        **oracles.hvs_by_psnr_hvsm(*pair),
        **{name: min(value, 100.0) for name, value in oracles.psnr_by_skimage(*pair).items()},
    }
    assert {name: found[name] for name in exact} == pytest.approx(exact, abs=1e-9)
    assert found["nlpd"] == pytest.approx(oracles.nlpd_by_iqa_pytorch(*pair), abs=1e-7)  # float32 filters
    assert found["vif"] == pytest.approx(oracles.vif_by_iqa_pytorch(*pair), abs=1e-7)


def turned(name: str, turn: Callable[[Image8], Image8], metrics: tuple[str, ...], tolerance: float) -> None:
    """Both images, turned alike, have the score of the upright ones."""
    found = measure(*(np.ascontiguousarray(turn(image)) for image in (photograph(name), jpeg(name, 10))))
    for metric in metrics:
        assert found.values[metric] == pytest.approx(scores(name, 10).values[metric], abs=tolerance), metric


PSNR = ("psnr_y", "psnr_u", "psnr_v", "psnr_rgb")


@pytest.mark.parametrize("flip", [np.fliplr, np.flipud])
def test_a_mirror_changes_nothing_where_sides_have_no_rest(flip) -> None:
    """384x256: blocks of 8 and four halvings fit. FSIM's filters for even sides lack one frequency's mirror
    image, which costs it 1.1e-7; the others sample from the first row on, or weigh left and right unlike."""
    turned("even crop", flip, ("ms_ssim", "psnr_hvs", "psnr_hvs_m", *PSNR), 1e-9)
    turned("even crop", flip, ("fsim",), 1e-6)
    turned("odd crop", flip, ("fsim",), 1e-9)


@pytest.mark.parametrize("flip", [np.fliplr, np.flipud])
def test_a_mirror_changes_the_others_little(flip) -> None:
    """Measured on 384x256: NLPD 0.0019, IW-SSIM 0.0005, VIF 4.3e-5, VMAF 0.64."""
    for metric, most in {"nlpd": 0.003, "iw_ssim": 0.001, "vif": 1e-4, "vmaf": 1.0}.items():
        turned("even crop", flip, (metric,), most)


@crops
def test_rows_for_columns_change_nothing_where_filters_are_alike_in_both(name: str) -> None:
    """Not so PSNR-HVS, NLPD and VMAF: the eye's sensitivity was measured for rows and columns apart."""
    turned(name, lambda image: image.swapaxes(0, 1), ("ms_ssim", "iw_ssim", "vif", *PSNR), 1e-9)
    turned(name, lambda image: image.swapaxes(0, 1), ("fsim",), 1e-6)


def gray(levels: Image8) -> Image8:
    return np.repeat(levels[..., None], 3, axis=2)


def test_a_shift_of_the_mean_by_a_third() -> None:
    """85 levels of 255 are 341 of 1023: known to PSNR, weighed by PSNR-HVS, unseen by NLPD and VIF."""
    levels = data.camera() // 2
    found = measure(gray(levels), gray(levels + np.uint8(85))).values
    assert found["psnr_y"] == found["psnr_rgb"] == pytest.approx(20 * math.log10(3), abs=1e-9)
    assert found["psnr_u"] == found["psnr_v"] == 100
    # 1.608443 is the sensitivity to a block's mean in the authors' table; a mean is never masked.
    expected = 20 * math.log10(3 / 1.608443)
    assert found["psnr_hvs"] == found["psnr_hvs_m"] == pytest.approx(expected, abs=1e-9)
    assert found["nlpd"] == pytest.approx(0, abs=1e-9)
    assert found["vif"] == pytest.approx(1, abs=1e-7)
    assert found["ms_ssim"] < 1 > found["iw_ssim"]


def test_one_level_off_has_the_psnr_of_one_level() -> None:
    image = np.full((20, 30, 3), 100, np.uint8)
    found = measure(image, image + np.uint8(1), only=PSNR).values
    assert found["psnr_rgb"] == pytest.approx(20 * math.log10(255), abs=1e-9)
    assert found["psnr_y"] == pytest.approx(20 * math.log10(1023 / 4), abs=1e-9)


def test_only_fsim_and_the_psnr_of_colours_see_a_change_of_colour() -> None:
    image = gray(data.camera()[:200, :300])
    blue = image.copy()
    blue[..., 2] ^= 1  # 0.07 of a level of luma, which 10 bits round away
    assert (oracles.yuv10(image)[0] == oracles.yuv10(blue)[0]).all()
    found = measure(image, blue).values
    is_ideal(found, OF_LUMA)
    assert found["fsim"] < 1
    assert all(found[name] < 100 for name in PSNR[1:])
