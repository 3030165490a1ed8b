"""Our codecs on Kodak beside what CompressAI publishes, mean PSNR of RGB over mean rate."""

import io
import os
import runpy
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn, idctn
from scipy.interpolate import PchipInterpolator

from jpegai_bench.codecs.ffmpeg import binary
from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import load

COMPARE = runpy.run_path(str(Path(__file__).parents[1] / "docs/anchors/compare.py"), run_name="compare")
ours, published, distances = COMPARE["ours"], COMPARE["published"], COMPARE["distances"]


@pytest.fixture(scope="module")
def kodak():
    data = os.environ.get("JPEGAI_BENCH_DATA")
    try:
        return load(
            "kodak", Path(data) / "kodak" if data else Path(__file__).parents[1] / "data/kodak"
        ).images
    except BenchError:
        pytest.skip("the Kodak photographs are not here: data/kodak, or JPEGAI_BENCH_DATA")


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def psnr_at(codec, bpp):
    curve = ours(codec)
    return float(PchipInterpolator(np.log(curve.bpp), curve.psnr_rgb)(np.log(bpp)))


@pytest.mark.parametrize("other", ["HM", "BPG 4:4:4"])
def test_x265_is_level_with_hm_and_bpg_in_444(other):
    """All three are HEVC intra; above 1 bpp their 8 bits cost them what our 10 do not."""
    assert distances("hevc_444", other, highest=1.0).above.abs().max() < 0.11


def test_webp_is_within_03_db():
    assert distances("webp", "WebP").above.abs().max() < 0.3


def test_jpeg_has_their_rates_and_015_db_more():
    """libjpeg-turbo enlarges chroma more smoothly than IJG's library, which their Pillow held."""
    above = distances("jpeg", "JPEG").above
    assert above.min() > 0
    assert above.max() < 0.16


def test_jpeg_decoded_as_ijgs_library_does_is_within_002_db(kodak):
    """IJG's decoder, from version 7 on, enlarges chroma by an inverse DCT of 16x16 for each block of 8x8."""
    for quality in (10, 50):
        pairs = [ijg(image.read(), quality) for image in kodak]
        bpp, value = np.mean(pairs, axis=0)
        theirs = published("JPEG")
        nearest = theirs.iloc[(theirs.bpp - bpp).abs().argmin()]
        assert bpp == pytest.approx(nearest.bpp, rel=1e-3)
        assert value == pytest.approx(nearest.psnr_rgb, abs=0.02)


def ijg(image, quality):
    data = Pillow("jpeg").encode(image, quality).data
    height, width = image.shape[:2]
    gray = Image.open(io.BytesIO(data))
    gray.draft("L", None)
    small = Image.open(io.BytesIO(data))
    small.draft("YCbCr", (width // 2, height // 2))  # at half size chroma is as it was coded
    assert small.size == (width // 2, height // 2)
    chroma = np.asarray(small, dtype=float)[..., 1:]
    cb, cr = (enlarged(chroma[..., channel] - 128) for channel in (0, 1))
    luma = np.asarray(gray, dtype=float)
    rgb = np.stack([luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb], axis=-1)
    return 8 * len(data) / (height * width), psnr(image, rgb.round().clip(0, 255))


def enlarged(plane):
    height, width = plane.shape
    blocks = dctn(plane.reshape(height // 8, 8, width // 8, 8), axes=(1, 3), norm="ortho")
    padded = np.zeros((height // 8, 16, width // 8, 16))
    padded[:, :8, :, :8] = 2 * blocks
    return idctn(padded, axes=(1, 3), norm="ortho").reshape(2 * height, 2 * width)


def test_jpeg2000_is_above_theirs_and_level_with_their_settings(kodak, tmp_path):
    """They took the reversible 5/3 wavelet behind an 8-bit conversion to limited-range YCbCr; we the 9/7."""
    assert distances("jpeg2000", "JPEG 2000").above.min() > 0.3
    pairs = []
    for image in kodak:
        pixels, file = image.read(), tmp_path / f"{image.name}.jp2"
        source, decoded = tmp_path / "source.ppm", tmp_path / "decoded.ppm"
        Image.fromarray(pixels).save(source)
        settings = ["-pix_fmt", "yuv444p", "-c:v", "libopenjpeg", "-compression_level", "50"]
        for words in ([source, *settings, file], [file, "-pix_fmt", "rgb24", decoded]):
            subprocess.run([binary(), "-v", "error", "-y", "-i", *map(str, words)], check=True)
        with Image.open(decoded) as picture:
            pairs.append((8 * file.stat().st_size / pixels[..., 0].size, psnr(pixels, np.asarray(picture))))
    bpp, value = np.mean(pairs, axis=0)
    theirs = published("JPEG 2000")
    nearest = theirs.iloc[(theirs.bpp - bpp).abs().argmin()]
    assert bpp == pytest.approx(nearest.bpp, rel=1e-3)
    assert value == pytest.approx(nearest.psnr_rgb, abs=0.02)


def test_codecs_stand_in_the_order_of_their_generations():
    """At half a bit: JPEG, WebP, JPEG XL, HEVC, VVC, and VTM in 4:4:4 above all."""
    order = [psnr_at(codec, 0.5) for codec in ("jpeg", "webp", "hevc", "vvc")]
    assert order == sorted(order)
    vtm = published("VTM")
    assert psnr_at("jpegxl", 0.5) < psnr_at("hevc", 0.5)
    assert psnr_at("vvc", 0.5) < float(np.interp(0.5, vtm.bpp, vtm.psnr_rgb))
