import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from jpegai_bench.store.leases import SILENCE, Holder, began, claimed, holder_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "units/aa/work.claim"


def test_one_holds_a_claim_and_it_is_gone_with_the_block(path):
    with claimed(path) as first:
        assert first is None
        with claimed(path) as second:
            assert second == holder_of(path) == Holder.this_process()
        assert path.exists()
    assert holder_of(path) is None
    assert list(path.parent.iterdir()) == []


def test_a_claim_goes_with_an_error_too(path):
    with pytest.raises(ZeroDivisionError), claimed(path):
        raise ZeroDivisionError
    assert not path.exists()


HOLD = """
import sys, time
from pathlib import Path
from jpegai_bench.store.leases import claimed
with claimed(Path(sys.argv[1])) as holder:
    print(holder, flush=True)
    time.sleep(60)
"""


def test_a_claim_of_a_killed_process_is_void(path):
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "None\n"
        with claimed(path) as holder:
            assert holder == Holder.this_process().__class__(holder.host, process.pid, began(process.pid))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.exists()
        with claimed(path) as holder:
            assert holder is None


def test_a_process_number_that_is_used_again_holds_nothing(path):
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**vars(Holder.this_process()), "began": "long ago"}))
    assert holder_of(path) is None
    with claimed(path) as holder:
        assert holder is None


def test_a_process_of_another_machine_holds_a_claim_as_long_as_it_touches_it(path):
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host": "node7", "pid": 1, "began": "5"}))
    with claimed(path) as holder:
        assert str(holder) == "process 1 on node7"
    silent = time.time() - 2 * SILENCE
    os.utime(path, (silent, silent))
    with claimed(path) as holder:
        assert holder is None


@pytest.mark.parametrize("content", ["", "{half", "[]", '{"pid": 3}'])
def test_a_damaged_claim_is_void(path, content):
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with claimed(path) as holder:
        assert holder is None


def test_of_many_processes_one_at_a_time_holds_a_claim(path):
    context = multiprocessing.get_context("fork")
    chosen = context.Value("i", 0, lock=False)
    held = context.Value("i", 0)

    def run():
        for _ in range(40):
            with claimed(path) as holder:
                if holder is None:
                    with held.get_lock():
                        held.value += 1
                    before = chosen.value
                    time.sleep(0.001)
                    chosen.value = before + 1

    processes = [context.Process(target=run) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert chosen.value == held.value > 0  # no two counted at once
