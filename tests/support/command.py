"""The real command, here or in a process of its own, and what it needs: small photographs, small weights."""

import importlib
import inspect
import io
import json
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import (
    AbstractContextManager,
    chdir,
    contextmanager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
)
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from jpegai_bench.cli.main import main
from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.config.schema import Settings
from jpegai_bench.runner import complexity

TINY = (
    *(f"model.{part}=8" for part in ("luma", "chroma", "latent_luma", "latent_chroma")),
    *(f"model.{part}=8" for part in ("hyper_luma", "hyper_chroma")),
    "model.restormer_blocks=1",
    "model.restormer_heads=2",
)
"""A model small enough for a test."""
PROGRAM = str(Path(sys.executable).with_name("jpegai-bench"))
SUPPORT = Path(__file__).parent
"""Where this file and other helpers are, for processes that import them."""
RATES = (0, 1.5, 3, 5)
DATA = ("dataset=folder", "dataset.path=photos", "anchor=jpeg", "anchor.jpeg.qualities=[10,25,50,80]")
RUN = (*TINY, *DATA, f"qualities=[{','.join(map(str, RATES))}]")
"""Overrides of a run on `./photos`."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Takes what is written where a terminal would be, `COLUMNS` wide."""

    def isatty(self) -> bool:
        return True


class Bytes(io.TextIOWrapper):
    """Takes text as the system's own stdout does, which at first no lone surrogate can be written to."""

    def __init__(self):
        super().__init__(io.BytesIO(), "utf-8", "strict", newline="")

    def getvalue(self) -> str:
        self.flush()
        return os.fsdecode(self.buffer.getvalue())


