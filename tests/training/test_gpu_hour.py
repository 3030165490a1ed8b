"""scripts/gpu-hour on the CPU, where it trains by training=smoke."""

import os
import subprocess
import sys
from pathlib import Path

from command import TINY
from messages import says
from trainings import rows

SCRIPT = Path(__file__).parents[2] / "scripts/gpu-hour"


def run(*words, cwd, **settings):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [SCRIPT, *words],
        cwd=cwd,
        env={**os.environ, "PATH": path, **settings},
        capture_output=True,
        text=True,
        timeout=400,
    )


def test_it_checks_tries_stops_goes_on_and_finds_what_is_finished(photographs, tmp_path):
    (tmp_path / "photos, mine").symlink_to(photographs)
    words = (
        "photos, mine",
        *TINY,
        "training.threads=1",
        "training.precision=float32",
        "training.log_every=1",
        "training.steps=6",
    )
    settings = {"DEVICE": "cpu", "TRIAL": "1e-9", "FOLDER": "here, it's/run"}
    first = run(*words, cwd=tmp_path, MINUTES="1e-9", **settings)
    assert first.returncode == 0, first
    assert says(first.stdout, "ok", "cores", "usable")  # of doctor
    for step in (1, 2):
        assert says(first.stderr, f"at step {step} of 6", "same command", "here, it's/run/unfinished")
    assert says(first.stderr, "goes on from step 1 of 6")
    assert says(first.stderr, "step,loss,bpp")
    second = run(*words, cwd=tmp_path, MINUTES="10", **settings)
    assert second.returncode == 0, second
    for fact in ("goes on from step 2 of 6", "6 of 6 steps", "finished: here, it's/run/weights"):
        assert says(second.stderr, fact)
    assert "trial" not in second.stderr
    assert second.stdout.splitlines()[-1] == "here, it's/run/weights"
    assert [int(row["step"]) for row in rows(tmp_path / "here, it's/run/log.csv")] == list(range(1, 7))


def test_what_fails_is_its_exit_status(tmp_path):
    assert run(cwd=tmp_path).returncode == 2
    assert run("photos", cwd=tmp_path, DEVICE="tpu").returncode == 2
    assert says(run("photos", cwd=tmp_path, DEVICE="cpu", MINUTES="abc").stderr, "abc", "MINUTES")
    gone = run("gone", cwd=tmp_path, DEVICE="cpu")
    assert gone.returncode == 1
    assert says(gone.stderr, "gone: no such folder")
