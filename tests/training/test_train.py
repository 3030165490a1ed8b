import os
import re
import resource
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command import PROGRAM, TINY, bench, is_alive, save_tiny_weights, settings
from messages import refused, says
from trainings import rows, truncate, write_photographs

from jpegai_bench.config.variants import variant_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.network import weight_files, weights
from jpegai_bench.runner.inputs import learned_codec
from jpegai_bench.training.run import train_variant

CPU = ("training.accelerator=cpu", "training.threads=1", "training.data=[photos]")
SMOKE = (*TINY, *CPU, "training=smoke", "training.checkpoint_seconds=0", "training.precision=float32")
FEW = (
    *SMOKE,
    "model.context=none",
    "training.data=[few]",
    *("training.steps=3", "training.warmup_steps=3", "training.log_every=1"),
)
CONTEXT = "model.context=grouped"
"""Of `encoder`."""
STOP = "training.max_minutes=1e-9"


@pytest.fixture
def here(tmp_path, photographs, few, monkeypatch):
    """A folder to work in, with photographs in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").symlink_to(photographs)
    (tmp_path / "few").symlink_to(few)
    return tmp_path


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_tiny_weights(tmp_path_factory.mktemp("encoder"))


def train(*words, variant="base"):
    """In this process; most tests need none of their own."""
    chosen = settings(f"+variant={variant}", *words)
    return train_variant(chosen, variant_of(chosen))


@pytest.fixture(scope="module")
def made(tmp_path_factory, few):
    """Results of `FEW`, `stopped` after a step and `finished`."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "few").symlink_to(few)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with refused("1e-09 minutes", "step 1 of 3", "same command", "stopped/training/base/"):
            train(*FEW, "results=stopped", STOP)
        train(*FEW, "results=finished")
    return folder


def training_of(results):
    """The folder of its one training."""
    [folder] = results.glob("training/base/*")
    return folder


@pytest.fixture
def finished(here, made):
    """`FEW` was finished in the folder to work in: the weights."""
    shutil.copytree(made / "finished", "results")
    return training_of(Path("results")) / "weights"


def start(*words, cwd):
    """The command in a process of its own, which can be interrupted, in a process group of its own."""
    return subprocess.Popen(
        [PROGRAM, "train", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def until(condition, process=None, seconds=120):
    """Wait for what must come; not a measurement."""
    for _ in range(seconds * 20):
        if condition():
            return
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("it never came")


def children(pid):
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def logged(folder, count):
    """Whether that many rows of figures are written."""

    def enough():
        found = list(folder.rglob("log.csv"))
        return bool(found) and len(found[0].read_text().splitlines()) > count

    return enough


def test_killed_in_the_middle_the_same_command_goes_on_to_the_same_weights(here, encoder):
    frozen = (CONTEXT, "training.train=synthesis", f"training.init_from={encoder}")
    write_photographs(here / "others", 1, seed=1)
    words = (*FEW, *frozen, "training.steps=12", "training.validation=[others]", "training.validate_every=4")
    whole = train(*words, "results=whole", variant="combined")

    again = ("+variant=combined", *words, "results=killed", "training.data_workers=2")
    process = start(*again, cwd=here)
    until(logged(here / "killed", 4), process)
    process.send_signal(signal.SIGSTOP)  # or it may be done before the next line is
    with refused("another process"):
        train(*words, "results=killed", variant="combined")
    readers = children(process.pid)
    assert len(readers) >= 2
    process.kill()
    process.communicate()
    assert not list((here / "killed").rglob("weights"))

    done = bench("train", *again, cwd=here)
    assert done.code == 0, done
    folder = Path(done.out.strip())
    assert done.out == f"{folder}\n"
    begun = r"training combined, seed 0: goes on from step (\d+) of 12\n"
    found = re.fullmatch(begun + r"training combined, seed 0: 12 of 12 steps, \d+ s\n", done.err)
    assert found, done.err
    assert 0 < int(found[1]) < 12
    assert folder.parent.name == whole.parent.name
    assert weight_files.ids(here / folder, "combined") == weight_files.ids(whole, "combined")
    assert weight_files.shared_id(whole) == weight_files.shared_id(encoder)
    for name, steps in (("log.csv", range(1, 13)), ("validation.csv", (4, 8, 12))):
        assert [int(row["step"]) for row in rows(here / folder.parent / name)] == list(steps)
    until(lambda: not any(is_alive(pid) for pid in readers))


LONG = (*SMOKE, "training.checkpoint_seconds=3600", "training.steps=3000", "training.log_every=1")


def no_step_is_lost(folder, first):
    """Of those that were done, at least `first`, when it was interrupted."""
    step = torch.load(folder / "checkpoint.pt", weights_only=True)["step"]
    return step == int(rows(folder / "log.csv")[-1]["step"]) >= first


def test_interrupted_it_ends_in_one_line_and_leaves_no_process(here):
    process = start("+variant=base", *LONG, "training.folder=run", "training.data_workers=2", cwd=here)
    until(logged(here / "run", 3), process)
    assert "torchvision" not in Path(f"/proc/{process.pid}/maps").read_text()  # seconds, for nothing
    readers = children(process.pid)
    assert len(readers) >= 2
    os.killpg(process.pid, signal.SIGTERM)  # as a scheduler does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    begun, ended = err.splitlines()
    assert says(begun, "training base", "10 photographs of photos", "torch ")
    assert ended.startswith("jpegai-bench: interrupted; ")
    until(lambda: not any(is_alive(pid) for pid in readers))
    assert no_step_is_lost(here / "run", first=3)


def test_a_full_disk_ends_it_in_one_line_with_the_last_checkpoint_intact(here, made):
    words = ("+variant=base", *FEW, "training.folder=run")
    shutil.copytree(training_of(made / "stopped"), "run")
    before = (here / "run" / "checkpoint.pt").read_bytes()
    full = len(before) // 2
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, usual[1]))
    try:
        done = bench("train", *words, cwd=here)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (done.code, done.out) == (1, "")
    begun = r"training base, seed 0: goes on from step 1 of 3\n"
    told = r"jpegai-bench: run/checkpoint\.pt: the checkpoint cannot be written \(File too large\);.*\n"
    assert re.fullmatch(begun + told, done.err), done.err
    assert (here / "run" / "checkpoint.pt").read_bytes() == before
    assert not list((here / "run").glob(".*.part"))
    assert train(*words[1:]) == Path("run/weights")


