import subprocess
import sys

SEVERAL = """
import os, sys
from pathlib import Path
from jpegai_bench import gpus
print(gpus.take_one(Path(sys.argv[1]), gpus.visible()), gpus.take_one(Path(sys.argv[1]), gpus.visible()),
      os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


def started(folder, visible):
    command = [sys.executable, "-c", SEVERAL, folder]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env={"CUDA_VISIBLE_DEVICES": visible}
    )
    return process, process.stdout.readline().split()


def test_each_process_keeps_a_gpu_of_its_own_as_long_as_it_lives(tmp_path):
    (first, told_first), (second, told_second), (third, told_third) = (
        started(tmp_path, "0,GPU-b") for _ in range(3)
    )
    assert (told_first, told_second) == (["0", "None", "0"], ["GPU-b", "None", "GPU-b"])
    assert told_third == ["None", "None", "0,GPU-b"]  # all are taken: it shares them
    first.communicate("")
    fourth, told = started(tmp_path, "0,GPU-b")
    assert told[0] == "0"
    for process in (second, third, fourth):
        process.communicate("")


def test_one_gpu_or_none_is_left_as_it_is(tmp_path):
    for visible in ("3", ""):
        process, told = started(tmp_path, visible)
        assert told[:2] == ["None", "None"]
        process.communicate("")
