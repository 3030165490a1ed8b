"""`device=`: of what codes and decodes, told in one line where there is no such device, and below a table."""

import pytest
import torch
from command import DATA, RUN, TINY, bench, fails, photographs
from plausible_store import write_seven

from jpegai_bench.report.gather.studies import Selection, studies
from jpegai_bench.store.store import Store, pretty

WITHOUT = "cuda:99" if torch.cuda.is_available() else "cuda"


def coded_on(store, device, labels):
    for run in store.runs():
        if run.label in labels:
            made_by = {**run.manifest["codec"], "device": device}
            (run.folder / "run.json").write_bytes(pretty({**run.manifest, "codec": made_by}))


@pytest.mark.parametrize("device", [WITHOUT, "gpu", "true", "cpu:0"])
def test_a_device_that_is_not_there_is_told_before_any_work(tmp_path, tiny_weights, device):
    reason = "cannot be used" if device == WITHOUT else "choose cpu, or cuda"
    photos = photographs(tmp_path / "photos")
    own = (*TINY, f"weights={tiny_weights}", f"device={device}")
    coded = bench("encode", photos / "a.png", "a.jai", *TINY, f"weights={tiny_weights}", cwd=tmp_path)
    assert coded.code == 0, coded.err
    lines = (
        ("run", "+variant=base", *RUN, *own[len(TINY) :]),
        ("encode", photos / "a.png", "b.jai", *own),
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


def test_a_table_says_what_a_gpu_coded(tmp_path):
    store = Store(tmp_path)
    write_seven(store)
    coded_on(store, "cuda", ("base", "combined"))
    [(study, _)] = studies(store, Selection())
    assert "Coded and decoded on cuda: base, combined." in study.notes


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
    fails(bench(*words, *RUN, *trained, cwd=tmp_path), f"device={WITHOUT}", code=2)
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
    own = (*RUN, f"weights={tiny_weights}", "metrics.only=[psnr_y]", f"device=cpu,{WITHOUT}", "workers=1")
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