def test_a_finished_training_is_found_again(here, finished):
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()}
    assert train(*FEW, "training.log_every=2") == finished
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_a_folder_with_a_training_of_other_settings_is_refused_by_what_differs(here, made, state):
    own = (*FEW, "training.folder=mine")
    shutil.copytree(training_of(made / state), "mine")
    before = {path.name: path.read_bytes() for path in (here / "mine").iterdir() if path.is_file()}
    other = (*own, "training.seed=1", "training.reduction=[0.5,0.6]")
    with pytest.raises(BenchError) as caught:
        train(*other)
    differing = "recipe.reduction was [0.45, 0.75], is [0.5, 0.6], recipe.seed was 0, is 1"
    assert says(str(caught.value), "mine: ", f"({differing})")
    with pytest.raises(BenchError, match="variant was base, is combined"):
        train(*own, variant="combined")
    with pytest.raises(BenchError, match=r"structure\.model\.luma was 8, is 16"):
        train(*own, "model.luma=16")
    assert {path.name: path.read_bytes() for path in (here / "mine").iterdir() if path.is_file()} == before


def test_other_photographs_are_another_training(here, made):
    shutil.copytree(training_of(made / "finished"), "mine")
    write_photographs(here / "more")
    with refused("mine: ", "photographs was"):
        train(*FEW, "training.folder=mine", "training.data=[few,more]")
    assert train(*FEW, "training.folder=mine") == Path("mine/weights")


def test_photographs_that_were_replaced_are_named(here):
    write_photographs(here / "own", 4)
    train(*FEW, "training.folder=mine", "training.data=[own]")
    write_photographs(here / "own", 3, seed=1)
    (here / "own" / "3.png").rename(here / "own" / "4.png")
    told = r"photographs was \w+, is \w+, new: '0\.png' and 3 more, no longer there: '0\.png' and 3 more"
    with pytest.raises(BenchError, match=told):
        train(*FEW, "training.folder=mine", "training.data=[own]")


def test_code_of_ones_own_that_has_changed_is_named(here, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(here))
    own = here / "own_gate.py"
    own.write_text("from torch import nn\n\n\ndef gate(channels):\n    return nn.Identity()\n")
    words = ("+variant.name=mine", "+variant.activation._target_=own_gate.gate", *FEW, "training.folder=mine")

    def go():
        chosen = settings(*words)
        return chosen, train_variant(chosen, variant_of(chosen))

    chosen, folder = go()
    capsys.readouterr()
    learned_codec(replace(chosen, weights=str(folder)), variant_of(chosen), chosen.rdo)
    assert capsys.readouterr().err == ""
    own.write_text(own.read_text().replace("Identity", "ReLU"))
    with pytest.raises(BenchError, match=r"another configuration \(own_gate\.py has changed\)"):
        go()
    learned_codec(replace(chosen, weights=str(folder)), variant_of(chosen), chosen.rdo)
    assert says(capsys.readouterr().err, str(folder), "own_gate.py")


@pytest.mark.parametrize("name", ["shared.safetensors", "base.safetensors"])
def test_weights_that_were_damaged_are_written_again(finished, name, capsys):
    before = weight_files.ids(finished, "base")
    (finished / name).write_bytes((finished / name).read_bytes()[:200])
    assert train(*FEW) == finished
    told = capsys.readouterr().err
    assert f"{name}: not a safetensors file" in told
    assert says(told, "last checkpoint")
    assert says(told, "step 3 of 3")
    assert weight_files.ids(finished, "base") == before


def test_a_folder_that_cannot_be_written_is_told_by_its_setting(here):
    (here / "file").touch()
    with pytest.raises(BenchError, match=r"choose another with training\.folder=PATH"):
        train(*FEW, "training.folder=file")


