"""`device=`: of what codes and decodes, told in one line where there is no such device, and below a table."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
import torch
from command import DATA, RUN, TINY, as_if_fresh, bench, fails, manifests, photographs, settings
from messages import says
from plausible_store import write_seven

from jpegai_bench.config.command_settings import MOST_ON_A_GPU
from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.network import weights
from jpegai_bench.report.gather.studies import Selection, studies
from jpegai_bench.store.store import Store, pretty

WITHOUT = "cuda:99" if torch.cuda.is_available() else "cuda"


def coded_on(store, device, labels):
    for run in store.runs():
        if run.label in labels:
            made_by = {**run.manifest["codec"], "device": device}
            (run.folder / "run.json").write_bytes(pretty({**run.manifest, "codec": made_by}))


@pytest.fixture(scope="module")
def coded(tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp("coded")
    photographs(folder / "photos")
    done = bench("encode", "photos/a.png", "a.jai", *TINY, f"weights={tiny_weights}", cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("device", [WITHOUT, "gpu", "true", "cpu:0"])
def test_a_device_that_is_not_there_is_told_before_any_work(tmp_path, coded, tiny_weights, device):
    reason = "cannot be used" if device == WITHOUT else "choose cpu, or cuda"
    shutil.copytree(coded, tmp_path, dirs_exist_ok=True)
    own = (*TINY, f"weights={tiny_weights}", f"device={device}")
    lines = (
        ("run", "+variant=base", *RUN, *own[len(TINY) :]),
        ("encode", "photos/a.png", "b.jai", *own),
        ("decode", "a.jai", "a.png", *own),
    )
    for line in lines:
        fails(bench(*line, cwd=tmp_path), f"device={device.replace('true', 'True')}", reason, code=2)
    assert not list(tmp_path.glob("results/runs/*"))
    assert not (tmp_path / "b.jai").exists()


def test_a_codec_that_no_gpu_helps_refuses_it(tmp_path):
    photographs(tmp_path / "photos")
    words = ("anchor", "codec=jpeg", "dataset=folder", "dataset.path=photos", "device=cuda")
    fails(bench(*words, cwd=tmp_path), "device=cuda", "jpeg", code=2)


def test_of_codecs_that_a_gpu_helps_and_others_none_begins_where_there_is_no_gpu(tmp_path):
    photographs(tmp_path / "photos")
    peer = ("arch=mbt2018-mean", "checkpoint=none.pth.tar", f"device={WITHOUT}")
    done = bench(
        "anchor", "codec=[jpeg,compressai]", "dataset=folder", "dataset.path=photos", *peer, cwd=tmp_path
    )
    fails(done, f"device={WITHOUT}", "cannot be used", code=2)
    assert not list(tmp_path.glob("results/units/*"))


def test_a_table_says_what_a_gpu_coded(tmp_path):
    store = Store(tmp_path)
    write_seven(store)
    coded_on(store, "cuda", ("base", "combined"))
    [(study, _)] = studies(store, Selection())
    assert "Coded and decoded on cuda: base, combined." in study.notes
    listed = bench("list", "runs", f"results={tmp_path}", cwd=tmp_path).out.splitlines()
    assert {line.split()[0] for line in listed if line.endswith(", on cuda")} == {"base", "combined"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_run_on_a_gpu_is_a_run_of_its_own(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    words = ("run", "+variant=base", *RUN, f"weights={tiny_weights}", "metrics.only=[psnr_rgb]")
    on_cpu, on_gpu = (bench(*words, f"device={device}", cwd=tmp_path) for device in ("cpu", "cuda"))
    assert (on_cpu.code, on_gpu.code) == (0, 0), on_gpu.err
    assert "device changed" in on_gpu.err
    assert len(list(tmp_path.glob("results/runs/base/*"))) == 2


@pytest.mark.parametrize("words", [("run", "+variant=base"), ("latency", "+variant=base")])
def test_nothing_is_trained_for_a_device_that_is_not_there(tmp_path, words):
    photographs(tmp_path / "photos")
    trained = ("weights=train", "training=smoke", "training.data=[photos]", f"device={WITHOUT}")
    fails(bench(*words, *TINY, *DATA, *trained, cwd=tmp_path), f"device={WITHOUT}", code=2)
    assert not (tmp_path / "results/training").exists()


def test_nothing_is_timed_for_a_device_that_is_not_there(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    own = (*TINY, *DATA[:2], f"weights={tiny_weights}", f"device={WITHOUT}")
    done = bench("latency", "+variant=base", *own, cwd=tmp_path)
    fails(done, f"device={WITHOUT}", code=2)
    assert "timing" not in done.err


@pytest.mark.parametrize("device", [WITHOUT, "gpu"])
def test_no_job_of_a_sweep_begins_for_a_device_that_is_not_there(tmp_path, tiny_weights, device):
    photographs(tmp_path / "photos")
    own = (*RUN, f"weights={tiny_weights}", f"device={device}")
    done = bench("sweep", "+variant=base,combined", *own, cwd=tmp_path)
    fails(done, f"device={device}", code=2)
    assert "job 1" not in done.err
    assert not (tmp_path / "results/sweeps").exists()


def test_of_several_devices_those_that_are_there_measure(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    own = (*RUN, "dataset.limit=1", f"weights={tiny_weights}", "metrics.only=[psnr_y]", "workers=1")
    own += (f"device=cpu,{WITHOUT}",)
    done = bench("sweep", "+variant=base", *own, cwd=tmp_path)
    assert done.code == 2
    assert "2 jobs: 1 done, 1 failed" in done.err


def test_where_a_gpu_has_measured_before_each_job_looks_for_what_it_needs(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    store = Store(tmp_path / "results")
    write_seven(store)
    coded_on(store, "cuda", ("base",))
    own = (*RUN, f"weights={tiny_weights}", f"device={WITHOUT}")
    done = bench("sweep", "+variant=base", *own, cwd=tmp_path)
    assert done.code == 2
    assert "1 job: 1 failed" in done.err


_FAILING = """
import torch
from torch import nn

