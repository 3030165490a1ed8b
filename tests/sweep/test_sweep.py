"""A sweep loses no work, does nothing twice and hides no failure."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch
from command import (
    DATA,
    PROGRAM,
    TINY,
    as_if_fresh,
    bench,
    enliven,
    fails,
    left_behind,
    manifests,
    modules_loaded,
    photographs,
    picture,
    program,
    settings,
    several,
)
from messages import says

from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.network import weights

GATE = """
import torch
from torch import nn

class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))

class Broken(nn.Module):
    def __init__(self, channels):
        super().__init__()
        raise ValueError("broken")
"""
RATES = (0, 2, 5)
OWN = ("--config-dir", "conf", *TINY, *DATA, "weights=weights", f"qualities=[{','.join(map(str, RATES))}]")
OWN += ("metrics.only=[psnr_y,vmaf]",)  # one here, one by another program; figures of them alone
OWN += ("model.context=none",)  # which is counted and coded quickly


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Photographs, two variants with weights, and one that cannot be built; nothing is measured yet."""
    return prepared(tmp_path_factory.mktemp("begun"))


def prepared(folder: Path) -> Path:
    photographs(folder / "photos")
    (folder / "my_modules.py").write_text(GATE)
    variants = folder / "conf/variant"
    variants.mkdir(parents=True)
    for name, target in (("gate", "Gate"), ("broken", "Broken")):
        node = f"name: {name}\nattention_half: {{_target_: my_modules.{target}}}\n"
        (variants / f"{name}.yaml").write_text(node)
    save_weights(folder, seed=0)
    return folder


@pytest.fixture(scope="module")
def swept(begun, tmp_path_factory):
    """After a sweep over all three, one of which fails."""
    folder = shutil.copytree(begun, tmp_path_factory.mktemp("swept"), dirs_exist_ok=True)
    return folder, bench("sweep", "+variant=base,broken,gate", *OWN, "workers=1", cwd=folder)


@pytest.fixture(scope="module")
def retried(begun, swept, tmp_path_factory):
    """Nothing is measured yet, but an earlier try has counted operations, and the figures are drawn.

    Every process would take ten seconds for both.
    """
    folder = shutil.copytree(begun, tmp_path_factory.mktemp("retried"), dirs_exist_ok=True)
    for before in swept[0].glob("results/runs/*/*"):
        run = folder / before.relative_to(swept[0])
        run.mkdir(parents=True)
        shutil.copy(before / "complexity.json", run)
        manifest = json.loads((before / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(manifest | {"status": "failed"}))
    shutil.copytree(swept[0] / "results/plots", folder / "results/plots")
    return folder


@pytest.fixture
def work(swept, tmp_path):
    """A copy of the swept folder to change."""
    return shutil.copytree(swept[0], tmp_path, dirs_exist_ok=True)


def save_weights(folder: Path, seed: int) -> None:
    """Of `base`, `gate` and `broken`; the encoder stays where it is there."""
    with as_if_fresh(folder):
        sys.path.insert(0, str(folder))
        for number, name in enumerate(("base", "gate", "broken")):
            chosen = settings("+variant=base", *TINY, "model.context=none")
            if name != "base":
                chosen.variant |= {"name": name, "attention_half": {"_target_": "my_modules.Gate"}}
            variant = variant_of(chosen)
            torch.manual_seed(seed + number)
            network = variant.network(chosen.model)
            enliven(network)
            shared = folder / "weights" if (folder / "weights/shared.safetensors").exists() else None
            structure = structure_of(chosen, variant)
            weights.save(network, folder / "weights", name, structure, {}, shared_from=shared)


def sweep(folder, *words):
    """Sweep `base` and `gate` again."""
    return bench("sweep", "+variant=base,gate", *OWN, "workers=1", *words, cwd=folder)


def jobs(folder: Path) -> dict[str, dict]:
    """What the jobs of the newest sweep noted, by variant."""
    newest = max((folder / "results/sweeps").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    found = [json.loads(path.read_text()) for path in newest.glob("job-*.json")]
    return {word.split("=")[1]: one for one in found for word in one["overrides"] if "+variant=" in word}


def computed(folder: Path) -> dict[str, int]:
    return {name: job["value"]["computed"] for name, job in jobs(folder).items()}


def points(folder: Path) -> pd.DataFrame:
    """All that was measured but times."""
    found = [
        pd.read_csv(path).assign(run=path.parts[-3])
        for path in sorted(folder.glob("results/runs/*/*/points.csv"))
    ]
    return pd.concat(found, ignore_index=True).drop(columns=["encode_s", "decode_s"])


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "results/tables").iterdir()}


