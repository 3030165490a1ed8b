import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from command import bench
from messages import refused
from test_train import (  # noqa: F401
    CONTEXT,
    FEW,
    SMOKE,
    children,
    encoder,
    here,
    logged,
    no_step_is_lost,
    start,
    train,
    until,
)
from trainings import rows

from jpegai_bench.training import fit
from jpegai_bench.training.logs import record

TWO = "training.devices=2"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """As the command sets it for the processes that it starts."""
    monkeypatch.setenv("PYTHONWARNINGS", "ignore::FutureWarning:torch.jit._script")


def state(folder):
    return torch.load(folder.parent / "checkpoint.pt", weights_only=True)


def interrupting(*row):
    """Ctrl-C, which reaches all processes of a terminal, as a row of figures is written."""
    record(*row)
    for pid in (*(child.pid for child in multiprocessing.active_children()), os.getpid()):
        os.kill(pid, signal.SIGINT)


def test_two_processes_interrupted_lose_no_step_and_train_the_weights_of_one(
    here,  # noqa: F811
    encoder,  # noqa: F811
    capfd,
    monkeypatch,
):
    """The synthesis sees no noise, so that only the order of the sums differs."""
    frozen = (
        *FEW,
        CONTEXT,
        "training.train=synthesis",
        f"training.init_from={encoder}",
        "training.batch_size=4",
    )
    frozen = (*frozen, "training.attention_from_step=2")
    one = train(*frozen, "results=one")
    with monkeypatch.context() as patch:
        patch.setattr(fit, "record", interrupting)
        done = bench("train", "+variant=base", *frozen, "results=two", TWO, cwd=here)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("jpegai-bench: interrupted; ")
    [stopped] = (here / "two/training/base").iterdir()
    assert no_step_is_lost(stopped, first=1)
    assert not (stopped / "weights").exists()
    capfd.readouterr()
    two = train(*frozen, "results=two", TWO)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(r"training base, seed 0: 3 of 3 steps, \d+ s", err.splitlines()[-1]), err
    assert all(line.startswith("training base, seed 0: ") for line in err.splitlines()), err  # one a minute
    assert two.parent.name == one.parent.name
    assert [row["step"] for row in rows(two.parent / "log.csv")] == ["1", "2", "3"]
    alone, shared = state(one), state(two)
    for name, value in alone["network"].items():
        torch.testing.assert_close(shared["network"][name], value, atol=1e-5, rtol=1e-5)
    for ours, value in zip(shared["average"], alone["average"], strict=True):
        torch.testing.assert_close(ours, value, atol=1e-5, rtol=1e-5)
    assert multiprocessing.active_children() == []
    assert not {"MASTER_PORT", "LOCAL_RANK", "WORLD_SIZE"} & os.environ.keys()


def test_a_follower_that_dies_ends_the_training(here):  # noqa: F811
    def kill():
        until(logged(here / "results", 1))
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with refused("device 1", "SIGKILL"):
        train(*SMOKE, TWO, "training.steps=3000", "training.log_every=1")
    killer.join()
    assert multiprocessing.active_children() == []
    [checkpoint] = (here / "results").rglob("checkpoint.pt")
    assert torch.load(checkpoint, weights_only=True)["step"] >= 0


@pytest.mark.slow
def test_a_leader_that_is_killed_takes_its_followers_with_it(here):  # noqa: F811
    process = start("+variant=base", *SMOKE, TWO, "training.steps=3000", "training.log_every=1", cwd=here)
    until(logged(here / "results", 1), process)
    below = children(process.pid)
    assert below
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))


STUCK = """
import time
from jpegai_bench.errors import BenchError
from jpegai_bench.training.processes import followers

def work(rank):
    if rank == 2:
        raise BenchError("no photographs here")
    time.sleep(600)

if __name__ == "__main__":
    with followers(3, work):
        time.sleep(600)
"""
"""One of two followers cannot do the work; the leader and the other one wait for it."""


@pytest.mark.slow
def test_a_leader_that_waits_for_a_follower_that_is_gone_is_ended(tmp_path):
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    told = "the training process of device 2 ended (no photographs here); the same command goes on from the"
    assert done.stderr == f"jpegai-bench: {told} last checkpoint\n"
