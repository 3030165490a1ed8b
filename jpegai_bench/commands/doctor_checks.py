"""What is here of what the commands need, a line each, and what to do where something is not."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from jpegai_bench.codecs import anchors, ffmpeg
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.setting_names import anchor_nodes
from jpegai_bench.config.variants import variant_names
from jpegai_bench.errors import BenchError
from jpegai_bench.images import datasets
from jpegai_bench.network.weight_files import SHARED_FILE, SHIPPED_WEIGHTS, read, synthesis_file
from jpegai_bench.system.cores import processor, usable_cores
from jpegai_bench.version import __version__

State = Literal["ok", "missing", "broken"]

ENCODERS = {
    "libvvenc": "anchor vvc",
    "libx265": "anchors hevc and hevc_444",
    "libaom-av1": "anchors av1 and av1_444",
    "libjxl": "anchor jpegxl",
}
"""Of ffmpeg, and what needs them."""
EXTRAS = {
    "parallel": ("hydra-joblib-launcher", "hydra/launcher=joblib"),
    "slurm": ("hydra-submitit-launcher", "hydra/launcher=slurm"),
    "tensorboard": ("tensorboard", "training.loggers=[tensorboard]"),
    "mlflow": ("mlflow", "training.loggers=[mlflow]"),
}
"""The package that an extra brings, and what it is for."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LITTLE = 2e9
"""Bytes; below that a run may end for lack of space."""


@dataclass(frozen=True)
class Finding:
    """A line of the examination."""

    section: str
    name: str
    state: State
    found: str
    todo: str = ""
    """Shown where the state is not ok."""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; a check that fails in a way that nobody foresaw is a finding too."""
    sections: dict[str, Callable[[], Iterator[Finding]]] = {
        "versions": _versions,
        "machine": _machine,
        "ffmpeg": _ffmpeg,
        "anchors": lambda: _anchors(settings),
        "data sets": _datasets,
        "weights": _weights,
        "results": lambda: _results(Path(settings.results).expanduser()),
        "extras": _extras,
    }
    return [finding for name, check in sections.items() for finding in _safely(name, check)]


def _safely(section: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        for finding in check():
            yield replace(finding, todo="") if finding.state == "ok" else finding
    except Exception as error:
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield Finding(section, "this check", "broken", message, "reinstall, or report it as a defect")


def _versions() -> Iterator[Finding]:
    where = Path(__file__).parents[1]
    yield Finding("versions", "jpegai-bench", "ok", f"{__version__} in {where}")
    python = platform.python_version()
    fits = (3, 11) <= sys.version_info < (3, 13)
    todo = "make an environment with Python 3.11 or 3.12"
    yield Finding("versions", "Python", "ok" if fits else "broken", f"{python}, {platform.platform()}", todo)
    yield from _libraries()
    yield _torch_and_torchvision()


def _libraries() -> Iterator[Finding]:
    """Each library that is needed, and whether its version will do."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requires("jpegai-bench") or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name, specifier = requirement.name, requirement.specifier
        todo = f"pip install '{name}{specifier}'"
        try:
            installed = version(name)
        except PackageNotFoundError:
            yield Finding("versions", name, "broken", "not installed", todo)
            continue
        fits = specifier.contains(installed, prereleases=True)
        found = installed if fits else f"{installed}, but {specifier} is needed"
        yield Finding("versions", name, "ok" if fits else "broken", found, todo)


def _torch_and_torchvision() -> Finding:
    """CompressAI needs torchvision, whose import fails where it is not of torch's own build."""
    try:
        import torchvision  # noqa: F401
    except Exception as error:
        todo = "install torch and torchvision of one build: pip install -c constraints.txt torch torchvision"
        return Finding("versions", "torch with torchvision", "broken", str(error).splitlines()[0], todo)
    return Finding("versions", "torch with torchvision", "ok", "fit together")


def _machine() -> Iterator[Finding]:
    import torch

    cores = f"{usable_cores()} usable of {os.cpu_count()}"
    yield Finding("machine", "cores", "ok", f"{cores}; {processor()}")
    limit = os.environ.get("OMP_NUM_THREADS")
    setting = f"OMP_NUM_THREADS={limit}" if limit else "OMP_NUM_THREADS is not set"
    yield Finding("machine", "threads", "ok", f"torch takes {torch.get_num_threads()}; {setting}")
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield Finding("machine", "GPU", "ok", f"{', '.join(names)}; CUDA {torch.version.cuda}")
    else:
        todo = "training=paper needs one, all else runs without; with one, see to driver and torch's build"
        yield Finding("machine", "GPU", "missing", "none that torch can use", todo)
    yield _kernels()


def _kernels() -> Finding:
    from jpegai_bench.network.kernels import library

    try:
        library.library()
    except library.Unavailable as reason:
        todo = "decoding is slower without; GCC 12 or newer makes them when first needed, for AVX2"
        return Finding("machine", "kernels", "missing", str(reason), todo)
    return Finding("machine", "kernels", "ok", f"compiled, in {library.folder()}")


