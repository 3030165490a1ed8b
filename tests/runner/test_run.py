import glob
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import (
    DATA,
    PROGRAM,
    RATES,
    RUN,
    TINY,
    bench,
    fails,
    left_behind,
    manifests,
    photographs,
    picture,
    several,
)
from PIL import Image

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.store.store import POINT_COLUMNS


def test_one_bad_variant_does_not_stop_the_others(study):
    _, done = study
    fails(done, "variant 'nonsense'", "base", code=2)
    assert "Traceback" not in done.err
    assert done.out.count("complexity and mean BD-rate") == 1  # when all jobs have ended


def test_a_run_leaves_results_and_nothing_else(study):
    folder, _ = study
    assert {path.name for path in folder.iterdir()} == {"photos", "results"}
    names = {path.name for path in (folder / "results").iterdir()}
    assert names == {"anchors", "pictures", "plots", "runs", "sweeps", "tables", "units"}
    assert not list((folder / "results").rglob("*.part"))
    assert not list((folder / "results").rglob(".hydra"))


def test_a_run_writes_tables_and_plots(study):
    results = study[0] / "results"
    assert {path.name for path in (results / "tables").iterdir()} == {
        "photos-small-results.csv",
        "photos-small-results.md",
        "photos-small-per_image.csv",
        "photos-small-points.csv",
    }
    table = pd.read_csv(results / "tables/photos-small-results.csv").set_index("variant")
    assert list(table.index) == ["base", "combined"]
    assert table["anchor"].tolist() == ["jpeg"] * 2
    assert table["published_kmacs_px"].is_monotonic_decreasing
    plots = {path.name for path in (results / "plots").glob("*.p*")}
    assert {"photos-small-overview.png", "photos-small-overview.pdf"} <= plots
    assert {f"photos-small-rd_{metric.name}.png" for metric in METRICS} <= plots


def test_points_and_manifest_tell_what_was_done(study):
    results = study[0] / "results"
    for name, manifest in manifests(results).items():
        run = results / "runs" / name / manifest["key"]
        points = pd.read_csv(run / "points.csv")
        assert tuple(points.columns) == POINT_COLUMNS
        assert sorted(zip(points["image"], points["quality"], strict=True)) == [
            (image, rate) for image in "ab" for rate in RATES
        ]
        assert (points["bpp"] > 0).all()
        assert points["bpp"].is_unique
        assert np.isfinite(points[["ms_ssim", "vmaf", "psnr_y"]]).all(axis=None)
        assert manifest["status"] == "done"
        assert manifest["units_computed"] == 2 * len(RATES)
        assert set(manifest["images"]) == {"a", "b"}
        assert manifest["start"] < manifest["end"]
        assert {"versions", "codec", "metrics", "config", "host", "pid"} <= manifest.keys()
        assert json.loads((run / "complexity.json").read_text())["variant"] == name
    bits = [pd.read_csv(path)["bpp"] for path in results.glob("runs/*/*/points.csv")]
    assert bits[0].equals(bits[1])  # one encoder: the same bitstreams


def test_what_is_finished_is_not_measured_again_and_what_changed_is(study, tmp_path, tiny_weights):
    shutil.copytree(study[0], tmp_path, dirs_exist_ok=True)
    before = manifests(tmp_path / "results")["base"]
    shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    same_pixels = tmp_path / "renamed"
    same_pixels.mkdir()
    Image.open(tmp_path / "photos/a.png").save(same_pixels / "other name.bmp")
    mixed = photographs(tmp_path / "mixed")
    picture(80, 72, seed=3).save(mixed / "a.png")
    (mixed / "cut.png").write_bytes((mixed / "b.png").read_bytes()[:999])
    own = ("+variant=base", *RUN, f"weights={tiny_weights}", "workers=1", "metrics.only=[psnr_y]")
    again, copied, named, changed = several(
        ["run", *own],
        ["run", *own, "dataset.path=copy"],
        ["run", *own, "dataset.path=renamed"],
        ["run", *own, "dataset.path=mixed"],
        cwd=tmp_path,
    )
    assert again.code == copied.code == named.code == 0, again
    found = [json.loads(path.read_text()) for path in (tmp_path / "results/runs/base").glob("*/run.json")]
    computed = {run["dataset"]: run["units_computed"] for run in found}
    assert computed == {"photos": 0, "copy": 0, "renamed": 0, "mixed": len(RATES)}
    assert manifests(study[0] / "results")["base"]["images"] == before["images"]
    lines = [line for line in changed.err.splitlines() if line.startswith("jpegai-bench")]
    assert changed.code == 1
    assert len(lines) == 1
    assert "left out: " in lines[0]
    assert f"{mixed / 'cut.png'}: damaged" in lines[0]
    points = pd.read_csv(next((tmp_path / "results/tables").glob("mixed*per_image.csv")))
    assert set(points["image"]) == {"a", "b"}


