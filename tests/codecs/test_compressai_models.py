import json
import subprocess
import sys
import warnings

import pytest

UNUSED = ("torch_geometric", "torchvision", "torch._dynamo")
LOAD = f"""
import importlib, json, os, sys
import torch  # takes the most time, and is in all of them

for first in ([], ["torchvision"]):
    sys.stdout.flush()
    if not (process := os.fork()):
        for name in first:
            importlib.import_module(name)
        from jpegai_bench.codecs.compressai_models import MODELS
        loaded = [name for name in {UNUSED} if name in sys.modules]
        import torchvision.transforms
        resized = torchvision.transforms.Resize(8).size
        print(json.dumps([sorted(MODELS), loaded, resized]), flush=True)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def elsewhere():
    """What two other processes have loaded: one that begins with nothing, one with torchvision."""
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_its_models_are_there_without_what_they_do_not_need_which_can_be_imported_afterwards(elsewhere):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import compressai.models  # noqa: F401
        from compressai.registry import MODELS

    assert elsewhere[0] == [sorted(MODELS), [], 8]


def test_what_was_imported_before_stays(elsewhere):
    names, loaded, _ = elsewhere[1]
    assert "mbt2018-mean" in names
    assert "torchvision" in loaded
    assert "torch_geometric" not in loaded
