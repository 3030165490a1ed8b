"""`jpegai-bench metrics` on files and folders, as a user runs it."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command import PROGRAM, Bytes, bench, fails, picture, several
from messages import says

from jpegai_bench.analysis.pairs import find_pairs, measure_pairs
from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import read_rgb
from jpegai_bench.metrics.catalogue import METRICS, NAMES
from jpegai_bench.metrics.fingerprint import fingerprint
from jpegai_bench.metrics.measure import measure

ALL = ("a", "city/night sky", "city/ü", "small")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """`ref` and `dist`, four pairs of which one is too small for FSIM and VMAF."""
    root = tmp_path_factory.mktemp("folders")
    for number, name in enumerate(ALL):
        image = picture(*((80, 72) if name != "small" else (30, 20)), seed=number)
        for folder, suffix, options in (("ref", "png", {}), ("dist", "JPG", {"quality": 20 + 20 * number})):
            path = root / folder / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, **options)
    (root / "dist/notes.txt").write_text("not a picture, and not looked at")
    return root


@pytest.fixture(scope="module")
def done(folders):
    """The command in every format, in one process."""
    lines = {
        "csv": ["ref", "dist", "format=csv", "workers=1"],
        "json": ["ref", "dist", "format=json", "workers=1"],
        "table": ["ref", "dist", "workers=1"],
        "markdown": ["ref", "dist", "format=markdown", "workers=1", "only=[psnr_y]"],
        "pair": ["ref/a.png", "dist/a.JPG"],
        "pair csv": ["./ref/a.png", "dist/a.JPG", "format=csv"],
        "small pair": ["ref/small.png", "dist/small.JPG"],
        "chosen": ["ref", "dist", "format=csv", "workers=1", "only=[vmaf,psnr_rgb,ms_ssim]"],
        "all shown": ["ref", "dist", "workers=1", f"only=[{','.join(NAMES)}]"],
        "itself": ["ref", "ref/../ref", "format=csv", "workers=1", "only=[psnr_y]"],
    }
    found = several(*(["metrics", *line] for line in lines.values()), cwd=folders)
    assert [one.code for one in found] == [0] * len(found), found
    return dict(zip(lines, found, strict=True))


def scores(folders: Path, name: str):
    return measure(read_rgb(folders / f"ref/{name}.png"), read_rgb(folders / f"dist/{name}.JPG"))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_every_metric_in_full_precision_in_the_order_of_names(folders, done):
    assert done["csv"].out.splitlines()[0] == ",".join(["reference", "distorted", *NAMES])
    rows = table(done["csv"].out)
    assert [row["reference"] for row in rows] == [f"ref/{name}.png" for name in ALL]
    assert [row["distorted"] for row in rows] == [f"dist/{name}.JPG" for name in ALL]
    for row, name in zip(rows, ALL, strict=True):
        values = scores(folders, name).values
        for metric in NAMES:
            assert row[metric] == ("" if math.isnan(values[metric]) else repr(values[metric]))
    assert {metric for metric in NAMES if not rows[-1][metric]} == {"fsim", "vmaf"}


def test_processes_change_neither_order_nor_values_nor_the_folder(folders, done):
    before = set(folders.rglob("*"))
    chosen = "only=[vmaf,psnr_rgb,ms_ssim]"
    folders.chmod(0o555)
    try:
        parallel = bench("metrics", "ref", "dist", "format=csv", "workers=2", chosen, cwd=folders)
    finally:
        folders.chmod(0o755)
    assert parallel.code == 0, parallel
    assert parallel.out == done["chosen"].out
    assert set(folders.rglob("*")) == before


def test_json_says_why_a_value_is_missing_and_what_made_the_others(folders, done):
    told = json.loads(done["json"].out)
    assert fingerprint().items() <= told["versions"].items()
    assert told["device"] == "cpu"
    assert told["metrics"] == list(NAMES)
    assert told["left_out"] == []
    small = told["pairs"][-1]
    assert (small["reference"], small["width"], small["height"]) == ("ref/small.png", 30, 20)
    assert small["fsim"] is None
    assert "too small: 30x20" in small["reasons"]["fsim"]
    assert set(small["reasons"]) == {"fsim", "vmaf"}
    assert all(pair["reasons"] == {} for pair in told["pairs"][:-1])
    assert told["pairs"][0]["vif"] == scores(folders, "a").values["vif"]


@pytest.mark.parametrize("name", ["table", "all shown", "pair", "small pair"])
def test_tables_fit_100_columns(done, name):
    assert max(map(len, done[name].out.splitlines())) <= 100


def test_the_table_ends_with_means_of_what_is_there(folders, done):
    lines = done["table"].out.splitlines()
    header, mean = lines[1], next(line for line in lines if line.startswith("mean of 4"))
    for label in ("MS-SSIM", "FSIM", "NLPD", "IW-SSIM", "VMAF", "VIF", "PSNR-HVS-M", "PSNR-HVS", "PSNR-Y"):
        assert label in header
    values = [scores(folders, name).values for name in ALL]
    vifs = [value["vif"] for value in values]
    vmafs = [value["vmaf"] for value in values[:-1]]
    assert mean.split()[8] == f"{sum(vifs) / 4:.4f}"
    assert mean.split()[7] == f"{sum(vmafs) / 3:.2f}"
    assert "VMAF: 3 of 4 pairs" in done["table"].out
    assert "(1) image too small: 30x20" in done["table"].out
    assert "NA (1)" in done["table"].out


def test_markdown_has_the_same_rows(done):
    rows = [line for line in done["markdown"].out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == ["image", "---", *ALL, "mean of 4"]


def test_one_pair_is_a_list_with_units(folders, done):
    values = scores(folders, "a").values
    lines = [line.split() for line in done["pair"].out.splitlines()]
    for metric in METRICS:
        wanted = [metric.label, f"{values[metric.name]:.{metric.decimals}f}", metric.unit]
        assert [cell for cell in wanted if cell] in lines
    assert "80x72" in done["pair"].out
    assert ["FSIM", "NA", "(1)"] in [line.split() for line in done["small pair"].out.splitlines()]


def test_one_pairs_paths_are_those_given(done):
    [row] = table(done["pair csv"].out)
    assert (row["reference"], row["distorted"]) == ("./ref/a.png", "dist/a.JPG")


def test_chosen_metrics_are_the_only_columns(done):
    assert done["chosen"].out.splitlines()[0] == "reference,distorted,ms_ssim,vmaf,psnr_rgb"
    everything, chosen = table(done["csv"].out), table(done["chosen"].out)
    assert [row["vmaf"] for row in chosen] == [row["vmaf"] for row in everything]


def test_a_folder_against_itself_is_said_and_measured(done):
    assert [row["psnr_y"] for row in table(done["itself"].out)] == ["100.0"] * len(ALL)
    assert says(done["itself"].err, "ref is compared with itself")


def test_what_does_not_pair_is_named_and_the_rest_goes_on(tmp_path):
    ref, dist = tmp_path / "ref", tmp_path / "dist"
    for folder in (ref, dist):
        folder.mkdir()
        for name in ("good", "size", "cut", "text", "deep"):
            picture(40, 30).save(folder / f"{name}.png")
    picture(40, 30).save(ref / "alone.png")
    picture(40, 30).save(dist / "stray.png")
    picture(40, 30).save(dist / "good 2.png")
    picture(40, 30).save(ref / "twice.png")
    picture(40, 30).save(dist / "twice.png")
    picture(40, 30).save(dist / "twice.jpg")
    picture(30, 40).save(dist / "size.png")
    (dist / "cut.png").write_bytes((ref / "cut.png").read_bytes()[:500])
    (dist / "text.png").write_text("not a picture")
    picture(40, 30).convert("I;16").save(dist / "deep.png")
    # A reader tells each in a line of its own.
    expected = {
        "ref/alone.png: no picture of this name in dist",
        "dist/stray.png: no picture of this name in ref",
        "dist/good 2.png: no picture of this name in ref",
        "dist/twice.jpg and dist/twice.png: of one name",
        "dist/size.png: of another size, 30x40, than ref/size.png, 40x30",
        "dist/cut.png: damaged",
        "dist/text.png: not a picture",
        "dist/deep.png: 16 bits",
    }
    words = ["metrics", "ref", "dist", "only=[psnr_y]", "workers=1"]
    done = several([*words, "format=csv"], [*words, "format=json"], words, cwd=tmp_path)
    assert [one.code for one in done] == [1, 1, 1]
    assert table(done[0].out) == [
        {"reference": "ref/good.png", "distorted": "dist/good.png", "psnr_y": "100.0"}
    ]
    assert [pair["distorted"] for pair in json.loads(done[1].out)["pairs"]] == ["dist/good.png"]
    assert len(json.loads(done[1].out)["left_out"]) == len(expected)
    assert "\ngood" in done[2].out
    for one in done:
        lines = [line for line in one.err.splitlines() if line.startswith("jpegai-bench: ")]
        assert len(lines) == len(expected)
        assert all(sum(said in line for line in lines) == 1 for said in expected), one.err


def test_a_folder_inside_the_other_is_not_part_of_it(tmp_path):
    for name in ("photos/a.png", "photos/b.png", "photos/decoded/a.png", "photos/decoded/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture(8, 8).save(tmp_path / name)
    outer, inner = str(tmp_path / "photos"), str(tmp_path / "photos/decoded")
    for first, second in ((outer, inner), (inner, outer)):
        pairing = find_pairs(first, second)
        assert [pair.name for pair in pairing.pairs] == ["a", "b"]
        assert pairing.left_out == ()
    assert [pair.name for pair in find_pairs(outer, outer).pairs] == ["a", "b", "decoded/a", "decoded/b"]


def test_mistakes_are_told_in_one_line(tmp_path, folders):
    for name in ("empty", "void", "other"):
        (tmp_path / name).mkdir()
    picture(80, 72).save(tmp_path / "other/zz.png")
    picture(80, 72).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:-2000])
    ref, dist = folders / "ref", folders / "dist"
    cases = {
        ("a.png", "nowhere.png"): "nowhere.png: no such file or folder",
        ("nowhere", dist): "nowhere: no such file or folder",
        ("a.png", dist): "give two files or two folders",
        (ref, "a.png"): "give two files or two folders",
        ("empty", "void"): "no picture in it",
        (ref, "empty"): "no picture in it",
        (ref, "other"): "names must agree",
        ("a.png", "cut.png"): "cut.png: damaged",
        ("a.png", "cut.png", "format=csv"): "cut.png: damaged",
        ("a.png", ref / "small.png"): "of another size, 30x20, than a.png, 80x72",
    }
    usage = {
        (ref, dist, "device=toaster"): "device=toaster: choose cpu, or cuda",
        (ref, dist, "only=[ssim,vmaf]"): f"no metric 'ssim'; there are {', '.join(NAMES)}",
        (ref, dist, "only=vmaf"): "needs a list, as only=[",
        (ref, dist, "only=[]"): "no metric is chosen",
        (ref, dist, "workers=0"): "workers=0",
        (ref, dist, "format=xml"): "choose one of",
        ("a.png",): "DISTORTED is missing",
        ("a", "b", "c"): "'c' is too much",
    }
    if not torch.cuda.is_available():
        usage[ref, dist, "device=cuda", "workers=2"] = "device=cuda: cannot be used"
    done = several(*(["metrics", *words] for words in (*cases, *usage)), cwd=tmp_path)
    for one, (words, said) in zip(done, (cases | usage).items(), strict=True):
        fails(one, said, code=2 if words in usage else 1)


def test_names_of_any_bytes_and_commas_are_measured(tmp_path):
    odd = [b"\xff\xfe.png", '写真, "one".png'.encode(), b"new\nline.png", b"-dash.png"]
    for folder in ("ref", "dist"):
        (tmp_path / folder).mkdir()
        for name in odd:
            with open(os.fsencode(tmp_path / folder) + b"/" + name, "wb") as file:
                picture(20, 20).save(file, "PNG")
    words = ["metrics", "ref", "dist", "only=[psnr_y]", "workers=1"]
    done = bench(*words, "format=csv", cwd=tmp_path, stdout=Bytes)
    assert done.code == 0, done
    rows = table(done.out)
    assert [row["psnr_y"] for row in rows] == ["100.0"] * 4
    assert {row["reference"] for row in rows} > {'ref/写真, "one".png', "ref/new\nline.png"}


def started(*words, cwd, **options) -> subprocess.Popen:
    command = [PROGRAM, "metrics", *words]
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Sixty pairs: more than is done by the time that the first row is read."""
    root = tmp_path_factory.mktemp("many")
    picture(300, 200).save(root / "one.png")
    for folder in ("ref", "dist"):
        (root / folder).mkdir()
        for number in range(60):
            os.link(root / "one.png", root / folder / f"{number:02d}.png")
    return root


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_in_one_line_and_leaves_whole_rows(many, workers):
    process = started("ref", "dist", "format=csv", f"workers={workers}", cwd=many)
    with process:
        first = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert says(err.splitlines()[-1], "jpegai-bench: interrupted", "are whole")
    assert "Traceback" not in err
    rows = table("".join(first) + out)
    assert 0 < len(rows) < 60
    assert all(row["psnr_rgb"] == "100.0" for row in rows)