def test_one_variant_that_fails_leaves_the_others_running_and_is_told_at_the_end(swept):
    folder, done = swept
    assert done.code == 1
    assert {name: job["status"] for name, job in jobs(folder).items()} == {
        "base": "done",
        "broken": "failed",
        "gate": "done",
    }
    assert "3 jobs: 2 done, 1 failed" in done.err
    assert "Traceback" not in done.err
    told = done.err.splitlines()
    [number] = [n for n, line in enumerate(told) if line.startswith("failed: variant broken: ")]
    note = json.loads((folder / told[number + 1].removeprefix("  traceback: ")).read_text())
    assert 'raise ValueError("broken")' in note["details"]
    again = told[number + 2].strip()
    assert again.startswith("again: jpegai-bench sweep ")
    assert "+variant=broken" in again
    assert again.endswith("--config-dir conf")
    table = pd.read_csv(folder / "results/tables/photos-small-results.csv")
    assert table["variant"].tolist() == ["base", "gate"]
    assert done.out.count("complexity and mean BD-rate") == 1


def test_a_second_sweep_measures_nothing_and_loads_no_network(swept, work):
    before = tables(work), points(work)
    assert modules_loaded(["sweep", "+variant=base,gate", *OWN], cwd=work) == []
    assert {job["status"] for job in jobs(work).values()} == {"cached"}
    assert (tables(work), points(work).equals(before[1])) == (before[0], True)


def test_what_changed_is_measured_again_and_nothing_else(work):
    def told(done, name):
        [line] = [
            line
            for line in done.err.splitlines()
            if line.startswith(f"variant {name} on photos: ")
            if "units to" in line
        ]
        return line.split(" to measure: ")[1]

    (work / "my_modules.py").write_text(GATE.replace("torch.sigmoid", "torch.tanh"))
    done = sweep(work)
    assert (done.code, computed(work)) == (0, {"base": 0, "gate": 2 * len(RATES)}), done.err
    assert told(done, "gate") == "source changed: my_modules.py"
    gate = {path.parent.name: pd.read_csv(path) for path in work.glob("results/runs/gate/*/points.csv")}
    assert len(gate) == 2  # both are on record, and neither is taken for the other
    assert not set.intersection(*(set(frame["psnr_y"]) for frame in gate.values()))

    picture(80, 72, seed=7).save(work / "photos/a.png")
    done = sweep(work)
    assert computed(work) == {"base": len(RATES), "gate": len(RATES)}
    assert told(done, "base") == told(done, "gate") == "other pixels: a"

    (work / "my_modules.py").write_text(GATE.replace("torch.sigmoid", "torch.tanh") + "\n# words\n")
    done = sweep(work, "qualities=[0,1,2,5]")  # which is all that is new to the program
    assert computed(work) == {"base": 2, "gate": 2}
    assert told(done, "base") == told(done, "gate") == "new qualities: 1"

    save_weights(work, seed=5)  # of the syntheses; the encoder stays
    done = sweep(work)
    assert computed(work) == {"base": 2 * len(RATES), "gate": 2 * len(RATES)}
    assert told(done, "base").startswith("synthesis weights changed (")


def test_fail_fast_leaves_the_rest_alone(work):
    done = bench("sweep", "+variant=broken,gate", *OWN, "fail_fast=true", cwd=work)
    assert done.code == 1
    assert {name: job["status"] for name, job in jobs(work).items()} == {
        "broken": "failed",
        "gate": "skipped",
    }


