import os
import signal
import time
from multiprocessing import forkserver
from threading import Thread, main_thread

import pytest

from jpegai_bench.errors import BenchError
from jpegai_bench.store.leases import began
from jpegai_bench.system.processes import spread


def test_a_killed_server_of_processes_is_told_and_another_call_has_a_new_one(tmp_path, monkeypatch):
    """As by a kernel that is out of memory, while the server imports what its workers need."""
    forkserver._forkserver._stop()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    try:
        with pytest.raises(BenchError, match="died"):
            list(spread(abs, [-1, -2], 2, preload=["dies"]))
    finally:
        forkserver._forkserver._stop()
    assert sorted(spread(abs, [-1, -2], 2)) == [(-2, 2), (-1, 1)]
    forkserver._forkserver._stop()


def test_what_is_interrupted_while_the_server_imports_leaves_no_server_that_forks_later(
    tmp_path, monkeypatch, capfd
):
    forkserver._forkserver._stop()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\nprint(os.getpid(), flush=True)\n"
        "pathlib.Path(__file__).with_name('begun').touch()\ntime.sleep(60)\n"
    )

    def interrupt():
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        time.sleep(0.2)  # until the process that asks waits for an answer
        # To the thread that waits for the server: a signal to another would be seen when the wait is over.
        signal.pthread_kill(main_thread().ident, signal.SIGINT)

    Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(spread(abs, [-1, -2], 2, preload=["slow"]))
    assert forkserver._forkserver._forkserver_pid is None
    out, told = capfd.readouterr()
    assert began(int(out)) is None
    assert told == ""


def test_what_a_worker_or_its_program_prints_is_no_result(capfd):
    forkserver._forkserver._stop()  # the next one has this test's outputs
    assert [status for _, status in spread(os.system, ["echo said", "echo told"], 2)] == [0, 0]
    forkserver._forkserver._stop()
    out, told = capfd.readouterr()
    assert out == ""
    assert sorted(told.split()) == ["said", "told"]