class Elsewhere(nn.Identity):
    def __init__(self, channels):
        super().__init__()
    def forward(self, x):
        if x.device.type == "meta" and x.shape[-1] > 64:
            raise NotImplementedError("not to be counted, which takes seconds")
        return x + torch.ones(x.shape, device="meta" if x.shape[-1] > 16 else x.device)

class Full(Elsewhere):
    def forward(self, x):
        if x.device.type == "meta":
            return super().forward(x)
        if x.shape[-1] > 16:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\\nSee more")
        return x
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """Photographs, and two variants that fail on the CPU as others do on a GPU; the words that they need.

    On the small inputs by which modules are tried first they do not.
    """
    folder = tmp_path_factory.mktemp("failing")
    photographs(folder / "photos")
    (folder / "failing.py").write_text(_FAILING)
    (folder / "conf/variant").mkdir(parents=True)
    for name in ("Elsewhere", "Full"):
        module = {"_target_": f"failing.{name}"}
        (folder / f"conf/variant/{name.lower()}.yaml").write_text(
            f"name: {name.lower()}\nattention_half: {json.dumps(module)}\n"
        )
        with as_if_fresh(folder):
            sys.path.insert(0, str(folder))
            chosen = settings("+variant=base", *TINY)
            chosen.variant |= {"name": name.lower(), "attention_half": module}
            variant = variant_of(chosen)
            network, structure = variant.network(chosen.model), structure_of(chosen, variant)
            shared = folder / "weights" if name == "Full" else None
            weights.save(network, folder / "weights", variant.name, structure, {}, shared_from=shared)
    return folder, ("--config-dir", "conf", "weights=weights")


def test_the_place_of_a_tensor_on_another_device_is_named(failing):
    folder, words = failing
    lines = (
        ("run", "+variant=elsewhere", *RUN, "workers=1", *words),
        ("encode", "photos/a.png", "a.jai", "reconstruction=a.png", "+variant=elsewhere", *TINY, *words),
    )
    for line in lines:
        done = bench(*line, cwd=folder)
        assert done.code == 1
        assert says(done.err, "failing.py, line 11, in forward", "device=x.device")


def test_a_full_gpu_is_told_with_what_to_do_and_not_in_torchs_words(failing):
    folder, words = failing
    run = ("run", "+variant=full", *RUN, "workers=1", *words)
    encode = ("encode", "photos/a.png", "a.jai", "reconstruction=a.png", "+variant=full", *TINY, *words)
    for line in (run, encode):
        done = bench(*line, cwd=folder)
        assert done.code == 1
        assert says(done.err, "memory of the GPU", "workers=1", "device=cpu")
        assert "Tried to allocate" not in done.err
    kept = manifests(folder / "results")["full"]  # for the next run, which tells why this one failed
    assert kept["status"] == "failed"
    assert says(kept["error"], "memory of the GPU")


@pytest.mark.parametrize(
    ("words", "workers"),
    [((), 16), (("device=cuda",), MOST_ON_A_GPU), (("device=cuda", "workers=9"), 9), (("workers=9",), 9)],
)
def test_a_few_workers_share_a_gpu_unless_told_otherwise(words, workers):
    chosen = replace(settings("+variant=base", *words), cores=16)
    assert chosen.worker_count == workers
