"""A sweep on a real Slurm of one node ends as one on this machine does, whatever happens to its jobs."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from command import PROGRAM, TINY, Done, left_behind, picture
from messages import says
from one_node_slurm import lacks, one_node_slurm
from safetensors.numpy import load_file
from test_sweep import OWN, RATES, computed, jobs, points, prepared, tables

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(lacks()), reason=lacks())]
ON_SLURM = ("hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1")
LONG = 14
"""Pictures beyond the two, so that a job can be met while it is at work."""
TRAIN = (
    "+variant=base", *TINY, "weights=train", "training=smoke", "training.data=[photos]", "training.steps=400",
    "training.checkpoint_seconds=1", "dataset=folder", "dataset.path=photos", "anchor=jpeg", "qualities=[2]",
)  # fmt: skip


@pytest.fixture(scope="module")
def slurm():
    with one_node_slurm() as environment:
        yield environment


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="module")
def local(begun, tmp_path_factory):
    """What a sweep on this machine makes, with many pictures."""
    folder = shutil.copytree(begun, tmp_path_factory.mktemp("local"), dirs_exist_ok=True)
    for number in range(LONG):
        picture(96 + number, 90, seed=number + 10).save(folder / f"photos/{number}.png")
    whole = shutil.copytree(folder, tmp_path_factory.mktemp("whole"), dirs_exist_ok=True)
    done = ended(started("sweep", "+variant=base,gate", *OWN, "workers=1", cwd=whole))
    assert done.code == 0, done.err
    return folder, whole


@pytest.fixture
def work(local, tmp_path):
    """A folder in which nothing is measured yet."""
    return shutil.copytree(local[0], tmp_path, dirs_exist_ok=True)


def started(*words, cwd, environment=None) -> subprocess.Popen:
    command = [PROGRAM, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


def ended(process: subprocess.Popen) -> Done:
    out, err = process.communicate(timeout=400)
    return Done(process.returncode, out, err)


def wait_for(true, process: subprocess.Popen) -> None:
    end = time.monotonic() + 200
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)


def tell(environment, *command) -> list[str]:
    """The words that a command of Slurm prints."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def running(environment) -> list[str]:
    """Slurm's numbers of the jobs that run."""
    return tell(environment, "squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i")


def begins_again(environment, process: subprocess.Popen) -> None:
    """Spare a job that was put back Slurm's two minutes."""
    pending = ("squeue", "--noheader", "--array", "--states=PENDING", "--format=%i")
    wait_for(lambda: tell(environment, *pending), process)
    tell(environment, "scontrol", "update", f"JobId={tell(environment, *pending)[0]}", "StartTime=now")


def measured(folder: Path) -> int:
    return len(list(folder.glob("results/units/*/*.json")))


def anchor_units(folder: Path) -> int:
    """JPEG's share of the units, which comes first."""
    return 4 * len(list((folder / "photos").iterdir()))


def starts(folder: Path) -> int:
    """How often Slurm began the jobs of the newest sweep."""
    logs = folder.glob("results/sweeps/*/.submitit/*/*_log.out")
    return sum(path.read_text().count("Starting with JobEnvironment") for path in logs)


def the_same(folder: Path, whole: Path) -> None:
    assert points(folder).equals(points(whole))
    assert tables(folder) == tables(whole)


@pytest.mark.parametrize("more", [(), ("shards=2",)], ids=["a job for each variant", "shards"])
def test_a_sweep_on_slurm_does_the_same(slurm, local, work, more):
    done = ended(started("sweep", "+variant=base,gate", *OWN, *ON_SLURM, *more, cwd=work, environment=slurm))
    assert done.code == 0, done.err
    the_same(work, local[1])
    said = [line for line in done.err.splitlines() if "submitted to Slurm as" in line]
    assert len(said) == 1
    assert said[0].startswith("4 jobs" if more else "2 jobs")
    assert "submitit" not in done.err.replace("/.submitit", "")
    assert "submitit" not in done.out


def test_a_job_that_fails_is_told_with_its_log_and_its_traceback_is_kept(slurm, local, work):
    done = ended(started("sweep", "+variant=base,broken,gate", *OWN, *ON_SLURM, cwd=work, environment=slurm))
    assert done.code == 1
    the_same(work, local[1])
    assert "3 jobs: 2 done, 1 failed" in done.err
    assert "Traceback" not in done.err
    told = done.err.splitlines()
    [number] = [n for n, line in enumerate(told) if line.startswith("failed: variant broken: ")]
    assert "variant broken" in Path(told[number + 1].removeprefix("  log: ")).read_text()
    note = json.loads((work / told[number + 2].removeprefix("  traceback: ")).read_text())
    assert 'raise ValueError("broken")' in note["details"]
    assert "+variant=broken" in told[number + 3]


