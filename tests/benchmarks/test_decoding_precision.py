"""What pictures lose that are decoded in bfloat16, on the sample photographs; the bits are the same.

pytest -m benchmark -s tests/benchmarks/test_decoding_precision.py
"""

import statistics
from dataclasses import replace

import numpy as np
import pytest
from command import settings

from jpegai_bench.analysis.bdrate import bd_rate
from jpegai_bench.config.variants import packaged_variant
from jpegai_bench.images.datasets import load
from jpegai_bench.metrics.measure import Reference
from jpegai_bench.runner.inputs import learned_codec
from jpegai_bench.system.devices import BF16

pytestmark = pytest.mark.benchmark

QUALITIES = (0.0, 1.5, 3.0, 5.0)


def psnr_y(reference, image) -> float:
    return float(Reference(reference, ["psnr_y"]).compare(image).values["psnr_y"])


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_pictures_in_bfloat16(variant) -> None:
    chosen = settings()
    plain = learned_codec(chosen, packaged_variant(chosen, variant), rdo=False)
    half = replace(plain, precision=BF16)
    apart, levels, changes, rates = [], [], {quality: [] for quality in QUALITIES}, []
    for file in load("sample").images:
        image, curves = file.read(), {"bpp": [], "plain": [], "half": []}
        for quality in QUALITIES:
            data = plain.encode(image, quality).data
            first, second = plain.decode(data), half.decode(data)
            apart.append(psnr_y(first, second))
            levels.append(int(np.abs(first.astype(int) - second).max()))
            curves["bpp"].append(8 * len(data) / (image.shape[0] * image.shape[1]))
            curves["plain"].append(psnr_y(image, first))
            curves["half"].append(psnr_y(image, second))
            changes[quality].append(curves["half"][-1] - curves["plain"][-1])
        rates.append(bd_rate(curves["bpp"], curves["plain"], curves["bpp"], curves["half"]).value)
    print(f"\n{variant}: PSNR-Y between the two {min(apart):.1f} to {max(apart):.1f} dB, ", end="")
    print(f"{max(levels)} levels at most; PSNR-Y of the original, mean change by quality: ", end="")
    print(
        ", ".join(f"{quality:g} {statistics.fmean(values):+.4f}" for quality, values in changes.items()),
        end="",
    )
    print(f" dB; BD-rate by PSNR-Y {statistics.fmean(rates):+.3f} % ({min(rates):+.3f} to {max(rates):+.3f})")
    assert min(apart) > 50
    assert max(levels) <= 8
    assert abs(statistics.fmean(rates)) < 1
