"""What is installed has its configurations, figures, points and weights, and works anywhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from command import manifests, photographs

pytest.importorskip("setuptools", minversion="77")
ROOT = Path(__file__).parents[2]
SHIPPED = ("conf", "experiments", "jpegai_bench", "hydra_plugins")
_BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
_LIST = """
from jpegai_bench.cli.main import main
from jpegai_bench.config.folders import CONF, PUBLISHED
print(CONF, *PUBLISHED.glob("*/*.csv"), flush=True)
main(["list"])
"""
_EDITABLE = f"import site, sys\nsite.addsitedir(sys.argv[1])\n{_LIST}"


def copied(folder):
    """A copy of this checkout: setuptools leaves folders where it builds."""
    copy = folder / "copy"
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


def built(kind, copy, folder):
    """What the copy is built into: a `wheel`, an `sdist`, or an `editable` wheel that points to the copy."""
    command = [sys.executable, "-c", _BUILD, f"build_{kind}", str(folder)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [file] = (*folder.glob("*.whl"), *folder.glob("*.tar.gz"))
    return file


def install(file, target, *options):
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target)
    subprocess.run([*map(str, (*pip, *options, file))], check=True, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    return built("wheel", copied(folder), folder)


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
    install(wheel, target)
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sdist", "editable"])
def test_from_the_sources_too_it_has_its_configurations_and_figures(kind, tmp_path):
    copy, target, empty = copied(tmp_path), tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "built").mkdir()
    file = built(kind, copy, tmp_path / "built")
    command, path, inside = [sys.executable, "-c", _LIST], [str(target)], target / "jpegai_bench"
    if kind == "sdist":
        with tarfile.open(file) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        for folder in ("conf", "experiments"):
            files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
            assert {path.relative_to(ROOT).as_posix() for path in files} <= names
        install(file, target, "--no-build-isolation")
    else:  # without the environment's own .pth files, one of which may point to another checkout
        install(file, target)
        command, inside = [sys.executable, "-S", "-c", _EDITABLE, str(target)], copy
        path.append(sysconfig.get_path("purelib"))
    done = subprocess.run(
        command,
        cwd=empty,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    folders = {str(inside / "conf"), str(inside / "experiments/vcip2023/paper.csv")}
    assert {"combined", "vvc", *folders} <= set(done.stdout.split())
