"""Coding times: each codec alone in a process on one core, kept with the machine, found again by content."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from command import (
    PROGRAM,
    TINY,
    bench,
    fails,
    is_alive,
    modules_loaded,
    photographs,
    picture,
    settings,
    several,
)
from messages import refused, says
from odd_codecs import Broken, Sleeping, Telling
from torch import nn

from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.codecs.rates import nearest_quality
from jpegai_bench.config.variants import structure_of, variant_names, variant_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import load
from jpegai_bench.latency import timing
from jpegai_bench.latency.timing import Timing
from jpegai_bench.network import weights
from jpegai_bench.network.codec import Network
from jpegai_bench.network.kernels import library
from jpegai_bench.report.tables.latency import as_frame
from jpegai_bench.store.leases import Holder
from jpegai_bench.store.store import Store
from jpegai_bench.store.times import decode_seconds, latest_of, latest_times

PHOTOS = ("dataset=folder", "dataset.path=photos", "repeats=2", "processes=1")


class Uncounted(nn.Module):
    """By the inverse of its weights, whose multiplications there is no formula for."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(channels)[:, :, None, None])

    def forward(self, x):
        inverse = torch.linalg.inv(self.weight[:, :, 0, 0])
        return nn.functional.conv2d(x, inverse[:, :, None, None])


def tiny_codec(folder, variant="base", **changes):
    chosen = settings(f"+variant={variant}", *TINY)
    named = variant_of(chosen)
    made = LearnedCodec(variant, partial(named.network, chosen.model), structure_of(chosen, named), folder)
    return replace(made, **changes)


@pytest.fixture
def images(tmp_path):
    photographs(tmp_path / "photos")
    return load("folder", tmp_path / "photos").images


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def time_it(store, codec, images, qualities=(1.0,), repeats=2, processes=1):
    timing = Timing(store, codec, "photos", images, qualities, repeats)
    for _ in range(processes):
        timing.time(lambda image: None)
    return timing.keep()


def test_every_picture_takes_what_the_codec_takes_though_it_keeps_what_it_saw(store, images):
    _, told = time_it(store, Sleeping(), images, repeats=3)
    assert [one["image"] for one in told["pictures"]] == ["a", "b"]
    for one in told["pictures"]:
        assert len(one["encode_repeats_s"]) == len(one["decode_repeats_s"]) == 3
        assert min(one["encode_repeats_s"] + one["decode_repeats_s"]) >= 0.05
    summary = told["summary"]
    for what in ("encode", "decode"):
        medians = [one[f"{what}_s"] for one in told["pictures"]]
        assert summary[f"{what}_s"] == pytest.approx(np.mean(medians))
        assert summary[f"{what}_lowest_s"] <= summary[f"{what}_s"] <= summary[f"{what}_highest_s"]
        pixels = 80 * 72 + 65 * 81
        assert summary[f"{what}_mp_s"] == pytest.approx(pixels / 1e6 / sum(medians))
    assert summary["encode_start_up_s"] is None  # it runs no program
    assert "kernels" not in told["versions"]
    assert told["busy"] is True  # its core had nothing to do for it
    assert told["cpu_share"] < 0.5


def test_a_module_that_cannot_be_counted_is_timed_all_the_same(store, images, tiny_weights, tmp_path):
    base, chosen = tiny_codec(tiny_weights), settings("+variant=base", *TINY)
    size = chosen.model.network_size()
    make = partial(Network, size, replace(variant_of(chosen).modules(size), activation=Uncounted))
    structure = {**base.structure, "modules": {}}
    weights.save(make(), tmp_path, "mine", structure, {}, shared_from=tiny_weights)
    mine = replace(base, name="mine", make_network=make, structure=structure, folder=tmp_path)
    _, told = time_it(store, mine, images[:1])
    assert told["versions"]["kernels"] == library.version()
    assert "aten::linalg_inv" in told["work_not_counted"]
    parts = {part["part"]: part for part in told["decode_parts"]}
    assert parts["luma act1"]["s"] > 0
    assert {part["kmacs_px"] for part in parts.values()} == {None}
    assert told["peak"] == {}


