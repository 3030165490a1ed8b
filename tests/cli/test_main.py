import io
import json
import pickle
import re
import shutil
import subprocess
import zlib

import numpy as np
import pandas as pd
import pytest
from command import PROGRAM, TINY, bench, elsewhere, fails, modules_loaded, picture, program, several
from messages import says
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.config.variants import variant_names
from jpegai_bench.version import __version__

SIZES = [(1, 1), (3, 5), (37, 53), (200, 131)]


def test_help_names_every_command(tmp_path):
    done = bench("--help", cwd=tmp_path)
    assert done.code == 0
    assert all(f"  {name} " in done.out for name in COMMANDS)
    assert bench("--version", cwd=tmp_path).out == f"jpegai-bench {__version__}\n"
    for name, one in zip(
        COMMANDS, several(*([name, "--help"] for name in COMMANDS), cwd=tmp_path), strict=True
    ):
        assert one.code == 0
        assert one.out.startswith(f"jpegai-bench {name}")
        assert f"\n  jpegai-bench {name}" in one.out


def test_help_version_and_list_are_there_without_torch(tmp_path):
    assert modules_loaded(["--help"], ["--version"], ["run", "--help"], ["list"], cwd=tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_photographs_that_is_not_there_is_told_without_torch(tmp_path):
    folders = "training.data=[nowhere]", "training.data=[.] training.validation=[nowhere]"
    lines = [["train", "+variant=base", *words.split()] for words in folders]
    assert modules_loaded(*lines, cwd=tmp_path, code=1) == []


def test_wrong_usage_is_told_and_exits_with_2(tmp_path):
    cases = {
        ("frobnicate",): "no command 'frobnicate'",
        ("complxity",): "did you mean complexity?",
        ("encode", "in.png"): "OUT is missing",
        ("decode", "a", "b", "c"): "'c' is too much",
        ("tables", "+variant=base"): "takes no variant",
    }
    for done, said in zip(several(*cases, cwd=tmp_path), cases.values(), strict=True):
        fails(done, said, code=2)
    assert program("frobnicate", cwd=tmp_path).code == 2


WRONG_COMMAND_LINES = {
    ("list", "variant"): "there are variants, datasets",
    ("data", "fetch", "kodak"): "no 'fetch'",
    ("data", "get", "kodak", "url=mirror"): "give an address",
    ("complexity", "model=large"): "no model 'large'",
    ("complexity", "+variant.name=a b"): "needs a `name`",
    ("complexity", "+variant=base", f"variant.name={'v' * 300}"): "longer than 100 letters",
    ("complexity", "+variant=base", "+variant.upsamplin=x"): "unknown key upsamplin",
    ("complexity", "+variant=base", "variant.upsampling._target_=mine"): "not an import path",
    ("anchor", "codec=vvc", "anchor.vvc.preset=quick"): "choose one of faster, fast, medium",
    ("anchor", "codec=vvc", "+anchor.vvc.qp=3"): "no setting 'qp'",
    ("anchor", "codec=vvc", "qualities=[]"): "at least one",
    ("anchor", "codec=jpeg", "qualities=[50,101]"): "quality 101 is not a whole number from 1 to 95",
    ("anchor", "codec=vvc", "qualities=[64]"): "quality 64 is no QP",
    ("anchor", "codec=jpegxl", "qualities=[30]"): "quality 30 is no distance",
    ("anchor", "codec=[jpeg,webp]", "qualities=[3]"): "its own scale",
    ("anchor", "codec=compressai"): "give arch=",
    ("anchor", "codec=compressai", "arch=mbt2019", "checkpoint=a.pth"): "arch=mbt2019: choose one of",
    ("anchor", "dataset=folder"): "which one?",
    ("anchor", "dataset.limit=0"): "must be at least 1",
    ("latency", "codec=[jpeg,webp]", "quality=30"): "choose one codec",
    ("latency", "repeats=0"): "must be at least 1",
    ("run", "targets=[0.3]"): "are for rates=target",
    ("run", "rates=target", "targets=[-1]"): "is no rate",
    ("run", "training.steps=3000"): "need weights=train",
    ("train", "training=smoke"): "training.data=",
    ("train", "training=smoke", "training.crop=65"): "multiple of 64",
    ("train", "training=smoke", "training.steps=4"): "warmup_steps=5: must not be above training.steps",
    ("tables", "dataset=kodak", "peers={a:1}"): "give labels",
    ("tables", "dataset=kodak", "peers=vvc"): "the anchor already",
    ("compare", "a", "b", "anchor=[vvc,hevc]"): "takes one anchor",
    ("bdrate", "a", "b", "plot=x.jpg"): "end the name with",
    ("encode", "a.png", "b", "quality=9"): "quality: 9 is out of range",
    ("encode", "a.png", "b", "target_bpp=0"): "is no rate",
    ("encode", "a.png", "b", "target_bpp=1", "quality=3"): "one of them",
}
"""Wrong whatever files there are: none of those that are named is."""
FAILURES = {
    ("bdrate", "a.csv", "b.csv"): "a.csv: no such file",
    ("run", "weights=nowhere"): "no such folder",
    ("anchor", "codec=compressai", "arch=mbt2018", "checkpoint=a.pth"): "no such checkpoint",
    ("anchor", "codec=vtm"): "there is no EncoderApp",
    ("anchor", "codec=jpegai_vtm"): "nothing can be coded",
    ("tables",): "holds no finished run",
    ("encode", "a.png", "b"): "a.png: ",
    ("complexity", "+variant=base", "variant.upsampling._target_=no_such.Module"): "cannot import no_such",
}
"""Right, but for what is not there."""


def test_what_is_wrong_by_itself_exits_with_2_and_what_fails_with_1(tmp_path):
    cases = {**WRONG_COMMAND_LINES, **FAILURES}
    for words, done in zip(cases, several(*cases, cwd=tmp_path), strict=True):
        fails(done, cases[words], code=2 if words in WRONG_COMMAND_LINES else 1)


def test_one_variant_that_is_no_yaml_leaves_the_others_running(tmp_path):
    variants = tmp_path / "conf/variant"
    variants.mkdir(parents=True)
    (variants / "cut.yaml").write_text("name: cut\nupsampling: {_target_: mine\n")
    (variants / "listed.yaml").write_text("- name\n")
    (variants / "latin.yaml").write_bytes(b"name: \xe9t\xe9\n")
    own = ("--config-dir", "conf", "model=paper", "format=csv")  # counted once for this file
    each, named, alone = several(
        ["complexity", "-m", "+variant=glob(*)", *own],
        ["complexity", "-m", "+variant=cut,base", *own],
        ["complexity", "-m", "+variant=cut,listed", *own],
        cwd=tmp_path,
    )
    told = [line for line in each.err.splitlines() if line.startswith("jpegai-bench: ")]
    assert each.code == named.code == 2
    assert [line.split(": ")[1] for line in told] == [
        f"conf/variant/{name}.yaml" for name in ("cut", "latin", "listed")
    ]
    assert "is no YAML, line 3: " in told[0]
    assert all("\nbase," in done.out for done in (each, named))
    assert "\ncombined," in each.out
    shipped = len(variant_names())
    assert says(each.err, f"{shipped} jobs", f"{shipped} done", "3 variants not there")
    fails(alone, "conf/variant/cut.yaml: is no YAML", code=2)


def test_of_several_jobs_the_wrong_one_decides(tmp_path):
    done = bench("complexity", "-m", "+variant=base,nonsense", "model=paper", "format=csv", cwd=tmp_path)
    fails(done, "no variant 'nonsense'", code=2)
    assert "\nbase," in done.out


BAD_SETTINGS = {
    "+variant=combind": "did you mean combined?",
    "variant=nonsense": "there are activation, attention_cs",
    "+variant=base,combined": "add -m",
    "dataset=kodack": "did you mean kodak?",
    "+foo=1": "no setting 'foo'",
    "workers=abc": "workers: Value 'abc'",
    "workers=0": "workers=0: must be at least 1",
    "model.luma=1.5": "model.luma=1.5: give",
    "model.luma=[8,8]": "or three, as [32,64,128]",
    "model.qualities=1": "model.qualities=1: must be at least 2",
    "model.qualities=61": "model.qualities=61: must be at most 60",
    "qualities=[]": "qualities: give at least one",
    "qualities=[5.01]": "5.01 is out of range; model small has 0 to 5",
    "qualities=[nan]": "nan is out of range",
    "qualities=[a]": "qualities[0]: Value 'a'",
    "format=xml": "choose one of table, csv, json, markdown",
    "metrics.hvs=hvsm": "choose one of hvs_m, hvs",
    "a=[1": "[1",
    "~dataset": "no dataset is chosen",
    "--config-dir=nowhere": "nowhere",
}


def test_bad_settings_are_told_in_one_line_and_leave_nothing_behind(tmp_path):
    for done, said in zip(
        several(*(["run", word] for word in BAD_SETTINGS), cwd=tmp_path), BAD_SETTINGS.values(), strict=True
    ):
        fails(done, said, code=2)
    assert list(tmp_path.iterdir()) == []


def test_the_command_itself_tells_one_line_and_nothing_else(tmp_path):
    done = program("run", "+variant=combind", cwd=tmp_path)
    fails(done, "no variant 'combind'", code=2)
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_settings_are_shown_by_cfg_job(tmp_path):
    done = bench("run", "workers=3", "--cfg", "job", "format=csv", cwd=tmp_path)
    assert done.code == 0
    assert "\nworkers: 3\nformat: csv\n" in done.out


def test_a_closed_stdout_is_no_error(tmp_path):
    command = [PROGRAM, "list", "variants"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_a_full_stdout_is_told_and_no_defect(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PROGRAM, "list", "variants"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("jpegai-bench: stdout: cannot be written")


def test_weights_are_listed_with_their_training(tmp_path, tiny_weights):
    own = shutil.copytree(tiny_weights, tmp_path / "own")
    (own / "pickled.safetensors").write_bytes(pickle.dumps([1]))
    (tmp_path / "bare").mkdir()
    folders = ("own", "bare", "nowhere")
    shipped, *others = several(
        ["list", "weights"], *(["list", "weights", f"weights={one}"] for one in folders), cwd=tmp_path
    )
    assert len(shipped.out.splitlines()) == len(variant_names()) + 1
    told = r"small/base +\d\.\d MB  on encoder (\w{8}), synthesis alone, [\d,]+ steps, seed \d+\n"
    encoder = re.search(told, shipped.out)
    assert re.search(
        rf"small/shared .* encoder {encoder[1]}, entropy model alone, [\d,]+ steps further", shipped.out
    )
    mine, bare, nowhere = others
    names = [line.split()[0] for line in mine.out.splitlines()]
    assert names == ["base", "combined", "pickled", "shared"]
    assert re.search(r"base .* kB .* training\n", mine.out)
    assert re.search(r"pickled .* B  not a safetensors file\n", mine.out)
    assert bare.out == "none in bare\n"
    fails(nowhere, "weights=nowhere: no such folder")


@pytest.fixture(scope="module")
def coded(tmp_path_factory, tiny_weights):
    """Pictures of several sizes, coded in one process and decoded in another."""
    folder = tmp_path_factory.mktemp("coded")
    own = (*TINY, f"weights={tiny_weights}")
    names = [f"{width}x{height}" for width, height in SIZES]
    for name, size in zip(names, SIZES, strict=True):
        picture(*size).save(folder / f"{name}.png")
    encoded = several(
        *(
            ["encode", f"{n}.png", f"{n}.jai", f"reconstruction={n}-r.png", "quality=4.25", *own]
            for n in names
        ),
        cwd=folder,
    )
    decoded = elsewhere(
        *(["decode", f"{n}.jai", f"{n}-d.png", *own] for n in names),
        ["decode", "37x53.jai", "combined.png", "+variant=combined", *own],
        cwd=folder,
    )
    return folder, encoded, decoded


@pytest.mark.parametrize("name", [f"{width}x{height}" for width, height in SIZES])
def test_decoding_in_another_process_gives_what_the_encoder_expects(coded, name):
    folder, encoded, decoded = coded
    assert [done.code for done in (*encoded, *decoded)] == [0] * 9, (encoded, decoded)
    expected, got = (np.array(Image.open(folder / f"{name}-{which}.png")) for which in "rd")
    assert np.array_equal(got, expected)
    assert f"{got.shape[1]}x{got.shape[0]}" == name


def test_encode_tells_the_true_size(coded):
    folder, encoded, _ = coded
    size = (folder / "200x131.jai").stat().st_size
    assert encoded[3].out.startswith(f"200x131.jai: {size} bytes, {8 * size / (200 * 131):.4f} bpp")


def test_another_variant_of_the_same_encoder_decodes_to_another_picture(coded):
    folder, _, _ = coded
    one, two = (np.array(Image.open(folder / name)) for name in ("37x53-d.png", "combined.png"))
    assert one.shape == two.shape
    assert (one != two).any()


def test_bad_files_are_told_in_one_line_and_leave_nothing_behind(coded, tmp_path, tiny_weights):
    stream = (coded[0] / "37x53.jai").read_bytes()
    (tmp_path / "good.jai").write_bytes(stream)
    (tmp_path / "cut.jai").write_bytes(stream[:-9])
    (tmp_path / "empty.jai").touch()
    flipped = bytearray(stream)
    flipped[len(stream) // 2] ^= 1
    (tmp_path / "flipped.jai").write_bytes(flipped)
    alien = bytearray(stream[:-4])
    alien[11] ^= 1  # in the id of the weights
    (tmp_path / "alien.jai").write_bytes(bytes(alien) + zlib.crc32(alien).to_bytes(4, "big"))
    picture(40, 40).save(tmp_path / "photo.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "photo.png").read_bytes()[:900])
    (tmp_path / "file").touch()
    pickled = pickle.dumps({"weight": 1})
    (tmp_path / "weights.pt").write_bytes(pickled)
    for name in ("pickled", "damaged", "renamed", "bare", "no_json", "deep"):
        (tmp_path / name).mkdir()
        for file in tiny_weights.glob("*.safetensors") if name != "bare" else ():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pickled/base.safetensors").write_bytes(pickled)
    damaged = bytearray((tmp_path / "damaged/base.safetensors").read_bytes())
    damaged[-3] ^= 4
    (tmp_path / "damaged/base.safetensors").write_bytes(damaged)
    (tmp_path / "renamed/upsampling.safetensors").write_bytes(
        (tiny_weights / "base.safetensors").read_bytes()
    )
    with safe_open(tiny_weights / "base.safetensors", framework="numpy") as weights:
        metadata = weights.metadata()
    arrays, deep = load_file(tiny_weights / "base.safetensors"), "[" * 100_000
    save_file(arrays, tmp_path / "no_json/base.safetensors", metadata | {"structure": "no JSON"})
    save_file(arrays, tmp_path / "deep/base.safetensors", metadata | {"structure": deep, "note": deep})
    before = set(tmp_path.rglob("*"))
    own = (*TINY, f"weights={tiny_weights}")
    cases = [
        (["decode", "photo.png", "out.png", *own], "photo.png: not a jpegai-bench bitstream"),
        (["decode", "empty.jai", "out.png", *own], "empty.jai: not a jpegai-bench bitstream"),
        (["decode", "cut.jai", "out.png", *own], "cut.jai: truncated"),
        (["decode", "flipped.jai", "out.png", *own], "flipped.jai: truncated or damaged bitstream"),
        (["decode", "alien.jai", "out.png", *own], "alien.jai: the bitstream was written with other weights"),
        (["decode", "nothing.jai", "out.png", *own], "nothing.jai: cannot be read (No such file"),
        (["decode", "bare", "out.png", *own], "bare: is a folder"),
        (["decode", "good.jai", "nowhere/out.png", *own], "nowhere/out.png: cannot be written"),
        (["decode", "good.jai", "file/out.png", *own], "file/out.png: cannot be written"),
        (["decode", "good.jai", "good.jai", *own], "IN and OUT are one file"),
        (
            ["encode", "photo.png", "out.jai", "reconstruction=./photo.png", *own],
            "IN and reconstruction are one file",
        ),
        (
            ["encode", "photo.png", "out.jai", "reconstruction=out.jai", *own],
            "OUT and reconstruction are one file",
        ),
        (["decode", "good.jai", "good.jpg", *own], "OUT=good.jpg: pictures are written as PNG"),
        (
            ["encode", "photo.png", "out.jai", "reconstruction=r.TIF", *own],
            "reconstruction=r.TIF: pictures are written as PNG",
        ),
        (["encode", "cut.png", "out.jai", *own], "cut.png: damaged"),
        (["encode", "bare", "out.jai", *own], "bare: is a folder"),
        (["encode", "photo.png", "bare", *own], "bare: cannot be written"),
        (["decode", "good.jai", ".", *own], ".: cannot be written (Is a directory)"),
        (["encode", "photo.png", "/", *own], "/: cannot be written (Is a directory)"),
        (["encode", "photo.png", "out.jai", "reconstruction=nowhere/r.png", *own], "nowhere/r.png: cannot"),
        (
            ["encode", "photo.png", "out.jai", "quality=5.5", *own],
            "quality: 5.5 is out of range",
        ),
        (["encode", "photo.png", "out.jai", *TINY, "weights=weights.pt"], "weights.pt: give the folder"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=pickled"], "never opened"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=damaged"], "base.safetensors: damaged weights"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=no_json"], "base.safetensors: damaged weights"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=deep"], "base.safetensors: damaged weights"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=bare"], "no shared.safetensors in it"),
        (["encode", "photo.png", "out.jai", *TINY, "weights=nowhere"], "weights=nowhere: no such folder"),
        (
            ["encode", "photo.png", "out.jai", "model=paper", *own[-1:]],
            "weights of another structure: model.",
        ),
        (
            ["encode", "photo.png", "out.jai", "+variant=upsampling", *TINY, "weights=renamed"],
            "weights of variant base, not of upsampling",
        ),
        (["encode", "photo.png", "out.jai", "model=paper"], "weights=train training.data="),
        (["encode", "photo.png", "out.jai", "model.qualities=3", *own], "weights of another structure"),
    ]
    for done, (words, said) in zip(several(*(words for words, _ in cases), cwd=tmp_path), cases, strict=True):
        fails(done, said, code=2 if "quality=5.5" in words or "PNG" in said else 1)
    assert set(tmp_path.rglob("*")) == before


def test_kmacs_of_every_variant_through_the_command(tmp_path):
    paper, small, shown = several(
        ["complexity", "model=paper", "format=csv"],
        ["complexity", "+variant=combined", "format=json"],
        ["complexity", "+variant=combined"],
        cwd=tmp_path,
    )
    table = pd.read_csv(io.StringIO(paper.out)).set_index("variant")
    assert list(table.columns[:5]) == [
        "published_kmacs_px",
        "input_size_kmacs_px",
        "all_kmacs_px",
        "params_m",
        "paper_kmacs_px",
    ]
    expected = {
        "base": (852.096, 780.384, 780.384),
        "attention_cs": (215.061, 177.909, 184.053),
        "attention_ds": (257.550, 192.750, 198.894),
        "upsampling": (809.088, 773.664, 773.664),
        "activation": (852.096, 780.384, 780.384),
        "combined": (172.053, 171.189, 177.333),
        "combined_ds": (214.542, 186.030, 192.174),
        "sop": (3.120, 3.120, 3.120),
        "bop": (12.752, 8.144, 8.144),
        "hop": (173.424, 129.360, 130.384),
    }
    assert set(table.index) == set(expected)
    for name, figures in expected.items():
        assert table.loc[name].iloc[:3].tolist() == pytest.approx(figures, abs=1e-3)
    assert table.loc["base", "paper_kmacs_px"] == 833.0
    [row] = json.loads(small.out)
    assert (row["variant"], row["model"]) == ("combined", "small")
    assert f"{row['published_kmacs_px']:.3f}" in shown.out


def test_a_setting_that_only_another_command_takes_is_refused(tmp_path):
    done = bench("compare", "base", "combined", "plot=z.png", cwd=tmp_path)
    assert done.code == 2
    assert "compare takes no plot" in done.err