def test_what_hydra_refuses_is_told_before_any_work(work):
    done = bench("sweep", "+variant=base", *OWN, "model=small,nonsense", cwd=work)
    assert done.code != 0
    assert "0 jobs: none begun" in done.err
    assert done.err.splitlines()[-1].startswith("jpegai-bench: no model 'nonsense'")


def test_pictures_that_are_not_there_are_told_once_before_any_job(tmp_path):
    (tmp_path / "empty").mkdir()
    empty, gone, one_of_two = several(
        ["sweep", "dataset=folder", "dataset.path=empty"],
        ["run", "-m", "+variant=base,combined", "dataset=folder", "dataset.path=gone"],
        ["sweep", "+variant=base", "dataset=folder", "dataset.path=empty,gone"],
        cwd=tmp_path,
    )
    fails(empty, "empty: ", "picture", ".png")
    fails(gone, "gone: no such folder")
    assert len(empty.err.splitlines()) == len(gone.err.splitlines()) == 1
    assert "2 jobs: 2 failed" in one_of_two.err  # where jobs differ in it each tells its own


# Notes which GPUs each process sees when it loads torch, and later, when it has gone to work.
WATCH = """
import json, os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "jpegai_bench.network.weights"):
            with open(os.environ["SEEN"], "a") as file:
                print(json.dumps([os.getpid(), name, os.environ.get("CUDA_VISIBLE_DEVICES")]), file=file)
sys.meta_path.insert(0, Watch())
"""


