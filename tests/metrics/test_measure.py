import math

import numpy as np
import pytest
import torch
from photographs import QUALITIES, jpeg, photograph, scores

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import fsim, iw_ssim, vif
from jpegai_bench.metrics.catalogue import METRICS, NAMES
from jpegai_bench.metrics.measure import Scores, measure
from jpegai_bench.metrics.planes import prepare

IDEAL = {"ms_ssim": 1, "fsim": 1, "nlpd": 0, "iw_ssim": 1, "vmaf": 97.43, "vif": 1}
IDEAL |= dict.fromkeys([name for name in NAMES if name.startswith("psnr")], 100)
STRUCTURAL = {"fsim", "nlpd", "iw_ssim", "vmaf", "vif"}


def crop(height: int, width: int) -> Image8:
    return np.ascontiguousarray(photograph("astronaut")[100 : 100 + height, 200 : 200 + width])


def noisy(image: Image8, strength: int) -> Image8:
    noise = np.random.default_rng(0).integers(-strength, strength + 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def consistent(found: Scores) -> bool:
    missing = {name for name, value in found.values.items() if math.isnan(value)}
    return tuple(found.values) == NAMES and missing == set(found.reasons) and all(found.reasons.values())


@pytest.mark.parametrize("name", ["astronaut", "odd crop"])
def test_identical_images_are_ideal(name: str) -> None:
    found = scores(name, None)
    assert consistent(found)
    assert found.values == pytest.approx(IDEAL, abs=5e-3)
    exact = [column for column in NAMES if column.startswith("psnr")]
    assert [found.values[column] for column in exact] == [100.0] * len(exact)


@pytest.mark.parametrize("name", ["astronaut", "odd crop"])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_more_jpeg_quality_is_a_better_score(name: str, metric) -> None:
    curve = [scores(name, quality).values[metric.name] for quality in QUALITIES]
    curve.append(scores(name, None).values[metric.name])
    steps = np.diff(curve) if metric.higher_is_better else -np.diff(curve)
    assert (steps > 0).all()


@pytest.mark.parametrize(("metric", "least"), [(vif, 1e-3), (iw_ssim, 1e-4)])
def test_swapped_images_give_another_number(metric, least: float) -> None:
    first, second = prepare(photograph("odd crop")), prepare(jpeg("odd crop", 10))
    (right,), (wrong,) = metric.score(first, second).values(), metric.score(second, first).values()
    assert abs(right - wrong) > least


def test_contrast_raised_gives_more_than_perfect_vif() -> None:
    image = photograph("odd crop")
    pale = (image // 2 + 64).astype(np.uint8)
    assert vif.score(prepare(pale), prepare(image))["vif"] > 1


def test_psnr_of_one_level_off() -> None:
    image = np.full((20, 30, 3), 100, np.uint8)
    found = measure(image, image + np.uint8(1))
    assert found.values["psnr_rgb"] == pytest.approx(20 * math.log10(255))
    assert found.values["psnr_y"] == pytest.approx(20 * math.log10(1023 / 4))
    assert found.values["psnr_u"] == found.values["psnr_v"] == 100


def test_float32_luma_metrics_hardly_depend_on_threads() -> None:
    image, coded = photograph("odd crop"), jpeg("odd crop", 30)
    one, three = measure(image, coded, threads=1), measure(image, coded, threads=3)
    assert one.values == pytest.approx(three.values, abs=1e-6)


def test_torchs_threads_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    measure(crop(40, 40), crop(40, 40), threads=before + 1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("size", "missing"),
    [
        ((1, 1), {"ms_ssim", *STRUCTURAL}),
        ((1, 40), {"ms_ssim", *STRUCTURAL}),
        ((7, 9), {"ms_ssim", "fsim", "iw_ssim", "vmaf", "vif"}),
        ((11, 11), {"fsim", "vmaf", "vif"}),
        ((32, 200), {"fsim", "vmaf"}),
        ((40, 40), {"fsim"}),
        ((fsim.SIDE, fsim.SIDE), set()),
        ((200, 100), set()),
        ((255, 257), set()),
    ],
)
def test_tiny_images_have_scores_or_reasons(size: tuple[int, int], missing: set[str]) -> None:
    image = crop(*size)
    found = measure(image, noisy(image, 20))
    assert consistent(found)
    assert set(found.reasons) == missing
    assert all("too small" in reason for reason in found.reasons.values())


def test_flat_reference_has_no_structural_score() -> None:
    flat = np.full((180, 170, 3), 120, np.uint8)
    for distorted in (flat, flat + np.uint8(40), noisy(flat, 20)):
        found = measure(flat, distorted)
        assert consistent(found)
        assert set(found.reasons) == STRUCTURAL
        assert all("flat reference" in reason for reason in found.reasons.values())


def test_flat_decoding_of_a_photograph_is_bad_everywhere() -> None:
    image = photograph("odd crop")
    found = measure(image, np.full_like(image, 120))
    assert set(found.reasons) == {"fsim"}
    assert found.values["ms_ssim"] < 0.5
    assert found.values["iw_ssim"] < 0.5
    assert found.values["vif"] < 1e-3
    assert found.values["vmaf"] < 10
    assert found.values["nlpd"] > 0.5


def test_two_flat_halves_are_never_a_silent_number() -> None:
    step = np.full((180, 170, 3), 60, np.uint8)
    step[:, 85:] = 200
    found = measure(step, noisy(step, 20))
    assert consistent(found)
    assert math.isnan(found.values["iw_ssim"]) or found.values["iw_ssim"] < 1


def test_one_metric_failing_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(reference: object, distorted: object) -> dict[str, float]:
        raise MemoryError("no 8 GB left")

    monkeypatch.setattr(vif, "score", fail)
    found = measure(crop(64, 64), noisy(crop(64, 64), 5))
    assert found.reasons == {"vif": "MemoryError: no 8 GB left"}
    assert consistent(found)


@pytest.mark.parametrize(
    ("reference", "distorted", "message"),
    [
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4, 3), np.uint8), "reference 5x4, distorted 4x5"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint8), "8-bit RGB"),
        (np.zeros((4, 5, 3)), np.zeros((4, 5, 3)), "8-bit RGB"),
        (np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5, 3), np.uint8), "8-bit RGB"),
    ],
)
def test_what_cannot_be_compared_is_refused(reference, distorted, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        measure(reference, distorted)