def test_what_is_wrong_with_the_command_line_is_said_so_by_the_process_that_times(
    store, images, tiny_weights
):
    with refused("device=cuda:99", "cannot be used") as error:
        time_it(store, tiny_codec(tiny_weights, device="cuda:99"), images[:1])
    assert error.type is UsageError


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_parts_and_whole_are_timed_apart_and_its_memory_is_measured(store, images, tiny_weights):
    _, told = time_it(store, tiny_codec(tiny_weights, device="cuda"), images[:1])
    assert told["device"] == told["codec"]["device"] == "cuda"
    (one,) = told["pictures"]
    assert one["decode_parts_repeats_s"]["whole"] != one["decode_repeats_s"]
    assert 0 < one["decode_peak_bytes"] < 100e6
    assert told["peak"]["float32"]["gflop_s"] > 100
    assert all(part["s"] > 0 for part in told["decode_parts"] if part["part"] != "rest")


def test_it_runs_on_one_core_and_in_one_thread_whatever_the_environment(store, images, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    cores = os.sched_getaffinity(0)
    _, told = time_it(store, Telling(seconds=0, file=str(tmp_path / "told")), images[:1])
    pid, seen, threads = json.loads((tmp_path / "told").read_text())
    assert pid != os.getpid()
    assert not is_alive(pid)
    assert seen == told["affinity"] == [told["core"]]
    assert threads == 1
    assert set(told["threads"].values()) == {1}
    assert "torch" in told["threads"]
    assert os.sched_getaffinity(0) == cores
    assert os.environ["OMP_NUM_THREADS"] == "4"


@pytest.mark.parametrize(
    ("how", "said"), [("dies", "exit status 3"), ("raises", "ZeroDivisionError: division by zero")]
)
def test_a_codec_that_ends_its_process_or_has_a_defect_is_told_in_one_line(store, images, how, said):
    with pytest.raises(BenchError, match=f"^broken: .*{said}"):
        time_it(store, Broken(how=how), images)
    assert not list(store.root.rglob("*"))


def test_a_codec_that_hangs_is_ended_with_the_program_it_waits_for(store, images, tmp_path, monkeypatch):
    file = tmp_path / "pids"
    file.touch()

    def timeout(codec):
        """Asked for once the process is started, which takes its time on a busy machine."""
        wait_until(lambda: len(file.read_text().split()) == 2, 60)
        return 0.25

    codec = Broken(how="hangs", file=str(file))
    monkeypatch.setattr(Broken, "timeout", property(timeout))
    monkeypatch.setattr(timing, "_GRACE", 0.5)
    with refused("broken: ", "0.75 s"):
        time_it(store, codec, images)
    wait_until(lambda: not any(is_alive(int(pid)) for pid in file.read_text().split()))


def wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("rising", [True, False])
def test_the_quality_nearest_to_the_wanted_rate_is_found_without_coding_all(rising):
    grid = [float(quality) for quality in range(1, 16)]
    rates = dict(zip(grid, np.geomspace(0.05, 3, len(grid))[:: 1 if rising else -1], strict=True))
    for wanted in (0.01, 0.06, 0.5, 1.9, 7.0):
        asked = []

        def rate_of(quality, asked=asked):
            asked.append(quality)
            return rates[quality]

        found = nearest_quality(grid, rate_of, wanted)
        assert found == min(grid, key=lambda quality: abs(rates[quality] - wanted))
        assert len(asked) == len(set(asked)) <= 6


def test_qualities_of_equal_rate_do_not_end_the_search():
    rates = dict(zip(range(1, 13), (3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 0.5, 0.5), strict=True))
    for wanted, nearest in ((2.9, 3), (2, 2), (1.2, 1), (0.1, 0.5)):
        assert rates[nearest_quality(list(rates), rates.__getitem__, wanted)] == nearest
    assert nearest_quality([1, 2, 3], lambda quality: 0.2) in (1, 2, 3)


def test_one_quality_alone_is_taken_as_it_is():
    assert nearest_quality([32.0], lambda quality: pytest.fail("coded")) == 32.0


def test_the_rate_is_that_of_the_grid_nearest_to_half_a_bit(store, images):
    codec = Pillow("jpeg")
    _, told = time_it(store, codec, images, codec.qualities)
    pixels = {image.name: image.read() for image in images}

    def rate(quality):
        sizes = (len(codec.encode(one, quality).data) * 8 / (one.size / 3) for one in pixels.values())
        return np.mean(list(sizes))

    assert told["quality"] == min(codec.qualities, key=lambda quality: abs(rate(quality) - 0.5))
    assert told["summary"]["bpp"] == pytest.approx(rate(told["quality"]))


def test_times_are_found_by_content_the_newest_and_none_of_a_busy_machine(store, images):
    codec = Sleeping(seconds=0.01)
    folder, told = time_it(store, codec, images)
    assert decode_seconds(store, codec.fingerprint()) is None  # it slept: the machine may have been busy

    def rewrite(folder, **changes):
        path = folder / "latency.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    rewrite(folder, busy=False)
    assert decode_seconds(store, codec.fingerprint()) == told["summary"]["decode_s"] >= 0.01
    assert decode_seconds(store, codec.fingerprint(), told["images_key"]) == told["summary"]["decode_s"]
    assert decode_seconds(store, Sleeping(seconds=0.02).fingerprint()) is None
    assert decode_seconds(store, codec.fingerprint(), "other images") is None

    again, newer = time_it(store, codec, images)
    assert again == folder
    rewrite(again, busy=False)
    assert latest_times(store, codec.fingerprint())["start"] == newer["start"] > told["end"]
    other, _ = time_it(store, codec, images[:1])
    assert other != folder  # of other images; busy, and so not taken
    assert decode_seconds(store, codec.fingerprint()) == newer["summary"]["decode_s"]
    rewrite(other, busy=False)
    assert latest_times(store, codec.fingerprint())["images_key"] != newer["images_key"]
    (other / "latency.json").write_text("{")
    assert decode_seconds(store, codec.fingerprint()) == newer["summary"]["decode_s"]


def test_base_is_found_among_what_was_timed_likewise_wherever_its_weights_lie(store, images):
    _, like = time_it(store, Pillow("jpeg"), images, (50.0,))
    assert latest_of(store, "base", like) is None

    def keep(key, **changes):
        folder = store.run_folder("latency", "base", key)
        folder.mkdir(parents=True)
        told = {**like, "label": "base", "busy": False, "decode_parts": [{}], "end": key, **changes}
        (folder / "latency.json").write_text(json.dumps(told))

    keep("1")
    keep("2")
    keep("3", quality=51.0)
    keep("4", busy=True)
    keep("5", decode_parts=[])
    keep("6", label="combined")
    assert latest_of(store, "base", like)["end"] == "2"


def test_tables_can_ask_for_times_without_torch(tmp_path):
    code = "import sys; from jpegai_bench.latency import timing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
    assert modules_loaded(["latency", "--help"], cwd=tmp_path) == []


@pytest.fixture(scope="module")
def measured(tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp("latency")
    photographs(folder / "photos")
    (folder / "conf/variant").mkdir(parents=True)
    (folder / "conf/variant/mine.yaml").write_text(
        "name: mine\nattention_half: {_target_: torch.nn.Identity}\n"
    )
    hevc = ("anchor.hevc.qualities=[30]", "anchor.hevc.preset=medium")
    twice = ("repeats=1", "processes=2")
    done = several(
        ["latency", "codec=[jpeg,hevc,hm]", *hevc, "anchor.hm.encoder=nowhere/hm", *PHOTOS, *twice],
        ["latency", "codec=jpeg", "quality=30", *PHOTOS, "format=csv"],
        ["latency", *TINY, f"weights={tiny_weights}", *PHOTOS, "results=every", "--config-dir", "conf"],
        cwd=folder,
    )
    return folder, done


@pytest.fixture(scope="module")
def base(measured):
    """What is kept of `base`, and its row."""
    (kept,) = (measured[0] / "every/latency/base").glob("*/latency.json")
    told = json.loads(kept.read_text())
    (row,) = as_frame([told], told).to_dict("records")
    return told, row


def test_codecs_are_timed_and_kept_with_the_machine(measured):
    folder, (done, *_) = measured
    kept = [folder / line for line in done.out.splitlines() if line.startswith("results/latency/")]
    jpeg, hevc = (json.loads((path / "latency.json").read_text()) for path in kept)
    for told, path in zip((jpeg, hevc), kept, strict=True):
        assert path == folder / "results/latency" / told["label"] / told["key"]
        assert told["machine"]["cpu"] in done.out
        assert {"torch", "pillow", "numpy", "jpegai-bench", "python"} <= told["versions"].keys()
        assert set(told["images"]) == {"a", "b"}
        assert told["start"] < told["end"]
        assert (told["repeats"], len(told["processes"])) == (1, 2)
        assert isinstance(told["busy"], bool)
        assert 0 < told["cpu_share"] <= 1
        assert told["load"] >= 0
        assert told["note"] in done.out
        assert len(told["affinity"]) == 1
    assert jpeg["codec"] == Pillow("jpeg").fingerprint()
    start_up = [hevc["summary"][f"{what}_start_up_s"] for what in ("encode", "decode")]
    assert min(start_up) > 0
    assert jpeg["summary"]["encode_start_up_s"] is None
    warned = [line for line in done.err.splitlines() if "do not trust" in line]
    assert len(warned) == any(told["busy"] for told in (jpeg, hevc))
    begun = [line.split()[1] for line in done.err.splitlines() if line.startswith("timing ")]
    assert begun == ["jpeg", "hevc", "jpeg", "hevc"]  # so that what slows the machine slows both


def test_a_codec_that_cannot_be_used_is_named_and_the_others_are_timed(measured):
    folder, (done, *_) = measured
    assert done.code == 1
    assert says(done.err, "jpegai-bench: ", "hm: ", "nowhere/hm")
    assert "Traceback" not in done.err
    assert {path.name for path in (folder / "results/latency").iterdir()} == {"jpeg", "hevc"}


def test_a_variant_is_timed_as_a_whole_codec(base):
    told, row = base
    assert row["codec"] == "base"
    assert row["decode_s"] > 0
    assert told["device"] == row["device"] == "cpu"
    assert {"shared_weights", "synthesis_weights"} <= told["codec"].keys()
    assert told["quality"] in range(6)
    assert told["threads"]["torch"] == 1


def test_its_parts_and_the_rest_come_to_the_whole_in_every_repeat(base):
    told, row = base
    for step in ("encode", "decode"):
        for one in told["pictures"]:
            parts = dict(one[f"{step}_parts_repeats_s"])
            whole = parts.pop("whole")
            assert whole == one[f"{step}_repeats_s"]
            assert [sum(repeat) for repeat in zip(*parts.values(), strict=True)] == pytest.approx(whole)
            assert min(parts.pop("rest")) > 0
        parts = {part["part"]: part for part in told[f"{step}_parts"]}
        assert parts["whole"]["s"] == told["summary"][f"{step}_s"]
        for name, part in parts.items():
            if name != "whole":
                slug = name.replace(" ", "_").replace("/", "_").replace("-", "_")
                assert row[f"{step}_{slug}_s"] == pytest.approx(part["s"], rel=1e-11)
                assert part["lowest_s"] <= part["s"] <= part["highest_s"]


def test_the_share_of_the_machines_peak_and_the_memory_are_told(base):
    told, row = base
    assert 0 < row["decode_luma_up1_peak_share"] < 1
    gflop = row["decode_luma_up1_gflop_s"] / row["peak_float32_gflop_s"]
    assert row["decode_luma_up1_peak_share"] == pytest.approx(gflop)
    exact = row["decode_hyper_synthesis_gflop_s"] / row["peak_float64_gflop_s"]
    assert row["decode_hyper_synthesis_peak_share"] == pytest.approx(exact)
    assert row["decode_range_decoding_peak_share"] is None
    # 96x96 pixels are computed of 80x72, and of 65x81
    seconds = row["decode_luma_up1_s"]
    flops = 2 * 1000 * row["decode_luma_up1_kmacs_px"] * 96 * 96
    assert row["decode_luma_up1_gflop_s"] == pytest.approx(flops / 1e9 / seconds)
    assert row["decode_peak_mb"] == max(one["decode_peak_bytes"] for one in told["pictures"]) / 1e6


def test_where_nothing_is_named_every_variant_with_weights_is_timed_and_set_against_base(measured):
    folder, (*_, done) = measured
    assert done.code == 0, done.err
    kept = [folder / line for line in done.out.splitlines() if line.startswith("every/latency/")]
    assert [path.parent.name for path in kept] == ["base", "combined"]
    left_out = [line for line in done.err.splitlines() if line.startswith("jpegai-bench: left out: ")]
    assert len(left_out) == len(variant_names()) - 2 + 1
    for name in ("attention_cs", "mine"):
        assert f"no {name}.safetensors" in "".join(left_out)
    assert "kMACs are not time" in done.out
    assert "luma attention 1/2" in done.out
    (row,) = [line.split() for line in done.out.splitlines() if re.match(r" ?base\*? .* 1\.00 ", line)]
    assert row.count("1.00") == 4
    base, combined = (json.loads((path / "latency.json").read_text()) for path in kept)
    frame = as_frame([base, combined], base).set_index("codec")
    seconds = combined["summary"]["decode_s"] / base["summary"]["decode_s"]
    assert frame.loc["combined", "decode_s_vs_base"] == pytest.approx(seconds)
    assert frame.loc["combined", "decoder_kmacs_px_vs_base"] < 1
    assert frame.loc["base", "luma_synthesis_s_vs_base"] == 1.0


def test_beside_a_run_at_work_nothing_is_timed(tmp_path):
    photographs(tmp_path / "photos")
    jpeg = ("latency", "codec=jpeg", "quality=50", *PHOTOS, "format=csv")
    store = Store(tmp_path / "results")
    folder = store.run_folder("runs", "base", "0" * 24)

    def mark(folder, **about):
        own = vars(Holder.this_process())
        store.write_run(folder, {"label": "base", "status": "running", **own, **about})

    mark(folder)
    fails(bench(*jpeg, cwd=tmp_path), "results/runs/base/000", f"process {os.getpid()}", "wait until")
    assert not (tmp_path / "results/latency").exists()
    ended = subprocess.Popen(["true"])
    ended.wait()
    mark(folder, pid=ended.pid)
    mark(store.run_folder("runs", "base", "1" * 24), host="another machine")
    assert bench(*jpeg, cwd=tmp_path).code == 0


def test_times_during_which_a_run_began_are_not_to_be_trusted(store, images):
    begun = {"label": "base", "status": "running", **vars(Holder.this_process())}
    store.write_run(store.run_folder("runs", "base", "0" * 24), begun)
    _, told = time_it(store, Pillow("jpeg"), images, (50.0,))
    assert told["runs_beside"] == ["runs/base/" + "0" * 24]
    assert told["busy"] is True


def test_a_quality_asked_for_is_the_one_that_is_timed(measured):
    _, (*_, done, _) = measured
    assert done.code == 0, done.err
    (row,) = csv.DictReader(done.out.splitlines())
    assert (row["codec"], row["quality"]) == ("jpeg", "30.0")
    assert float(row["encode_s"]) > 0
    assert float(row["decode_mp_s"]) > 0
    assert row["encode_start_up_s"] == "NA"


def test_bad_settings_and_pictures_are_told(tmp_path):
    photographs(tmp_path / "photos")
    (tmp_path / "photos/c.png").write_bytes((tmp_path / "photos/a.png").read_bytes()[:999])
    jpeg = ("codec=jpeg", *PHOTOS)
    cases = {
        ("latency", *jpeg, "repeats=0"): "repeats=0: must be at least 1",
        ("latency", *jpeg, "processes=0"): "processes=0: must be at least 1",
        ("latency", *jpeg, "quality=200"): "jpeg: quality 200 is not",
        ("latency", "codec=[jpeg,webp]", *PHOTOS, "quality=30"): "choose one codec",
        ("latency", "codec=jpegai_vtm", *PHOTOS): "nothing can be coded",
        ("latency", "codec=jpg", *PHOTOS): "did you mean jpeg?",
        ("latency", "codec=jpeg", "dataset=folder", "dataset.path=nowhere"): "no such folder",
        ("latency", *jpeg, "device=cuda"): "device=cuda: only variants",
        ("latency", "+variant=base", *PHOTOS, "device=nonsense"): "device=nonsense: choose cpu, or cuda",
        ("latency", *PHOTOS, "model=paper"): "no variant has weights for model=paper",
    }
    *refused, cut = several(*cases, ["latency", *jpeg, "format=csv"], cwd=tmp_path)
    for done, said in zip(refused, cases.values(), strict=True):
        lines = [line for line in done.err.splitlines() if "bench: left out" not in line]
        usage = (
            *("must be at least 1", "choose one codec", "did you mean jpeg?", "only variants"),
            "choose cpu, or cuda",
        )
        wrong = said.endswith(usage)
        fails(type(done)(done.code, done.out, "\n".join(lines)), said, code=2 if wrong else 1)
    assert cut.code == 1
    assert "left out: " in cut.err
    assert "c.png: damaged" in cut.err
    assert next(csv.DictReader(cut.out.splitlines()))["images"] == "2"
    fails(bench("run", "repeats=3", cwd=tmp_path), "run takes no repeats", code=2)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_it_leaves_no_process_behind(tmp_path, how):
    picture(64, 64).save(photographs(tmp_path / "photos") / "c.png")
    node = tmp_path / "conf/anchor"
    node.mkdir(parents=True)
    script = f"sh -c 'echo $$ $PPID > {tmp_path}/pids; exec sleep 600' {{input}} {{output}} {{quality}}"
    (node / "slow.yaml").write_text(
        "slow:\n  _target_: jpegai_bench.codecs.command.Command\n  qualities: [1]\n"
        f'  encode: "{script}"\n  decode: "cp {{input}} {{output}}"\n'
    )
    command = [PROGRAM, "latency", "--config-dir", "conf"]
    process = subprocess.Popen(
        [*command, "codec=slow", *PHOTOS],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    file = tmp_path / "pids"
    wait_until(lambda: process.poll() is not None or (file.exists() and file.read_text()), 60)
    assert process.poll() is None, process.stderr.read()
    pids = [int(pid) for pid in file.read_text().split()]
    assert all(map(is_alive, pids))
    os.killpg(process.pid, how)
    _, told = process.communicate(timeout=60)
    assert process.returncode != 0
    if how == signal.SIGINT:
        assert process.returncode == 1
        assert told.splitlines()[-1] == "jpegai-bench: interrupted"
    assert "Traceback" not in told
    wait_until(lambda: not any(map(is_alive, pids)))
