"""VMAF by the bundled binary: the published numbers, and what the binary itself can and cannot do."""

import os
import subprocess

import imageio_ffmpeg
import numpy as np
import oracles
import pytest
from photographs import jpeg, photograph, scores

from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.measure import measure

# libvmaf v2.2.1 and v3.2.0 on raw yuv444p10le agree on these to six decimals.
PUBLISHED = {10: 70.390593, 30: 88.001974, 75: 94.430631, 95: 96.526592}
LEAST = 33
"""Pixels a side from which a score is given: below it the binary crashes, or reads outside of its buffers."""


def crop(height: int, width: int) -> Image8:
    return np.ascontiguousarray(photograph("astronaut")[100 : 100 + height, 200 : 200 + width])


@pytest.mark.parametrize("quality", PUBLISHED)
def test_astronaut(quality: int) -> None:
    assert scores("astronaut", quality).values["vmaf"] == pytest.approx(PUBLISHED[quality], abs=1e-3)


def test_identical_stills_give_less_than_100() -> None:
    assert scores("astronaut", None).values["vmaf"] == pytest.approx(97.43, abs=5e-3)


def test_swapped_images_give_another_number() -> None:
    found = measure(jpeg("astronaut", 30), photograph("astronaut"), only=["vmaf"])
    assert found.values["vmaf"] == pytest.approx(91.190, abs=1e-2)


@pytest.mark.parametrize("size", [(LEAST, LEAST), (LEAST, 200), (201, LEAST)])
def test_smallest_safe_size_is_measured(size: tuple[int, int]) -> None:
    found = measure(crop(*size), crop(*size), only=["vmaf"])
    assert found.values["vmaf"] == pytest.approx(97.43, abs=5e-3)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (LEAST - 1, 200), (200, LEAST - 1)])
def test_smaller_images_are_refused(size: tuple[int, int]) -> None:
    found = measure(crop(*size), crop(*size), only=["vmaf"])
    assert "too small" in found.reasons["vmaf"]


def test_the_binary_still_crashes_on_8x8() -> None:
    """The reason for `LEAST`: where this fails, measure the safe size anew."""
    with pytest.raises(subprocess.CalledProcessError) as failure:
        oracles.vmaf_by_the_binary(crop(8, 8), crop(8, 8))
    assert failure.value.returncode < 0


def test_nothing_of_it_is_left_behind(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No temporary file, and no open one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    image = crop(64, 64)
    measure(image, image, only=["vmaf"])
    before = sorted(os.listdir("/proc/self/fd"))
    measure(image, image, only=["vmaf"])
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert not list(tmp_path.iterdir())


def test_binary_has_libvmaf() -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-filters"]
    assert " libvmaf " in subprocess.run(command, capture_output=True, text=True).stdout
