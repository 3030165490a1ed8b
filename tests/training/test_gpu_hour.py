"""scripts/gpu-hour on the CPU, where it trains by training=smoke."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command import TINY, bench
from messages import says
from trainings import rows

SCRIPT = Path(__file__).parents[2] / "scripts/gpu-hour"
ASKING = """\
import json, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as line, line.makefile("rw") as file:
    print(json.dumps(sys.argv[1:]), file=file, flush=True)
    code, out, err = json.loads(file.readline())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""
"""The `jpegai-bench` that the script finds: the process that tests it runs it, with torch loaded."""


@pytest.fixture
def hour(tmp_path, tmp_path_factory):
    """Runs the script in `tmp_path`."""
    folder = tmp_path_factory.mktemp("bin")
    with socket.create_server(("127.0.0.1", 0)) as asked:
        asked.settimeout(0.05)
        program = folder / "jpegai-bench"
        program.write_text(f"#!{sys.executable} -IS\n{ASKING.format(port=asked.getsockname()[1])}")
        program.chmod(0o755)

        def run(*words, **settings):
            process = subprocess.Popen(
                [SCRIPT, *words],
                cwd=tmp_path,
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **settings},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            while process.poll() is None:
                try:
                    line, _ = asked.accept()
                except TimeoutError:
                    continue
                with line, line.makefile("rw") as file:
                    done = bench(*json.loads(file.readline()), cwd=tmp_path)
                    print(json.dumps([done.code, done.out, done.err]), file=file, flush=True)
            return subprocess.CompletedProcess(words, process.returncode, *process.communicate())

        yield run


def test_it_checks_tries_stops_goes_on_and_finds_what_is_finished(few, hour, tmp_path):
    (tmp_path / "photos, mine").symlink_to(few)
    words = (
        "photos, mine",
        *TINY,
        "training.threads=1",
        "training.precision=float32",
        "training.log_every=1",
        "training.steps=6",
    )
    settings = {"DEVICE": "cpu", "TRIAL": "1e-9", "FOLDER": "here, it's/run"}
    first = hour(*words, MINUTES="1e-9", **settings)
    assert first.returncode == 0, first
    assert says(first.stdout, "ok", "cores", "usable")  # of doctor
    for step in (1, 2):
        assert says(first.stderr, f"at step {step} of 6", "same command", "here, it's/run/unfinished")
    assert says(first.stderr, "goes on from step 1 of 6")
    assert says(first.stderr, "step,loss,bpp")
    second = hour(*words, MINUTES="10", **settings)
    assert second.returncode == 0, second
    for fact in ("goes on from step 2 of 6", "6 of 6 steps", "finished: here, it's/run/weights"):
        assert says(second.stderr, fact)
    assert "trial" not in second.stderr
    assert second.stdout.splitlines()[-1] == "here, it's/run/weights"
    assert [int(row["step"]) for row in rows(tmp_path / "here, it's/run/log.csv")] == list(range(1, 7))


def test_what_fails_is_its_exit_status(hour):
    assert hour().returncode == 2
    assert hour("photos", DEVICE="tpu").returncode == 2
    assert says(hour("photos", DEVICE="cpu", MINUTES="abc").stderr, "abc", "MINUTES")
    gone = hour("gone", DEVICE="cpu")
    assert gone.returncode == 1
    assert says(gone.stderr, "gone: no such folder")
