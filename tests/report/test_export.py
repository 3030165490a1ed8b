"""`export`: one archive whose tables follow from what is in it."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zipfile

import pytest
from command import PROGRAM, bench, fails, modules_loaded, several, tree
from synthetic import WEIGHTS_NOTE, add_times, fill_store
from test_own_experiment import FIGURES, MINE, VARIANT, keep

from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.replicates import recipe_digest
from jpegai_bench.store.store import Store

SEEDS = {"base": (0, 1, 2), "combined": (0, 1, 2)}
HOME = "/home/somebody"


def unpacked(archive, into):
    """The one folder in an archive."""
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        packed.extractall(into)
    [folder] = into.iterdir()
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The paper's variants, three seeds of two, their times, one that failed, and a run of something else."""
    folder = tmp_path_factory.mktemp("filled")
    store = fill_store(folder / "results", seeds=SEEDS, images=6, host=socket.gethostname())
    keep(store, *average_of())
    for label in ("base", "combined"):
        add_times(store, label, 2.0, host=socket.gethostname())
        times = store.root / "latency" / label
        (times / socket.gethostname()).rename(times / "1")  # real ones are named by content too
    shutil.copytree(store.root / "runs/activation", store.root / "runs/elsewhere")
    [path] = store.root.glob("runs/elsewhere/*/run.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"label": "elsewhere"}))
    [path] = store.root.glob("runs/upsampling/*/run.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed", "error": "no memory"}))
    for path in store.root.glob("runs/*/*/run.json"):
        manifest = json.loads(path.read_text())
        manifest["config"]["dataset"]["path"] = f"{HOME}/photos/kodak"
        manifest["config"]["weights"] = manifest["weights"] = f"{HOME}/weights"
        path.write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def packed(filled, tmp_path_factory):
    """The paper's experiment, packed and unpacked."""
    done = bench("export", "experiment=vcip2023", cwd=filled)
    assert (done.code, done.out) == (0, "results/export/vcip2023.zip\n"), done.err
    return unpacked(filled / "results/export/vcip2023.zip", tmp_path_factory.mktemp("packed"))


def test_it_has_the_runs_behind_the_tables_and_no_other(packed):
    runs = {
        path.parent.relative_to(packed / "results/runs").as_posix()
        for path in packed.glob("results/runs/*/*/run.json")
    }
    labels = {run.split("/")[0] for run in runs}
    assert labels == {
        "base",
        "activation",
        "upsampling",
        "attention_cs",
        "attention_ds",
        "combined",
        "combined_ds",
    }
    assert sum(run.startswith("base/") for run in runs) == 3
    assert (packed / "results/anchors/vvc/0/points.csv").is_file()
    assert {path.parts[-3] for path in packed.glob("results/latency/*/*/latency.json")} == {
        "base",
        "combined",
    }
    assert len(list(packed.glob("configs/*.yaml"))) == len(runs)
    assert not (packed / "conf").exists()
    assert list(packed.glob("results/plots/vcip2023/*.pdf"))
    assert not [path for path in packed.rglob("*") if path.name.startswith(".")]


def test_its_tables_are_those_of_the_store_and_follow_from_what_is_in_it(filled, packed):
    assert bench("tables", "experiment=vcip2023", cwd=filled).code == 0
    ours = tree(filled / "results/tables/vcip2023")
    assert tree(packed / "results/tables/vcip2023") == ours
    assert b"over 3 seeds" in b"".join(ours.values()) or b"seeds" in b"".join(ours.values())
    [command] = re.findall(r"^    (jpegai-bench tables.*)$", (packed / "README.md").read_text(), re.MULTILINE)
    shutil.rmtree(packed / "results/tables")
    done = bench(*command.split()[1:], cwd=packed)
    assert done.code == 0, done.err
    assert tree(packed / "results/tables/vcip2023") == ours


def test_its_hashes_are_those_of_its_files(filled, tmp_path):
    folder = unpacked(filled / "results/export/vcip2023.zip", tmp_path / "in")
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    told = dict(reversed(line.split("  ", 1)) for line in lines)
    files = tree(folder)
    del files["SHA256SUMS"]
    assert told == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_an_equal_store_gives_equal_bytes(filled, packed):
    """Over those that are there."""
    archive = filled / "results/export/vcip2023.zip"
    before, made = archive.read_bytes(), archive.stat().st_mtime_ns
    same = bench("export", "experiment=vcip2023", cwd=filled)
    assert same.code == 0, same.err
    assert archive.read_bytes() == before
    assert archive.stat().st_mtime_ns != made