def test_several_jobs_at_once_do_the_same_and_each_sees_one_gpu_before_torch_is_loaded(
    retried, swept, tmp_path, monkeypatch
):
    folder = shutil.copytree(retried, tmp_path / "work")
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(WATCH)
    paths = [str(tmp_path / "watch"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    done = program("sweep", "+variant=base,gate", *OWN, "workers=2", "hydra/launcher=joblib", cwd=folder)
    assert done.code == 0, done.err
    assert "Warning" not in done.err
    assert points(folder).equals(points(swept[0]))

    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    first, later = (
        {(pid, device) for pid, name, device in seen if name == one}
        for one in ("torch", "jpegai_bench.network.weights")
    )
    assert {device for _, device in first} == {device for _, device in later} == {"3", "5"}
    assert later <= first  # it is the same as long as the process lives


def test_where_there_is_no_slurm_it_says_so_in_one_line(begun, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = bench("sweep", "+variant=base,gate", *OWN, "hydra/launcher=slurm", cwd=begun)
    assert done.code == 1
    assert says(done.err.splitlines()[-1], "jpegai-bench: hydra/launcher=slurm", "sbatch")
    assert "0 jobs: none begun" in done.err


def test_shards_do_the_same(retried, swept, tmp_path):
    folder = shutil.copytree(retried, tmp_path, dirs_exist_ok=True)
    done = sweep(folder, "shards=2")
    assert done.code == 0, done.err
    assert points(folder).equals(points(swept[0]))
    notes = [json.loads(path.read_text()) for path in folder.glob("results/sweeps/*/job-*.json")]
    shards = [
        note["value"]["computed"] for note in notes if any(w.startswith("shard=") for w in note["overrides"])
    ]
    assert len(shards) == 4
    assert min(shards) == len(RATES)  # an image each
    assert sum(shards) == 2 * 2 * len(RATES) + 2 * 4  # the anchor's once


def started(folder: Path, *words: str) -> subprocess.Popen:
    command = [
        PROGRAM,
        "sweep",
        "+variant=base,gate",
        *OWN,
        *words,
    ]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_two_sweeps_at_once_share_out_the_work(retried, swept, tmp_path):
    folder = shutil.copytree(retried, tmp_path, dirs_exist_ok=True)
    process = started(folder, "workers=1")
    end = time.monotonic() + 120
    while not list(folder.glob("results/units/*/*")) and time.monotonic() < end:
        time.sleep(0.01)
    done = sweep(folder)
    _, told = process.communicate(timeout=280)
    assert (process.returncode, done.code) == (0, 0), (told, done.err)
    notes = [json.loads(path.read_text()) for path in folder.glob("results/sweeps/*/job-*.json")]
    assert len(notes) == 4
    assert sum(note["value"]["computed"] for note in notes) == 2 * 2 * len(RATES)
    assert points(folder).equals(points(swept[0]))
    assert not list(folder.rglob("*.claim"))


def writing(folder: Path, place: str, pattern: str = "*") -> subprocess.Popen:
    """A sweep that has just written something new into a folder of the store."""
    target = folder / "results" / place
    before = {path.name for path in target.rglob(pattern)}
    process = started(folder, "workers=2")
    end = time.monotonic() + 250
    while {path.name for path in target.rglob(pattern)} == before and time.monotonic() < end:
        assert process.poll() is None, (place, process.communicate())
        time.sleep(0.002)  # or the sweep has one core less
    return process


def killed_at_random(folder: Path, times: int, seed: int, within: float = 25) -> None:
    """Kill a sweep again and again, so many seconds after it has begun; tables are read in between."""
    moments = random.Random(seed)
    for _ in range(times):
        process = started(folder, "workers=2")
        try:
            process.communicate(timeout=moments.uniform(2, within))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
        assert_whole(folder)


def killed_while_writing(folder: Path, places: Sequence[str]) -> None:
    """Kill a sweep for each of these folders of the store as soon as something is written there."""
    for place in places:
        if place != "units":  # what is there and has not changed is not written again
            shutil.rmtree(folder / "results" / place, ignore_errors=True)
        process = writing(folder, place)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        assert_whole(folder)


def assert_whole(folder: Path) -> None:
    """Nothing of a killed sweep is left at work, and what it has written is no part of a file."""
    end = time.monotonic() + 30
    while left_behind(folder) and time.monotonic() < end:
        time.sleep(0.1)
    assert left_behind(folder) == []
    for file in folder.glob("results/tables/*.csv"):
        pd.read_csv(file)
    for path in folder.glob("results/**/*.json"):
        json.loads(path.read_text())


def test_a_sweep_that_is_ended_again_and_again_ends_as_one_that_was_not(retried, swept, tmp_path):
    """By SIGTERM, as a scheduler does and Ctrl-C at a terminal, in order; then by SIGKILL, at once."""
    folder = shutil.copytree(retried, tmp_path, dirs_exist_ok=True)
    process = writing(folder, "units", "*.json")
    os.killpg(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith("jpegai-bench: interrupted; ")
    assert "Traceback" not in told
    assert left_behind(folder) == []
    assert_whole(folder)
    killed_while_writing(folder, ("units",))
    assert sweep(folder).code == 0
    assert points(folder).equals(points(swept[0]))
    assert tables(folder) == tables(swept[0])


@pytest.mark.slow
def test_a_sweep_that_is_killed_twenty_times_ends_as_one_that_was_not(begun, swept, tmp_path):
    folder = shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    for number in range(6, 14):  # enough that it is not over before
        picture(70 + number, 72, seed=number).save(folder / f"photos/{number}.png")
    whole = shutil.copytree(folder, tmp_path / "whole", ignore=shutil.ignore_patterns("whole"))
    killed_while_writing(folder, ("units", "units", "units"))
    killed_at_random(folder, times=20, seed=2)
    killed_while_writing(folder, ("tables", "plots", "tables", "plots"))
    assert sweep(folder).code == sweep(whole).code == 0
    assert points(folder).equals(points(whole))
    assert tables(folder) == tables(whole)


def test_shards_of_a_single_run_are_refused(begun):
    [done] = several(["run", "+variant=base", *OWN, "shards=2"], cwd=begun)
    assert done.code == 2
    assert says(done.err, "images of a sweep")
    assert manifests(begun / "results") == {}
