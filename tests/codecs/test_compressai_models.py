import json
import subprocess
import sys
import warnings

UNUSED = ("torch_geometric", "torchvision", "torch._dynamo")
LOAD = f"""
import json, sys
{{first}}
from jpegai_bench.codecs.compressai_models import MODELS
loaded = [name for name in {UNUSED} if name in sys.modules]
import torchvision.transforms
resized = torchvision.transforms.Resize(8).size
print(json.dumps([sorted(MODELS), loaded, resized]))
"""


def loaded_in_another_process(first=""):
    program = LOAD.format(first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_all_its_models_are_there_without_what_they_do_not_need_which_can_be_imported_afterwards():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import compressai.models  # noqa: F401
        from compressai.registry import MODELS

    assert loaded_in_another_process() == [sorted(MODELS), [], 8]


def test_what_was_imported_before_stays():
    names, loaded, _ = loaded_in_another_process("import torchvision")
    assert "mbt2018-mean" in names
    assert "torchvision" in loaded
    assert "torch_geometric" not in loaded
