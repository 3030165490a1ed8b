"""Agreement with independent implementations: with numbers they gave, and with themselves if installed."""

import zlib
from typing import NamedTuple

import numpy as np
import pytest
import torch
from photographs import QUALITIES, jpeg, photograph

from jpegai_bench.metrics import fsim, nlpd, psnr_hvs, vif
from jpegai_bench.metrics.planes import Planes, prepare

NAMES = ("astronaut", "chelsea", "coffee", "odd crop")


class Golden(NamedTuple):
    name: str
    quality: int
    crc: int
    """Of the decoded JPEG: another libjpeg gives other pixels, to which the numbers do not apply."""
    nlpd: float
    psnr_hvs_m: float
    psnr_hvs: float
    vif: float
    fsim: float


# Pillow 13.0.0. On the Y plane in [0, 1]: nlpd by IQA_pytorch 0.1, NLPD(channels=1).double();
# psnr_hvs_m, psnr_hvs by psnr_hvsm 0.3.0, psnr_hvs_hvsm, numpy backend, edge-replicated to a multiple of 8;
# vif by IQA_pytorch 0.1, VIFs(channels=1)(distorted, reference). On RGB in [0, 1]: fsim by IQA_pytorch 0.1,
# FSIM(channels=3), with torch.rfft and torch.ifft, which torch has dropped, put back by torch.fft's.
GOLDENS = (
    Golden("astronaut", 10, 0x7F813D5E, 0.215036520, 29.0544348623, 26.2039203334, 0.439481, 0.948054),
    Golden("astronaut", 30, 0x4556C6DF, 0.123260292, 38.5961048777, 33.0180520660, 0.599064, 0.987601),
    Golden("astronaut", 75, 0x5EAFE0A7, 0.072073092, 48.1834392120, 40.1064021775, 0.724880, 0.997020),
    Golden("astronaut", 95, 0x657C91D9, 0.035930217, 57.5940462116, 48.0901211481, 0.874534, 0.999396),
    Golden("chelsea", 10, 0x8522D494, 0.256804701, 27.7587102765, 26.1396083513, 0.368977, 0.887655),
    Golden("chelsea", 30, 0x8EAD1A84, 0.142364652, 37.2298023246, 32.8261762461, 0.561770, 0.951040),
    Golden("chelsea", 75, 0x1C37292C, 0.080265005, 49.0127086887, 40.3932570962, 0.707884, 0.981768),
    Golden("chelsea", 95, 0xFA1C4F69, 0.034723470, 59.4970366434, 49.2392894231, 0.879365, 0.996852),
    Golden("coffee", 10, 0x2167D206, 0.283203593, 27.9150499928, 25.5721115604, 0.318370, 0.929362),
    Golden("coffee", 30, 0x19558F6A, 0.164701450, 37.1918079397, 32.0554440123, 0.479841, 0.983177),
    Golden("coffee", 75, 0x24178D7F, 0.095866164, 47.7361252439, 39.1079540852, 0.622857, 0.996154),
    Golden("coffee", 95, 0x767BF687, 0.039899565, 57.2629707474, 47.2405007246, 0.844869, 0.999294),
    Golden("odd crop", 10, 0xF00DE3F9, 0.235987935, 28.7828978246, 25.8111571870, 0.402178, 0.884470),
    Golden("odd crop", 30, 0x90CC2C66, 0.137463293, 38.4899417487, 32.5969561124, 0.545592, 0.942100),
    Golden("odd crop", 75, 0xB7879364, 0.082082665, 46.8221522813, 39.5637641725, 0.671580, 0.977772),
    Golden("odd crop", 95, 0x619C8D57, 0.038794375, 56.4695211204, 48.2618318855, 0.857083, 0.995822),
)


def pair(name: str, quality: int) -> tuple[Planes, Planes]:
    return prepare(photograph(name)), prepare(jpeg(name, quality))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden.name}-{golden.quality}")
def test_published_implementations_gave_these_numbers(golden: Golden) -> None:
    if zlib.crc32(jpeg(golden.name, golden.quality).tobytes()) != golden.crc:
        pytest.skip("this libjpeg decodes to other pixels than the goldens' did")
    reference, distorted = pair(golden.name, golden.quality)
    assert nlpd.score(reference, distorted)["nlpd"] == pytest.approx(golden.nlpd, abs=1e-8)
    hvs = psnr_hvs.score(reference, distorted)
    assert hvs["psnr_hvs_m"] == pytest.approx(golden.psnr_hvs_m, abs=1e-9)
    assert hvs["psnr_hvs"] == pytest.approx(golden.psnr_hvs, abs=1e-9)
    assert vif.score(reference, distorted)["vif"] == pytest.approx(golden.vif, abs=2e-5)
    assert fsim.score(reference, distorted)["fsim"] == pytest.approx(golden.fsim, abs=1e-5)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("name", NAMES)
def test_nlpd_is_iqa_pytorchs(name: str, quality: int) -> None:
    oracle = pytest.importorskip("IQA_pytorch").NLPD(channels=1)
    reference, distorted = pair(name, quality)
    first, second = (torch.from_numpy(image.luma).float()[None, None] for image in (reference, distorted))
    expected = oracle(first, second, as_loss=False).item()
    assert nlpd.score(reference, distorted)["nlpd"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_psnr_hvs_is_psnr_hvsms(name: str, quality: int) -> None:
    oracle = pytest.importorskip("psnr_hvsm").BACKENDS["numpy"]["psnr_hvs_hvsm"]
    reference, distorted = pair(name, quality)
    edges = ((0, -reference.height % 8), (0, -reference.width % 8))
    hvs, hvs_m = oracle(*(np.pad(image.luma, edges, mode="edge") for image in (reference, distorted)))
    scores = psnr_hvs.score(reference, distorted)
    assert scores["psnr_hvs"] == pytest.approx(float(hvs), abs=1e-9)
    assert scores["psnr_hvs_m"] == pytest.approx(float(hvs_m), abs=1e-9)


def test_hvs_tables_are_the_published_ones() -> None:
    # First row and last coefficient as printed in Ponomarenko's psnrhvsm.m.
    sensitivity = [1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887]
    masking = [0.390625, 0.826446, 1.000000, 0.390625, 0.173611, 0.062500, 0.038447, 0.026874]
    np.testing.assert_allclose(psnr_hvs.SENSITIVITY[0], sensitivity, rtol=0, atol=1e-12)
    np.testing.assert_allclose(psnr_hvs.MASKING[0], masking, rtol=0, atol=1e-12)
    assert psnr_hvs.SENSITIVITY[7, 7] == pytest.approx(0.259950, abs=1e-12)
    assert psnr_hvs.MASKING[7, 7] == pytest.approx(0.010203, abs=1e-12)