@pytest.mark.usefixtures("here")
def test_of_unfinished_trainings_of_other_settings_the_newest_is_mentioned_and_other_seeds_are_not(
    made, capsys
):
    shutil.copytree(made / "stopped", "results")

    def told(*words):
        with refused("1e-09 minutes"):
            train(*FEW, *words, STOP)
        [line] = [line for line in capsys.readouterr().err.splitlines() if "a new training" in line]
        return line

    faster = told("training.learning_rate=2e-3")
    assert says(faster, "unfinished", "results/training/base/")
    assert faster.endswith("stays aside: recipe.learning_rate was 0.001, is 0.002")
    fastest = told("training.learning_rate=3e-3")
    assert says(fastest, "recipe.learning_rate was 0.002, is 0.003", "1 more")
    # Of the same learning rate there is one of another seed.
    other = told("training.learning_rate=3e-3", "training.seed=7")
    assert says(other, "recipe.learning_rate was 0.002, is 0.003, recipe.seed was 0, is 7", "1 more")


def test_where_the_weights_are_is_told_of_the_folder_above_them(here, encoder):
    (here / "above").mkdir()
    (here / "above" / "weights").symlink_to(encoder)
    with refused("init_from=above", "above/weights"):
        train(*FEW, "training.init_from=above")
    with refused("init_variant=nosuch", "synthesis"):
        train(*FEW, f"training.init_from={encoder}", "training.init_variant=nosuch")
    with refused("model.chroma is ", "and 16 in"):
        train(*FEW, CONTEXT, f"training.init_from={encoder}", "model.chroma=16")


def test_weights_of_which_nothing_is_known_are_not_taken_for_the_result(here, made):
    shutil.copytree(training_of(made / "finished"), "mine")
    (here / "mine" / "training.json").write_text("{half")
    with refused("mine: ", "training.json"):
        train(*FEW, "training.folder=mine")


@pytest.mark.usefixtures("here")
def test_when_its_time_is_over_weights_so_far_are_there_and_the_end_is_the_same(made):
    shutil.copytree(made / "stopped", "results")  # at step 1
    whole = weight_files.ids(training_of(made / "finished") / "weights", "base")
    unfinished = training_of(Path("results")) / "unfinished"
    first = weight_files.ids(unfinished, "base")
    with refused("at step 2 of 3", "weights") as caught:
        train(*FEW, STOP)
    assert str(caught.value).rpartition(" ")[2] == str(unfinished)
    second = weight_files.ids(unfinished, "base")
    assert len({first.shared, second.shared, whole.shared}) == 3
    assert weight_files.ids(train(*FEW, STOP), "base") == whole


def test_the_weights_tell_how_they_were_made(here, encoder):
    write_photographs(here / "some", 4)
    truncate(here / "some" / "2.png")
    (here / "some" / "bad.png").touch()
    folder = train(
        *FEW,
        CONTEXT,
        "training.data=[some]",
        f"training.init_from={encoder}",
        "training.init_variant=base",
    )
    meta = weights.read(folder / "base.safetensors", "synthesis")[1]
    for said in ('"steps": 3', '"step": 3', '"photographs": 4', '"eased": 1.0', '"version"', '"waiting"'):
        assert said in meta["note"]


def test_what_is_left_out_is_counted_and_named_once(here, capsys):
    write_photographs(here / "some", 3)
    for number in range(12):
        (here / "some" / f"bad{number:02}.png").touch()
    train(*FEW, "training.data=[some]")
    lines = capsys.readouterr().err.splitlines()
    assert sum("not a picture" in line for line in lines) == 10
    assert sum("2 more photographs" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["training.data=[]"], ("training photographs", "training.data=")),
        (["training.data=[gone]"], ("gone: no such folder", "training")),
        (["training.data=[empty]"], ("training photograph", "empty")),
        (["training.crop=128"], ("training.crop=128",)),
        (["training.validation=[empty]"], ("validation photograph", "empty")),
        (["training.init_from=gone"], ("init_from=gone: no such folder",)),
        (["training.folder=photos/0.png"], ("0.png: cannot be written",)),
    ],
)
def test_what_cannot_be_trained_is_told_before_anything_is_written(here, words, said):
    (here / "empty").mkdir()
    with refused(*said):
        train(*FEW, *words)
    assert not (here / "results").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told(here):
    with pytest.raises(UsageError, match=r"training\.accelerator=gpu: there is no GPU"):
        train(*FEW, "training.accelerator=gpu")


def test_a_learning_rate_at_which_it_diverges_is_told(here, capsys):
    wild = ("training.learning_rate=1e10", "training.gradient_clip=1e30", "training.steps=100")
    with refused("diverges at step 36", "0.03125 of the learning rate", "lower"):
        train(*SMOKE, "model.context=none", "training.data=[few]", *wild)
    _, *lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert all("5 gradients" in line for line in lines)
    assert not list(here.rglob("*.safetensors"))


def test_weights_that_cannot_be_stored_are_not(here):
    wild = ("training.learning_rate=1e6", "training.warmup_steps=1", "training.steps=1")
    with refused("diverged", "float16"):
        train(*SMOKE, *wild)
    assert not list(here.rglob("*.safetensors"))