def test_without_an_experiment_it_has_all_that_the_tables_show(filled, tmp_path):
    archive = tmp_path / "other/whole.zip"
    done = bench("export", "dataset=kodak", "peers=all", f"dest={archive}", cwd=filled)
    assert (done.code, done.out) == (0, f"{archive}\n"), done.err
    folder = unpacked(archive, tmp_path / "in")
    assert folder.name == "kodak-small"
    assert (folder / "results/runs/elsewhere").is_dir()
    assert (folder / "results/anchors/vvc").is_dir()
    before = tree(folder / "results/tables")
    assert set(before) >= {"kodak-small-results.csv", "kodak-small-results.md"}
    assert "jpegai-bench tables dataset=kodak peers=all" in (folder / "README.md").read_text()
    assert bench("tables", "dataset=kodak", "peers=all", cwd=folder).code == 0
    assert tree(folder / "results/tables") == before


def secretive(filled, into):
    """A store whose manifests name a person's folders in every way that they may."""
    shutil.copytree(filled / "results", into / "results")
    host = socket.gethostname()
    lab = f"{HOME} (secret lab)/exp 7"
    for path in into.glob("results/runs/*/*/run.json"):
        manifest = json.loads(path.read_text())
        manifest["config"] |= {
            "weights": f"{lab}/weights",
            "url": f"file://{HOME}/mirror",
            "plot": "../jane/x.png",
        }
        manifest["config"]["dataset"]["path"] = HOME
        manifest |= {"weights": f"{lab}/weights", "note": "weights weights, encoder 12"}
        manifest["failures"] = [
            {"image": "kodim01", "message": f"at {host}: {lab}/a.png", "details": "File /x/y"}
        ]
        path.write_text(json.dumps(manifest))
    [path] = into.glob("results/runs/upsampling/*/run.json")
    told = {"error": f"{lab}/up.png: being measured by process 3 on {host}"}
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    return host


def test_anonymous_names_neither_machine_nor_folder(filled, tmp_path):
    host = secretive(filled, tmp_path)
    words = ["experiment=vcip2023", "dataset=kodak", f"dataset.path={HOME}/kodak", "anonymous=true"]
    done = bench("export", *words, cwd=tmp_path)
    assert (done.code, done.out) == (0, "results/export/vcip2023-kodak-anonymous.zip\n"), done.err
    folder = unpacked(tmp_path / done.out.strip(), tmp_path / "in")
    texts = {
        name: data.decode() for name, data in tree(folder).items() if not name.endswith((".png", ".pdf"))
    }
    for secret in (
        "/home",
        "somebody",
        "secret lab",
        "exp 7",
        "jane",
        f"on {host}",
        f"({host})",
        f'"{host}"',
    ):
        assert [name for name, text in texts.items() if secret in text] == [], secret
    [manifest] = [json.loads(p.read_text()) for p in folder.glob("results/runs/activation/*/run.json")]
    assert re.fullmatch(r"folder \d+", manifest["config"]["dataset"]["path"])
    assert manifest["weights"] == manifest["config"]["weights"]
    assert manifest["note"] == f"weights {manifest['weights']}, encoder 12"
    assert manifest["failures"] == [{"image": "kodim01", "message": "left out", "details": ""}]
    assert re.fullmatch(r"machine \d", manifest["host"])
    assert "pid" not in manifest
    assert "machine " in texts["results/tables/vcip2023/kodak-small-combination.csv"]
    [command] = re.findall(r"^    (jpegai-bench tables.*)$", texts["README.md"], re.MULTILINE)
    before = tree(folder / "results/tables")
    again = bench(*command.split()[1:], cwd=folder)
    assert again.code == 0, again.err
    assert tree(folder / "results/tables") == before


def test_an_own_configuration_that_names_a_folder_is_found(filled, tmp_path):
    secretive(filled, tmp_path)
    keep(Store(tmp_path / "results"), "vif")
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/experiment/ours.yaml").write_text(
        MINE.replace("[mine, activation]", "[activation]").replace(
            "  published: ours.csv\n", f"  title: of {HOME}\n"
        )
    )
    done = bench("export", "experiment=ours", "anonymous=true", "--config-dir", "conf", cwd=tmp_path)
    fails(done, "README.md, conf/experiment/ours.yaml", f"would still name {HOME}; ", "nothing was written")
    assert not (tmp_path / "results/export/ours-anonymous.zip").exists()