def test_a_reader_that_has_enough_is_no_error(many):
    process = started("ref", "dist", "format=csv", "workers=2", "only=[psnr_rgb]", cwd=many)
    with process:
        assert process.stdout.readline().startswith("reference,")
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in err


def test_a_worker_that_is_killed_is_one_line(many, tmp_path, monkeypatch):
    binary = tmp_path / "ffmpeg"
    binary.write_text(f"#!/bin/sh\n[ $PPID = {os.getpid()} ] || kill -9 $PPID\n")  # never the tests
    binary.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(binary))
    done = bench("metrics", "ref", "dist", "workers=2", "only=[vmaf]", cwd=many)
    fails(done, "a worker process died")


def test_pairs_are_measured_from_python(folders):
    pairing = find_pairs(str(folders / "ref"), str(folders / "dist"))
    told = []
    found = list(measure_pairs(pairing.pairs, ["psnr_y"], "cpu", 1, told.append, "own"))
    assert [one.pair.name for one in found] == told == list(ALL)
    assert found[0].values == {"psnr_y": scores(folders, "a").values["psnr_y"]}
    with pytest.raises(BenchError, match="device=toaster"):
        list(measure_pairs(pairing.pairs, None, "toaster", 1, told.append, "own"))


def test_help_and_mistakes_cost_no_torch_which_the_package_loads_where_its_metrics_are_asked_for(tmp_path):
    picture(20, 20).save(tmp_path / "a.png")
    check = """
import sys
from jpegai_bench.cli.main import main
for words in (["metrics", "--help"], ["metrics", "a.png", "b.png"]):
    try:
        main(words)
    except SystemExit as stop:
        print(stop.code, *(name for name in ("torch", "compressai", "matplotlib") if name in sys.modules))
from jpegai_bench import Reference, measure
print("torch" in sys.modules, measure.__name__)
"""
    ran = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-3:] == ["0", "1", "True measure"], ran.stderr
