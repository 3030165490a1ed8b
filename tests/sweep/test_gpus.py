import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir

from jpegai_bench.config.folders import CONF
from jpegai_bench.sweep.sweep import takes_any_gpu

SEVERAL = """
import os, sys
from pathlib import Path
from jpegai_bench.sweep import gpus
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
    assert told_third == ["0", "None", "0"]  # all are taken: each takes one more
    fourth, told = started(tmp_path, "0,GPU-b")
    assert told == ["GPU-b", "None", "GPU-b"]
    second.communicate("")
    fifth, told = started(tmp_path, "0,GPU-b")
    assert told[0] == "GPU-b"
    for process in (first, third, fourth, fifth):
        process.communicate("")


def test_one_gpu_or_none_is_left_as_it_is(tmp_path):
    for visible in ("3", ""):
        process, told = started(tmp_path, visible)
        assert told[:2] == ["None", "None"]
        process.communicate("")


@pytest.mark.parametrize(
    ("words", "takes_any"),
    [((), True), (["device=cuda"], True), (["device=cuda:1"], False), (["training.devices=2"], False)],
)
def test_a_job_that_names_its_gpu_or_asks_for_several_sees_them_all(words, takes_any):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert takes_any_gpu(compose("config", list(words))) == takes_any
