"""An NA of the picture is a result; a metric that failed is told, and measured again."""

import ast
from pathlib import Path

import imageio_ffmpeg
import pandas as pd
import pytest
from command import bench, fails, manifests, photographs, picture

import jpegai_bench.metrics
from jpegai_bench.metrics.failures import is_failure

ANCHOR = (
    "anchor",
    "codec=jpeg",
    "dataset=folder",
    "dataset.path=photos",
    "anchor.jpeg.qualities=[10,50]",
    "workers=1",
)


@pytest.fixture
def photos(tmp_path):
    folder = photographs(tmp_path / "photos")
    picture(20, 20).save(folder / "small.png")
    return tmp_path


def failing(folder: Path) -> str:
    """An ffmpeg of the same version, which is killed where VMAF is asked for."""
    real, fake = imageio_ffmpeg.get_ffmpeg_exe(), folder / "ffmpeg"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *libvmaf*) kill -9 $$;; *) exec "{real}" "$@";; esac\n')
    fake.chmod(0o755)
    return str(fake)


def outcome(folder: Path) -> tuple[dict, pd.DataFrame]:
    manifest = manifests(folder / "results", "anchors")["jpeg"]
    [points] = (folder / "results/anchors/jpeg").glob("*/points.csv")
    return manifest, pd.read_csv(points).set_index("image")


def test_a_metric_that_failed_is_told_and_measured_again(photos, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("IMAGEIO_FFMPEG_EXE", failing(photos))
        for computed in (6, 4):
            done = bench(*ANCHOR, cwd=photos)
            assert done.code == 1
            assert all(f"{name}: vmaf failed" in done.err for name in ("a", "b"))
            manifest, points = outcome(photos)
            assert manifest["units_computed"] == computed
            assert points["vmaf"].isna().all()
            assert points.loc["a", "psnr_y"].gt(20).all()
            assert sorted(failure["image"] for failure in manifest["failures"]) == ["a", "b"]
    assert bench(*ANCHOR, cwd=photos).code == 0
    manifest, points = outcome(photos)
    assert (manifest["units_computed"], manifest["failures"]) == (4, [])
    assert points.loc[["a", "b"], "vmaf"].between(5, 100).all()
    assert points.loc["small", "vmaf"].isna().all()
    assert bench(*ANCHOR, cwd=photos).code == 0
    assert outcome(photos)[0]["units_computed"] == 0


def test_an_na_of_the_picture_is_kept(photos):
    for computed in (6, 0):
        assert bench(*ANCHOR, cwd=photos).code == 0
        manifest, _ = outcome(photos)
        assert manifest["units_computed"] == computed
    small = {case["metric"]: case["reason"] for case in manifest["not_applicable"]}
    assert "image too small" in small["vmaf"]


def test_metrics_of_two_files_end_with_1_where_one_failed(photos, monkeypatch):
    picture(80, 72, seed=3).save(photos / "c.png")
    pair = ("metrics", "photos/a.png", "c.png", "only=[vmaf,psnr_hvs_m]")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", failing(photos))
    for form in ("table", "csv", "json"):
        fails(bench(*pair, f"format={form}", cwd=photos), "vmaf", "code -9")


def test_every_reason_of_a_picture_is_known():
    """As the metrics' own source has them."""
    reasons = [
        (path.name, ast.literal_eval(text.values[0] if isinstance(text, ast.JoinedStr) else text))
        for path in Path(jpegai_bench.metrics.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "NotApplicableError"
        for text in node.args
    ]
    assert len(reasons) > 8
    for file, reason in reasons:
        is_of_vmaf = file == "vmaf.py" and not reason.startswith(("VMAF is ", "no ffmpeg binary"))
        assert is_failure(reason) == is_of_vmaf, (file, reason)
    assert is_failure("RuntimeError: DefaultCPUAllocator: can't allocate memory")
    assert is_failure("MemoryError: no message")
    assert not is_failure("not a finite number: nan")
