"""What evaluating a CompressAI model takes here and by CompressAI's own `eval_model`, with the same values.

pytest -m benchmark -s tests/benchmarks/test_evaluation_speed.py
The same weights, crops of 256x256 and two metrics, from the start of the program to its end; CPU seconds of
all processes and threads, the least of JPEGAI_BENCH_REPEATS=2.
"""

import io
import json
import os
import resource
import subprocess
import sys
import warnings

import pandas as pd
import pytest
import torch
from command import PROGRAM
from PIL import Image
from skimage import data
from torch import nn
from torchvision.transforms.functional import to_tensor

from jpegai_bench.codecs.compressai import CompressAI
from jpegai_bench.images.read import read_rgb

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from compressai.registry import MODELS
    from compressai.utils.eval_model.__main__ import compute_metrics

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore")]

ARCHITECTURE = "mbt2018-mean"
SIDE = 256
REPEATS = int(os.environ.get("JPEGAI_BENCH_REPEATS", "2"))
CROPS = (("astronaut", 0, 0), ("astronaut", 200, 200), ("chelsea", 20, 100), ("coffee", 100, 200))
THEIRS = [sys.executable, "-W", "ignore", "-m", "compressai.utils.eval_model", "checkpoint"]


@pytest.fixture
def given(tmp_path):
    """A folder with `photos/` and random weights `q1.pth`, whose latents spread over many symbols."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, (name, top, left) in enumerate(CROPS):
        crop = getattr(data, name)()[top : top + SIDE, left : left + SIDE]
        Image.fromarray(crop).save(photos / f"{number}.png")
    torch.manual_seed(0)
    network = MODELS[ARCHITECTURE](128, 192)
    last = [module for module in network.g_a if isinstance(module, nn.Conv2d)][-1]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(20)
    torch.save(network.state_dict(), tmp_path / "q1.pth")
    return tmp_path


def cpu_seconds(words, cwd):
    """CPU seconds of a program, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def least(words, cwd):
    """The least CPU seconds of several times, and what is printed; `{}` in a word is which time it is."""
    runs = [cpu_seconds([word.replace("{}", str(n)) for word in words], cwd) for n in range(REPEATS)]
    return min(seconds for seconds, _ in runs), runs[-1][1]


def test_two_metrics_of_a_model(given):
    where = ["photos", "-a", ARCHITECTURE, "-p", "q1.pth"]
    theirs, _ = least([*THEIRS, *where, "--per-image", "-d", "theirs"], given)
    ours = [PROGRAM, "anchor", "codec=compressai", f"arch={ARCHITECTURE}", "checkpoint=q1.pth"]
    ours += ["dataset=folder", "dataset.path=photos", "workers=1", "pictures=0", "format=csv"]
    two, printed = least([*ours, "metrics.only=[ms_ssim,psnr_rgb]", "results=two-{}"], given)
    twelve, _ = least([*ours, "results=all-{}"], given)
    points = pd.read_csv(io.StringIO(printed)).set_index("image")
    results = [json.loads(path.read_text()) for path in (given / "theirs").glob("*.json")]
    results = [result for result in results if "source" in result]
    assert len(results) == len(points) == len(CROPS)
    for result in results:
        point, expected = points.loc[int(result["source"])], result["results"]
        assert point.psnr_rgb == pytest.approx(expected["psnr-rgb"], abs=1e-4)
        assert 0 < point.bpp - expected["bpp"] < 8 * 40 / SIDE**2
        assert scores_of(given, result["source"]) == pytest.approx(
            {name: expected[name] for name in ("psnr-rgb", "ms-ssim-rgb")}, abs=1e-6
        )
    print(
        f"\n{len(CROPS)} crops of {SIDE}x{SIDE}, {ARCHITECTURE}: eval_model {theirs:.1f} s of CPU, two "
        f"metrics here {two:.1f} s, {theirs / two:.2f} times as fast; all twelve {twelve:.1f} s"
    )


def scores_of(given, source):
    """Of what our codec decodes, by `eval_model`'s own functions: its MS-SSIM is of RGB."""
    picture = read_rgb(given / "photos" / f"{source}.png")
    codec = CompressAI(ARCHITECTURE, str(given / "q1.pth"))
    decoded = codec.decode(codec.encode(picture, 1).data)
    return compute_metrics(to_tensor(picture)[None], to_tensor(decoded)[None])