def test_an_own_preset_comes_along_and_its_tables_are_made_again(tmp_path):
    keep(fill_store(tmp_path / "results", ("base", "activation"), images=6, model="mine"), "vif")
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/mine.yaml").write_text("defaults: [small, _self_]\nname: mine\n")
    done = bench("export", "model=mine", "--config-dir", "conf", cwd=tmp_path)
    assert (done.code, done.out) == (0, "results/export/kodak-mine.zip\n"), done.err
    folder = unpacked(tmp_path / "results/export/kodak-mine.zip", tmp_path / "in")
    assert set(tree(folder / "conf")) == {"model/mine.yaml"}
    [command] = re.findall(r"^    (jpegai-bench tables.*)$", (folder / "README.md").read_text(), re.MULTILINE)
    before = tree(folder / "results/tables")
    again = bench(*command.split()[1:], cwd=folder)
    assert again.code == 0, again.err
    assert tree(folder / "results/tables") == before


def test_ended_in_the_middle_it_leaves_nothing(tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    fill_store(folder / "results", ("base",), images=2)
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [PROGRAM, "export", "dataset=kodak", f"dest={tmp_path}/x.zip"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 100
    while not list((tmp_path / "scratch").rglob("*.pdf")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.splitlines()[-1] == "jpegai-bench: interrupted"
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not [path for path in (tmp_path / "scratch").iterdir() if "matplotlib" not in path.name]


def test_an_experiment_of_ones_own_brings_its_configurations(tmp_path):
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/variant").mkdir()
    (tmp_path / "conf/experiment/ours.yaml").write_text(
        MINE.replace("[mine, activation]", "[mine, other]") + "  measured_noise: noise.csv\n"
    )
    columns = "model,dataset,train,steps,recipe,reference,variant,seeds,deviation_percent,how"
    noise = f"small,kodak,,3000,{recipe_digest(WEIGHTS_NOTE['recipe'])},base,base,4,0.1,by hand"
    (tmp_path / "conf/experiment/noise.csv").write_text(f"{columns}\n{noise}\n")
    (tmp_path / "conf/experiment/ours.csv").write_text(FIGURES)
    for name in ("mine", "other", "third"):
        (tmp_path / f"conf/variant/{name}.yaml").write_text(VARIANT.replace("mine", name))
    store = fill_store(tmp_path / "results", ("base", "activation"), images=6)
    keep(store, *average_of())
    shutil.copytree(store.root / "runs/activation", store.root / "runs/mine")
    [path] = store.root.glob("runs/mine/*/run.json")
    path.write_text(path.read_text().replace('"label": "activation"', '"label": "mine"'))
    shutil.copytree(store.root / "runs/mine", store.root / "runs/other")
    [path] = store.root.glob("runs/other/*/run.json")
    failed = {"label": "other", "status": "failed", "error": "a shape does not fit"}
    path.write_text(json.dumps(json.loads(path.read_text()) | failed))

    done = bench("export", "experiment=ours", "--config-dir", "conf", cwd=tmp_path)
    assert done.code == 0, done.err
    folder = unpacked(tmp_path / "results/export/ours.zip", tmp_path / "in")
    assert set(tree(folder / "conf")) == {
        "experiment/ours.yaml",
        "experiment/ours.csv",
        "experiment/noise.csv",
        "variant/mine.yaml",
        "variant/other.yaml",
    }
    before = tree(folder / "results/tables")
    assert b"a shape does not fit" in before["ours/kodak-small-gates.md"]
    assert b"3 degrees of freedom) by 4 seeds of base" in before["ours/kodak-small-gates.md"]
    again = bench("tables", "experiment=ours", "--config-dir", "conf", cwd=folder)
    assert again.code == 0, again.err
    assert tree(folder / "results/tables") == before


def test_errors_are_one_line_and_leave_no_archive(filled, tmp_path):
    (tmp_path / "a file").write_text("")
    (tmp_path / "folder.zip").mkdir()
    before = tree(filled)
    cases = {
        ("dest=study.tar.gz",): ("end its name with .zip", 2),
        (f"dest={tmp_path}/folder.zip",): ("folder.zip: is a folder", 1),
        ("experiment=vcip2023", f"dest={tmp_path}/a file/x.zip"): ("cannot be written", 1),
        ("experiment=vcip2023", "results=nowhere"): ("holds no finished run", 1),
        ("model=paper",): ("holds no finished run that fits", 1),
        ("peers=[nobody]",): ("nobody", 1),
        ("pack",): ("'pack' is too much", 2),
        ("repeats=3",): ("export takes no repeats", 2),
    }
    for (words, (said, code)), done in zip(
        cases.items(), several(*(["export", *words] for words in cases), cwd=filled), strict=True
    ):
        fails(done, said, code=code), words
    assert tree(filled) == before


def test_it_loads_no_torch(tmp_path):
    keep(fill_store(tmp_path / "results", labels=("base",), images=2), "vif")
    command = ["export", "dataset=kodak"]
    assert modules_loaded(command, cwd=tmp_path, heavy=("torch", "compressai"), coarsely=True) == []