def _ffmpeg() -> Iterator[Finding]:
    remedy = ffmpeg.remedy()
    try:
        program = ffmpeg.ffmpeg_version()
        if not program.startswith("ffmpeg"):
            raise BenchError(f"{ffmpeg.binary()} does not tell its version")
        yield Finding("ffmpeg", "binary", "ok", f"{program}, {ffmpeg.binary()}")
        encoders = ffmpeg.encoders()
        measures = "libvmaf" in ffmpeg.filters()
    except BenchError as error:
        yield Finding("ffmpeg", "binary", "broken", str(error), remedy)
        return
    for name, purpose in ENCODERS.items():
        is_there = name in encoders
        found = f"for {purpose}" if is_there else f"no {purpose}"
        yield Finding("ffmpeg", name, "ok" if is_there else "missing", found, remedy)
    if not measures:
        yield Finding("ffmpeg", "libvmaf", "missing", "VMAF is NA, and with it the mean of seven", remedy)
        return
    reason = _vmaf_trouble()
    yield Finding("ffmpeg", "libvmaf", "broken" if reason else "ok", reason or "measures a picture", remedy)


def _vmaf_trouble() -> str:
    """Why VMAF cannot be measured; empty where it can."""
    import numpy as np

    from jpegai_bench.metrics.measure import Reference

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    reason = Reference(noise, only=["vmaf"]).compare(noise).reasons.get("vmaf", "")
    return reason and (ffmpeg.why_no_vmaf() or reason)


def _anchors(settings: Settings) -> Iterator[Finding]:
    usable, reasons = [], {}
    for label, node in anchor_nodes(settings.config_folders).items():
        try:
            anchors.codec_of(label, node).check()
        except BenchError as error:
            reasons[label] = str(error).removeprefix(f"{label}: ").removeprefix(f"anchor {label}: ")
        else:
            usable.append(label)
    yield Finding("anchors", "usable", "ok" if usable else "broken", ", ".join(usable) or "none")
    for label, reason in reasons.items():
        problem, _, todo = reason.partition("; ")
        yield Finding(
            "anchors", label, "missing", problem, todo or f"docs/anchors.md says what {label} needs"
        )


def _datasets() -> Iterator[Finding]:
    for name in datasets.NAMES:
        if name == "folder":
            continue
        try:
            images = datasets.load(name).images
        except BenchError as error:
            problem, _, todo = str(error).removeprefix(f"dataset {name}: ").partition("; ")
            state: State = "broken" if name == "sample" else "missing"
            yield Finding("data sets", name, state, problem, todo)
        else:
            yield Finding("data sets", name, "ok", f"{len(images)} pictures in {images[0].path.parent}")


def _weights() -> Iterator[Finding]:
    """What ships; all of it is read, and held against the hashes that it was saved with."""
    todo = "reinstall jpegai-bench"
    folders = sorted(path.parent for path in SHIPPED_WEIGHTS.glob(f"*/{SHARED_FILE}"))
    for folder in folders:
        name, variants = f"model={folder.name}", variant_names()
        try:
            read(folder / SHARED_FILE, "shared")
            for variant in variants:
                read(folder / synthesis_file(variant), "synthesis")
        except BenchError as error:
            yield Finding("weights", name, "broken", str(error), todo)
        else:
            yield Finding("weights", name, "ok", f"encoder and {len(variants)} variants")
    if not folders:
        yield Finding("weights", "shipped", "broken", f"none in {SHIPPED_WEIGHTS}", todo)


def _results(folder: Path) -> Iterator[Finding]:
    """Whether the results folder can be written, or made; and the one for temporary files."""
    places = {"results": (folder, "results=PATH"), "temporary": (Path(tempfile.gettempdir()), "TMPDIR")}
    for name, (place, how) in places.items():
        existing = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
        detail = f"{place.absolute()}" + ("" if existing == place.absolute() else ", which a run makes")
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            why = f"{detail}: cannot be written ({error.strerror})"
            yield Finding("results", name, "broken", why, f"choose another folder with {how}")
            continue
        free = shutil.disk_usage(existing).free
        state: State = "ok" if free > LITTLE else "missing"
        todo = f"free some space, or choose another folder with {how}"
        yield Finding("results", name, state, f"{free / 1e9:.1f} GB free in {detail}", todo)


def _extras() -> Iterator[Finding]:
    for extra, (package, purpose) in EXTRAS.items():
        try:
            yield Finding("extras", extra, "ok", f"{package} {version(package)}, for {purpose}")
        except PackageNotFoundError:
            found, todo = f"no {package}, for {purpose}", f"pip install 'jpegai-bench[{extra}]'"
            yield Finding("extras", extra, "missing", found, todo)
    sbatch = shutil.which("sbatch")
    todo = "hydra/launcher=slurm works where Slurm's commands are"
    yield Finding("extras", "sbatch", "ok" if sbatch else "missing", sbatch or "no Slurm here", todo)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    todo = "only the tests of the report page need one: apt-get install chromium"
    yield Finding("extras", "browser", "ok" if browser else "missing", browser or "no Chromium", todo)
