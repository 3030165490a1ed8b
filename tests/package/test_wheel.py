"""What is installed has its configurations, figures, points and weights, and works anywhere."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from command import manifests, photographs

pytest.importorskip("setuptools", minversion="77")
ROOT = Path(__file__).parents[2]
SHIPPED = ("conf", "experiments", "jpegai_bench", "hydra_plugins")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout, built in a copy: setuptools leaves folders where it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(folder)], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_every_file_and_no_package_of_another_name(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = set()
    for top in SHIPPED:
        inside = "" if top in ("jpegai_bench", "hydra_plugins") else "jpegai_bench/"
        files = (
            path for path in (ROOT / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
        wanted |= {inside + path.relative_to(ROOT).as_posix() for path in files}
    assert names == wanted
    assert {"jpegai_bench/conf/config.yaml", "jpegai_bench/shipped/weights/small/base.safetensors"} <= names


def test_installed_it_runs_the_main_job_in_an_empty_folder(wheel, tmp_path):
    target = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        target,
        wheel,
    ]
    subprocess.run([*map(str, pip)], check=True, timeout=300)
    empty = tmp_path / "empty"
    photographs(empty / "photos")
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def run(*command):
        return subprocess.run(
            command, cwd=empty, env=environment, check=True, capture_output=True, text=True, timeout=300
        ).stdout

    where = run(sys.executable, "-c", "import jpegai_bench; print(jpegai_bench.__file__)")
    assert Path(where.strip()).is_relative_to(target)
    words = ("dataset=folder", "dataset.path=photos", "dataset.limit=1", "anchor=jpeg", "workers=1")
    words += ("metrics.only=[psnr_y,vmaf]", "qualities=[0,5]", "anchor.jpeg.qualities=[10,80]")
    run(sys.executable, "-m", "jpegai_bench.cli.main", "run", "+variant=base", *words)
    assert manifests(empty / "results")["base"]["status"] == "done"
    assert "vcip2023" in run(
        sys.executable, "-m", "jpegai_bench.cli.main", "sweep", "experiment=vcip2023", "--cfg", "job"
    )