def bench(*words, cwd, drawn: bool = False, stdout: type[io.StringIO | Bytes] = io.StringIO) -> Done:
    """Run a command line in this process, which saves the seconds that importing torch takes.

    Figures are coarse and drawn once of equal data unless `drawn`, and of equal modules the operations are
    counted once: both take seconds each time, and have tests of their own.
    """
    out, err = stdout(), io.StringIO()
    figures = nullcontext() if drawn else patch("jpegai_bench.report.plots.plot_set.draw", coarsely())
    with (
        as_if_fresh(Path(cwd)),
        figures,
        _counted_once(),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main([str(word) for word in words])
    return Done(end.value.code, out.getvalue(), err.getvalue())


def several(*lines, cwd, drawn: bool = False) -> list[Done]:
    """Run several command lines one after the other, as `bench` does."""
    return [bench(*line, cwd=cwd, drawn=drawn) for line in lines]


_DRAWN = {}


def coarsely() -> SimpleNamespace:
    """The module that draws, at a tenth of the dots, not laid out and as PNG alone: that takes the time."""
    from jpegai_bench.report.plots import draw

    def render(make, data, formats):
        def unlaid(data):
            figure = make(data)
            figure.set_layout_engine("none")
            return figure

        key = (make.__qualname__, json.dumps(data, sort_keys=True))
        if key not in _DRAWN:
            with patch.dict(draw.RC, {"savefig.dpi": 20}):
                [_DRAWN[key]] = draw.render(unlaid, data, ["png"])
        return [_DRAWN[key]] * len(formats)

    return SimpleNamespace(**{**vars(draw), "render": render})


COUNTED: list[Path] = []
"""The folder in which processes of a test session keep what they count, for each other."""


def _counted_once() -> AbstractContextManager:
    """Of a command that loads what counts, with torch, its summaries alone."""
    if counting := sys.modules.get("jpegai_bench.analysis.complexity"):
        return patch.object(counting, "measure", _once(counting.measure))
    summarize = complexity.complexity_summary

    def summary(settings, variant):
        from jpegai_bench.analysis import complexity as counting

        with patch.object(counting, "measure", _once(counting.measure)):
            return summarize(settings, variant)

    return patch.object(complexity, "complexity_summary", summary)


def _once(measure):
    def source(factory):
        """A class of ones own is another after each command, which loads its module anew."""
        return factory.__qualname__, inspect.getsource(sys.modules[factory.__module__])

    def once(size, modules):
        given = [part for part in vars(modules).items() if hasattr(part[1], "func")]
        if not COUNTED or not all(isinstance(part.func, type) for _, part in given):
            return measure(size, modules)
        parts = [(name, source(part.func), repr(part.args), repr(part.keywords)) for name, part in given]
        file = COUNTED[0] / sha256(repr((size, parts)).encode()).hexdigest()
        if not file.exists():
            ours = file.with_suffix(f".{os.getpid()}")
            ours.write_bytes(pickle.dumps(measure(size, modules)))
            ours.rename(file)
        return pickle.loads(file.read_bytes())

    return once


@contextmanager
def as_if_fresh(cwd: Path) -> Iterator[None]:
    """This process works in `cwd` while the block runs; what a command changes of it is put back."""
    before = set(sys.modules)
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    importlib.invalidate_caches()  # modules of ones own may be seconds old
    path = patch.object(sys, "path", list(sys.path))
    try:
        with chdir(cwd), patch.dict(os.environ), path, warnings.catch_warnings():
            yield
    finally:
        forkserver._forkserver._stop()  # it would know nothing of another environment
        _forget_hydra()
        _forget_modules(cwd.resolve(), before)
        if threads:
            sys.modules["torch"].set_num_threads(threads)


def _forget_hydra() -> None:
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def _forget_modules(folder: Path, before: set[str]) -> None:
    """Another command may find another module of that name, or a changed one, or another ffmpeg.

    Those of the program stay, also where it works in its own folder: a class that is imported twice is two.
    """
    from jpegai_bench.fingerprint import dependencies
    from jpegai_bench.metrics import fingerprint

    if "IMAGEIO_FFMPEG_EXE" in os.environ:
        fingerprint._ffmpeg_version.cache_clear()
    new = [name for name in sys.modules if name not in before and not name.startswith("jpegai_bench")]
    own = [name for name in new if _is_below(sys.modules[name], folder)]
    for name in own:
        del sys.modules[name]
    if own:
        dependencies._read.cache_clear()
        dependencies._part.cache_clear()


def _is_below(module, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and Path(file).is_relative_to(folder)


def program(*words, cwd, **how) -> Done:
    """Run the installed program once in a process of its own, as a user does."""
    done = subprocess.run(
        [PROGRAM, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300, **how
    )
    return Done(done.returncode, done.stdout, done.stderr)


_ELSEWHERE = """
import contextlib, io, json, sys
from jpegai_bench.cli.main import main
done = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as stop:
            code = stop.code
    done.append([code, out.getvalue(), err.getvalue()])
loaded = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps({"done": done, "loaded": loaded}))
"""
_COARSELY = """
from jpegai_bench.report.plots import draw
whole = draw.render
draw.RC["savefig.dpi"] = 20
draw.render = lambda make, data, formats: whole(make, data, ["png"]) * len(formats)
"""


def elsewhere(*lines, cwd, stdin=None) -> list[Done]:
    """Run several command lines one after the other in one other process."""
    return done_and_loaded(lines, cwd, stdin=stdin)[0]


def modules_loaded(
    *lines, cwd, heavy=("torch", "compressai", "matplotlib"), code=0, coarsely=False
) -> list[str]:
    """Which of the heavy libraries a process has loaded after these command lines, which end with `code`.

    Figures are coarse where that is asked, as `bench` draws them.
    """
    done, loaded = done_and_loaded(lines, cwd, heavy, _COARSELY if coarsely else "")
    assert [one.code for one in done] == [code] * len(done), done
    return loaded


def done_and_loaded(lines, cwd, heavy=(), first="", stdin=None) -> tuple[list[Done], list[str]]:
    """What `elsewhere` gives, and which of the heavy libraries that process has loaded."""
    argument = json.dumps([[str(word) for word in line] for line in lines])
    command = [sys.executable, "-c", first + _ELSEWHERE, argument, json.dumps(heavy)]
    ran = subprocess.run(command, cwd=cwd, stdin=stdin, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    return [Done(*one) for one in told["done"]], told["loaded"]


def fails(done: Done, *said: str, code: int = 1) -> None:
    """One clear line on stderr that holds all of `said`, and the exit code."""
    lines = [line for line in done.err.splitlines() if line.startswith("jpegai-bench: ")]
    assert done.code == code, done
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    assert all(words in lines[0] for words in said), lines[0]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Waves, an edge and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 80 * np.sin(x[..., None] / (3, 7, 11) + y[..., None] / (9, 5, 4)) + 50 * (x > y)[..., None]
    return Image.fromarray((128 + waves + random.normal(0, 8, waves.shape)).clip(0, 255).astype(np.uint8))


def photographs(folder: Path) -> Path:
    """Two small pictures, `a.png` and `b.png`."""
    folder.mkdir(parents=True)
    picture(80, 72, seed=1).save(folder / "a.png")
    picture(65, 81, seed=2).save(folder / "b.png")
    return folder


def manifests(results: Path, kind: str = "runs") -> dict[str, dict]:
    """`run.json` of the one run of each variant or codec."""
    found = {path.parts[-3]: json.loads(path.read_text()) for path in results.glob(f"{kind}/*/*/run.json")}
    assert len(found) == len(list(results.glob(f"{kind}/*/*/run.json")))
    return found


def settings(*overrides: str, kind: type[Settings] = RunSettings):
    """Validated settings of one kind, composed in this process, and once of equal words."""
    return deepcopy(_composed(overrides, kind))


@cache
def _composed(overrides: tuple[str, ...], kind: type[Settings]):
    from hydra import compose, initialize_config_dir

    from jpegai_bench.config.folders import CONF
    from jpegai_bench.config.validation import validated
    from jpegai_bench.config.variants import complete

    with initialize_config_dir(str(CONF), version_base="1.3"):
        return validated(complete(compose("config", list(overrides))), kind)


def save_tiny_weights(folder: Path) -> Path:
    import torch

    from jpegai_bench.config.variants import structure_of, variant_of
    from jpegai_bench.network import weights
    from jpegai_bench.network.codec import Network

    for name in ("base", "combined"):
        chosen = settings(f"+variant={name}", *TINY)
        variant, size = variant_of(chosen), chosen.model.network_size()
        torch.manual_seed(0)
        network = Network(size, variant.modules(size))
        enliven(network)
        structure = structure_of(chosen, variant)
        weights.save(network, folder, name, structure, {}, shared_from=folder if name != "base" else None)
    return folder


def enliven(network) -> None:
    """Spread the latents of random weights over many symbols."""
    for branch in ("luma", "chroma"):
        network.shared[f"analysis_{branch}"].down4.weight.data.mul_(20)
        network.shared[f"prior_{branch}"].analysis[-1].weight.data.mul_(0.5)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[:1]


def left_behind(folder: Path) -> list[str]:
    """Processes that work in `folder`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
