"""Scores that other implementations gave, which need not be installed to be compared with."""

import zlib
from typing import NamedTuple

import pytest
from photographs import jpeg, scores


class Golden(NamedTuple):
    name: str
    quality: int
    crc: int
    """Of the decoded JPEG: another libjpeg gives other pixels, to which the numbers do not apply."""
    ms_ssim: float
    fsim: float
    nlpd: float
    iw_ssim: float
    vmaf: float
    vif: float
    psnr_hvs_m: float
    psnr_hvs: float


# Pillow 13.0.0. By the functions of oracles.py, in float64: ms_ssim by pytorch-msssim 1.0.0; fsim, nlpd and
# vif by IQA_pytorch 0.1; iw_ssim from its definition; vmaf by the libvmaf in imageio-ffmpeg 0.8.1; psnr_hvs_m
# and psnr_hvs by psnr_hvsm 0.3.0.
GOLDENS = (
    Golden(
        "astronaut",
        10,
        0x7F813D5E,
        0.9625138491,
        0.948054,
        0.215036545,
        0.9537458,
        70.390479,
        0.43950573,
        29.0544328272,
        26.2039186157,
    ),
    Golden(
        "astronaut",
        30,
        0x4556C6DF,
        0.9899885881,
        0.987601,
        0.123260325,
        0.9868597,
        88.002157,
        0.59908243,
        38.5961016624,
        33.0180556148,
    ),
    Golden(
        "astronaut",
        75,
        0x5EAFE0A7,
        0.9969116919,
        0.997020,
        0.072073084,
        0.9959775,
        94.430801,
        0.72489843,
        48.1834213873,
        40.1063987053,
    ),
    Golden(
        "astronaut",
        95,
        0x657C91D9,
        0.9991187529,
        0.999395,
        0.035930358,
        0.9990606,
        96.526781,
        0.87456739,
        57.5939645763,
        48.0901023335,
    ),
    Golden(
        "chelsea",
        10,
        0x8522D494,
        0.9433996523,
        0.887655,
        0.256804701,
        0.9152893,
        62.089728,
        0.36897518,
        27.7587102765,
        26.1396083513,
    ),
    Golden(
        "chelsea",
        30,
        0x8EAD1A84,
        0.9842120899,
        0.951040,
        0.142364652,
        0.9781519,
        85.146087,
        0.56175653,
        37.2298023246,
        32.8261762461,
    ),
    Golden(
        "chelsea",
        75,
        0x1C37292C,
        0.9955113561,
        0.981768,
        0.080265005,
        0.9940519,
        93.497345,
        0.70786338,
        49.0127086887,
        40.3932570962,
    ),
    Golden(
        "chelsea",
        95,
        0xFA1C4F69,
        0.9992257193,
        0.996853,
        0.034723470,
        0.9990092,
        96.610369,
        0.87933530,
        59.4970366434,
        49.2392894231,
    ),
    Golden(
        "coffee",
        10,
        0x2167D206,
        0.9286147567,
        0.929362,
        0.283203593,
        0.9127621,
        64.287363,
        0.31836934,
        27.9150499928,
        25.5721115604,
    ),
    Golden(
        "coffee",
        30,
        0x19558F6A,
        0.9805162150,
        0.983177,
        0.164701450,
        0.9766419,
        84.580558,
        0.47983567,
        37.1918079397,
        32.0554440123,
    ),
    Golden(
        "coffee",
        75,
        0x24178D7F,
        0.9943113006,
        0.996154,
        0.095866164,
        0.9934326,
        92.871982,
        0.62285086,
        47.7361252439,
        39.1079540852,
    ),
    Golden(
        "coffee",
        95,
        0x767BF687,
        0.9988615853,
        0.999294,
        0.039899565,
        0.9989270,
        95.488711,
        0.84485992,
        57.2629707474,
        47.2405007246,
    ),
    Golden(
        "odd crop",
        10,
        0xF00DE3F9,
        0.9674431261,
        0.884470,
        0.235987935,
        0.9580617,
        70.228700,
        0.40221319,
        28.7828978246,
        25.8111571870,
    ),
    Golden(
        "odd crop",
        30,
        0x90CC2C66,
        0.9891510149,
        0.942100,
        0.137463293,
        0.9870211,
        88.075587,
        0.54560737,
        38.4899417487,
        32.5969561124,
    ),
    Golden(
        "odd crop",
        75,
        0xB7879364,
        0.9960991598,
        0.977772,
        0.082082665,
        0.9958149,
        94.808242,
        0.67159492,
        46.8221522813,
        39.5637641725,
    ),
    Golden(
        "odd crop",
        95,
        0x619C8D57,
        0.9988902993,
        0.995822,
        0.038794375,
        0.9991620,
        96.840592,
        0.85715693,
        56.4695211204,
        48.2618318855,
    ),
)

TOLERANCES = {
    "ms_ssim": 1e-9,
    "fsim": 1.5e-5,
    "nlpd": 1e-8,
    "iw_ssim": 1e-6,
    "vmaf": 1e-3,
    "vif": 1e-7,
    "psnr_hvs_m": 1e-9,
    "psnr_hvs": 1e-9,
}
"""Those of the oracles, and VMAF's, whose builds round differently."""


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden.name}-{golden.quality}")
def test_other_implementations_gave_these_numbers(golden: Golden) -> None:
    if zlib.crc32(jpeg(golden.name, golden.quality).tobytes()) != golden.crc:
        pytest.skip("this libjpeg decodes to other pixels than the goldens' did")
    found = scores(golden.name, golden.quality).values
    for column, tolerance in TOLERANCES.items():
        assert found[column] == pytest.approx(getattr(golden, column), abs=tolerance), column