def test_bad_data_and_results_folders_are_told_before_any_work(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "corrupt").mkdir()
    for name in "ab":
        (tmp_path / f"corrupt/{name}.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    own = (*RUN, f"weights={tiny_weights}", "workers=1")
    cases = [
        (["dataset.path=empty"], "empty: no picture in it"),
        (["dataset.path=nowhere"], "nowhere: no such folder"),
        (["dataset.path=file"], "file: is a file, not a folder"),
        (["dataset.path=null"], "which one?"),
        (["dataset.path=corrupt"], "corrupt/a.png: not a picture"),
        (["results=file"], "file: cannot be written"),
        (["results=file/below"], "file/below: cannot be written"),
        (["+variant=upsampling"], "no upsampling.safetensors in it"),
    ]
    lines = [["run", *own, *words] for words, _ in cases]
    for done, (words, said) in zip(several(*lines, cwd=tmp_path), cases, strict=True):
        fails(done, said, code=2 if words == ["dataset.path=null"] else 1)
    assert not list(tmp_path.glob("results/r*"))


MODULES = '''
import functools
import torch
from torch import nn

class Gate(nn.Module):
    """Depth-wise gate."""
    def __init__(self, channels, taps=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, taps, padding=taps // 2, groups=channels)
    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))

class Halves(nn.Conv2d):
    def __init__(self, channels):
        super().__init__(channels, channels // 2, 1)

class Heads(nn.Module):
    def __init__(self, channels, heads=5):
        super().__init__()
        raise ValueError(f"{channels} channels do not divide into {heads} heads")

class Normed(nn.BatchNorm2d):
    pass

def number(channels):
    return 3

wrapped = functools.partial(exec, "raise AssertionError('called')")
constant = 3
'''
BAD_VARIANTS = {
    "absent": ("_target_: my_absent.Gate", "attention_half._target_: cannot import my_absent"),
    "nameless": ("_target_: my_modules.Gat", "attention_half._target_: my_modules has no Gat"),
    "halves": ("_target_: my_modules.Halves", "variant halves: attention_half makes (1, 4, "),
    "heads": ("_target_: my_modules.Heads", "variant heads: attention_half cannot be built for 8 channels"),
    "normed": (
        "_target_: my_modules.Normed",
        "attention_half keeps num_batches_tracked beside its parameters",
    ),
    "number": ("_target_: my_modules.number", "attention_half is a int; it must be a torch.nn.Module"),
    "class": (
        "_target_: subprocess.Popen",
        "attention_half._target_: subprocess.Popen is no torch.nn.Module",
    ),
    "command": ("_target_: os.system", "attention_half._target_: os.system is no torch.nn.Module"),
    "wrapped": ("_target_: my_modules.wrapped", "attention_half._target_: my_modules.wrapped is no torch.nn"),
    "constant": (
        "_target_: my_modules.constant",
        "attention_half._target_: my_modules.constant is no torch.nn",
    ),
    "argument": ("{_target_: my_modules.Gate, tap: 3}", "unexpected keyword argument 'tap'"),
    "untargeted": ("taps: 3", "attention_half needs a `_target_`"),
    "typo": ("_target_: a\n bad: [", "typo.yaml"),
}


def test_a_variant_of_ones_own_from_an_empty_folder(tmp_path):
    photographs(tmp_path / "photos")
    (tmp_path / "my_modules.py").write_text(MODULES)
    variants = tmp_path / "conf/variant"
    variants.mkdir(parents=True)
    node = "name: {}\nattention_half:\n  {}\n"
    (variants / "gate.yaml").write_text(node.format("gate", "{_target_: my_modules.Gate, taps: 5}"))
    for name, (target, _) in BAD_VARIANTS.items():
        (variants / f"{name}.yaml").write_text(node.format(name, target))
    own = ("--config-dir", "conf", *TINY, "model.context=none")
    ignored = bench("run", "+variant=base", *RUN, "training=smoke", cwd=tmp_path)
    fails(ignored, "training settings need weights=train", code=2)
    shipped = bench("train", "weights=shipped", "training.data=[photos]", cwd=tmp_path)
    fails(shipped, "takes no weights", code=2)
    training = (
        "weights=train",
        "training=smoke",
        "training.precision=float32",
        "training.threads=1",
        "training.steps=1",
        "training.warmup_steps=1",
        "training.data=[photos]",
    )
    untrained, swept, *bad = several(
        ["run", *own, *DATA, "+variant=gate"],
        ["complexity", "-m", *own, "+variant=heads,gate", "format=json"],
        *(["complexity", *own, f"+variant={name}"] for name in BAD_VARIANTS),
        cwd=tmp_path,
    )
    rest = ("qualities=[0,5]", "+variant=gate", "workers=1", "metrics.only=[psnr_y]")
    ran = bench("run", *own, *DATA, *rest, *training, cwd=tmp_path)
    [counted] = json.loads(swept.out)
    assert counted["variant"] == "gate"
    assert counted["attention_published_kmacs_px"] > 0
    fails(untrained, "variant gate", "weights=train")
    fails(swept, "variant heads", "attention_half")
    for done, (name, (_, said)) in zip(bad, BAD_VARIANTS.items(), strict=True):
        fails(done, said, code=2 if name in ("untargeted", "typo") else 1)
    assert ran.code == 0, ran.err
    assert manifests(tmp_path / "results")["gate"]["status"] == "done"
    assert (tmp_path / "results/tables/photos-small-results.csv").exists()


def started(folder: Path, weights: Path) -> subprocess.Popen:
    """A run of eight images in a session of its own, with some of its units already there."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(8):
        picture(72, 64, seed=number).save(photos / f"{number}.png")
    return again(folder, weights)


def again(folder: Path, weights: Path) -> subprocess.Popen:
    command = [PROGRAM, "run", "+variant=base", *RUN]
    command += ["anchor.jpeg.qualities=[10,50]", f"weights={weights}", "workers=2"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def units(folder: Path) -> dict[str, int]:
    return {name: os.stat(name).st_mtime_ns for name in glob.glob(f"{folder}/results/units/*/*.json")}


def wait_for(folder: Path, count: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while len(units(folder)) < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() is None


@pytest.mark.slow
def test_interrupted_and_killed_runs_go_on_where_they_were(tmp_path, tiny_weights):
    process = started(tmp_path, tiny_weights)
    wait_for(tmp_path, 20, process)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    last = told.splitlines()[-1]
    assert last.startswith("jpegai-bench: interrupted")
    assert "Traceback" not in told
    assert left_behind(tmp_path) == []
    assert manifests(tmp_path / "results")["base"]["status"] == "failed"

    process = again(tmp_path, tiny_weights)
    wait_for(tmp_path, 32, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    end = time.monotonic() + 20
    while left_behind(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert left_behind(tmp_path) == []
    assert manifests(tmp_path / "results")["base"]["status"] == "running"
    assert bench("list", "runs", cwd=tmp_path).out.split()[:2] == ["base", "killed"]

    before = units(tmp_path)
    both = [again(tmp_path, tiny_weights), again(tmp_path, tiny_weights)]
    for process in both:
        _, told = process.communicate(timeout=200)
        assert process.returncode == 0, told
    after = units(tmp_path)
    assert len(after) == 8 * (2 + len(RATES))
    assert {name: after[name] for name in before} == before
    assert manifests(tmp_path / "results")["base"]["status"] == "done"
