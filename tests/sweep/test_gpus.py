import json
import os
import subprocess
import sys

import pytest
from command import TINY, photographs, program
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


# Notes what each process sees when it loads torch first.
_WATCH = """
import json, os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            note("loads torch")
def note(what):
    with open(os.environ["SEEN"], "a") as file:
        print(json.dumps([os.getpid(), what, os.environ.get("CUDA_VISIBLE_DEVICES")]), file=file)
sys.meta_path.insert(0, Watch())
"""
_MODULE = """
from sitecustomize import note
from torch import nn
class Noted(nn.Identity):
    def __init__(self, channels):
        super().__init__()
        note("builds")
"""


def test_a_job_beside_others_sees_one_gpu_before_torch_is_loaded_and_keeps_it(tmp_path, monkeypatch):
    photographs(tmp_path / "photos")
    variants = tmp_path / "conf/variant"
    variants.mkdir(parents=True)
    (tmp_path / "noted.py").write_text(_MODULE)
    (tmp_path / "sitecustomize.py").write_text(_WATCH)
    names = [f"noted{number}" for number in range(3)]
    for name in names:
        node = f"name: {name}\nattention_half: {{_target_: noted.Noted}}\n"
        (variants / f"{name}.yaml").write_text(node)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    short = (
        "training=smoke",
        "training.data=[photos]",
        "training.precision=float32",
        "training.threads=1",
        "training.steps=1",
        "training.warmup_steps=1",
    )
    words = ("--config-dir", "conf", *TINY, *short)
    chosen = f"+variant={','.join(names)}"
    done = program("train", "-m", chosen, *words, "hydra/launcher=joblib", cwd=tmp_path)
    assert done.code == 0, done.err

    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    by_process = {
        pid: {device for p, _, device in seen if p == pid} for pid, what, _ in seen if what == "builds"
    }
    assert sorted(map(sorted, by_process.values())) == [["3"], ["5"]]
    assert {pid for pid, what, _ in seen if what == "loads torch"} >= by_process.keys()
    assert sum(what == "builds" for _, what, _ in seen) > len(by_process)