@pytest.mark.parametrize("workers", ["workers=1", "workers=2"])
@pytest.mark.parametrize("how", ["requeued", "told that the time is over"])
def test_a_job_that_is_put_back_goes_on_from_its_units(slurm, local, work, how, workers):
    process = started("sweep", "+variant=base", *OWN, *ON_SLURM, workers, cwd=work, environment=slurm)
    wait_for(lambda: measured(work) > anchor_units(work) + 3, process)
    [job] = running(slurm)
    if how == "requeued":
        tell(slurm, "scontrol", "requeue", job)
    else:
        tell(slurm, "scancel", "--signal=USR2", job)  # as Slurm does before the time of a job is over
    begins_again(slurm, process)
    done = ended(process)
    assert done.code == 0, done.err
    assert "1 job: 1 done" in done.err
    assert starts(work) == 2
    assert 0 < computed(work)["base"] < len(RATES) * (LONG + 2)
    whole = points(local[1])
    assert points(work).equals(whole[whole["run"] == "base"].reset_index(drop=True))


def test_a_training_that_is_put_back_goes_on_from_its_checkpoint(slurm, work, tmp_path_factory):
    alone = shutil.copytree(work, tmp_path_factory.mktemp("alone"), dirs_exist_ok=True)
    done = ended(started("sweep", *TRAIN, "training.threads=1", cwd=alone))
    assert done.code == 0, done.err

    process = started("sweep", *TRAIN, *ON_SLURM, "training.threads=1", cwd=work, environment=slurm)

    def written():
        times = [path.stat().st_mtime for path in work.glob("results/training/base/*/checkpoint.pt")]
        return bool(times) and times[0] - begun_at[0] > 2 if begun_at else begun_at.extend(times)

    begun_at = []
    wait_for(written, process)
    [log] = work.glob("results/training/base/*/log.csv")
    first = log.read_text().splitlines()[1]  # with its speed, which no second training would have
    tell(slurm, "scontrol", "requeue", *running(slurm))
    begins_again(slurm, process)
    done = ended(process)
    assert done.code == 0, done.err
    assert starts(work) == 2
    assert log.read_text().splitlines()[1] == first
    assert pd.read_csv(log)["step"].tolist() == list(range(5, 401, 5))
    for name in ("shared", "base"):
        [one], [other] = (
            folder.glob(f"results/training/base/*/weights/{name}.safetensors") for folder in (alone, work)
        )
        tensors, others = load_file(one), load_file(other)
        assert tensors.keys() == others.keys()
        assert all((tensors[key] == others[key]).all() for key in tensors)


def test_a_job_that_is_cancelled_is_missed_and_the_same_command_goes_on(slurm, local, work):
    words = ("sweep", "+variant=base,gate", *OWN, *ON_SLURM, "hydra.launcher.array_parallelism=1")
    process = started(*words, cwd=work, environment=slurm)
    wait_for(lambda: measured(work) > anchor_units(work) + 3, process)
    [job] = running(slurm)
    assert job.endswith("_0")
    tell(slurm, "scancel", job)
    done = ended(process)
    assert done.code == 1
    assert says(done.err, "2 jobs", "1 done", "1 ended")
    assert says(done.err, "failed: ", f"job {job} ended", "(cancelled)")
    assert jobs(work)["base"]["status"] == "lost"

    done = ended(started(*words, cwd=work, environment=slurm))
    assert done.code == 0, done.err
    assert 0 < computed(work)["base"] < len(RATES) * (LONG + 2)
    the_same(work, local[1])


def test_a_job_that_is_cancelled_before_it_begins_is_missed(slurm, work):
    words = ("+variant=base,gate", *OWN, *ON_SLURM, "dataset.limit=1", "hydra.launcher.array_parallelism=1")
    process = started("sweep", *words, cwd=work, environment=slurm)
    wait_for(lambda: running(slurm), process)
    tell(slurm, "scancel", running(slurm)[0].replace("_0", "_1"))
    done = ended(process)
    assert done.code == 1
    assert {name: job["status"] for name, job in jobs(work).items()} == {"base": "done", "gate": "lost"}
    assert "again: jpegai-bench sweep +variant=gate" in done.err


def test_ctrl_c_cancels_the_jobs(slurm, work):
    process = started("sweep", "+variant=base,gate", *OWN, *ON_SLURM, cwd=work, environment=slurm)
    wait_for(lambda: measured(work) > 3, process)
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("jpegai-bench: interrupted; ")
    assert "2 jobs cancelled" in done.err
    assert "Traceback" not in done.err
    end = time.monotonic() + 30
    while (tell(slurm, "squeue", "--noheader") or left_behind(work)) and time.monotonic() < end:
        time.sleep(0.2)
    assert tell(slurm, "squeue", "--noheader") == left_behind(work) == []
    for path in work.glob("results/**/*.json"):
        json.loads(path.read_text())


def test_what_slurm_refuses_is_told_in_one_line(slurm, work):
    words = ("+variant=base", *OWN, *ON_SLURM, "hydra.launcher.partition=nonsense")
    done = ended(started("sweep", *words, cwd=work, environment=slurm))
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "invalid partition specified: nonsense" in done.err.splitlines()[-1]
