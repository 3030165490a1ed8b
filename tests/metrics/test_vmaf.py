import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from photographs import jpeg, photograph, scores

from jpegai_bench.metrics import vmaf
from jpegai_bench.metrics.limits import NotApplicableError
from jpegai_bench.metrics.planes import Planes, prepare

# libvmaf v2.2.1 and v3.2.0 on raw yuv444p10le agree on these to six decimals.
PUBLISHED = {10: 70.390593, 30: 88.001974, 75: 94.430631, 95: 96.526592}


def crop(height: int, width: int) -> Planes:
    return prepare(np.ascontiguousarray(photograph("astronaut")[100 : 100 + height, 200 : 200 + width]))


@pytest.mark.parametrize("quality", PUBLISHED)
def test_astronaut(quality: int) -> None:
    assert scores("astronaut", quality).values["vmaf"] == pytest.approx(PUBLISHED[quality], abs=1e-3)


def test_identical_stills_give_less_than_100() -> None:
    assert scores("astronaut", None).values["vmaf"] == pytest.approx(97.43, abs=5e-3)


def test_swapped_images_give_another_number() -> None:
    reference, distorted = prepare(photograph("astronaut")), prepare(jpeg("astronaut", 30))
    assert vmaf.score(distorted, reference)["vmaf"] == pytest.approx(91.190, abs=1e-2)


def test_threads_do_not_change_the_score() -> None:
    reference, distorted = prepare(photograph("chelsea")), prepare(jpeg("chelsea", 30))
    assert vmaf.score(reference, distorted, threads=1) == vmaf.score(reference, distorted, threads=3)


@pytest.mark.parametrize("size", [(vmaf.SIDE, vmaf.SIDE), (vmaf.SIDE, 200), (201, vmaf.SIDE)])
def test_smallest_safe_size_is_measured(size: tuple[int, int]) -> None:
    image = crop(*size)
    assert vmaf.score(image, image)["vmaf"] == pytest.approx(97.43, abs=5e-3)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (vmaf.SIDE - 1, 200), (200, vmaf.SIDE - 1)])
def test_smaller_images_are_refused(size: tuple[int, int]) -> None:
    image = crop(*size)
    with pytest.raises(NotApplicableError, match="too small"):
        vmaf.score(image, image)


def test_the_binary_still_crashes_on_8x8() -> None:
    """The reason for `SIDE`: where this fails, measure the safe size anew."""
    image = crop(8, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vmaf, "SIDE", 1)
        with pytest.raises(NotApplicableError, match="ended with code -"):
            vmaf.score(image, image)


def program(folder: Path, source: str) -> str:
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\n{source}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import time; time.sleep(60)", "killed after 1 s"),
        ("import os; os.abort()", "ended with code -6"),
        ("import sys; sys.exit('No such filter: libvmaf')", "No such filter: libvmaf"),
        ("pass", "no readable VMAF log"),
        ("open('vmaf.json', 'w').write('{\"frames\": []}')", "no readable VMAF log"),
        ("open('vmaf.json', 'w').write('{\"frames\": [{\"metrics\": {\"vmaf\": NaN}}]}')", "VMAF is nan"),
    ],
)
def test_a_failing_binary_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    stand_in = program(tmp_path, source)
    monkeypatch.setattr(vmaf.imageio_ffmpeg, "get_ffmpeg_exe", lambda: stand_in)
    image = crop(64, 64)
    with pytest.raises(NotApplicableError, match=reason):
        vmaf.score(image, image, time_limit=1.0 if "sleep" in source else 30.0)


def test_no_binary_at_all_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmaf.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "missing"))
    with pytest.raises(NotApplicableError, match="cannot be run"):
        vmaf.score(crop(64, 64), crop(64, 64))


def test_binary_has_libvmaf() -> None:
    listed = subprocess.run([vmaf.binary(), "-v", "error", "-filters"], capture_output=True, text=True)
    assert " libvmaf " in listed.stdout
