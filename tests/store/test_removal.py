"""`list runs` and `runs remove`, on stores as the real commands leave them."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from command import PROGRAM, RUN, bench, elsewhere, fails, manifests, modules_loaded, several, tree
from messages import says
from synthetic import fill_store


def answered(line, *answers, cwd):
    """The command in a process at a terminal where somebody types an answer, once for each."""
    ours, theirs = pty.openpty()
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    try:
        return elsewhere(*[line] * len(answers), cwd=cwd, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def ended(folder, **ago):
    path = folder / "run.json"
    end = (datetime.now(UTC) - timedelta(**ago)).isoformat()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"end": end}))


@pytest.fixture
def own(study, tmp_path):
    """A copy of the store with base and combined on two photographs, which may be changed."""
    shutil.copytree(study[0] / "results", tmp_path / "results")
    return tmp_path


@pytest.fixture
def seeds(tmp_path):
    """Three seeds of base and of combined, one of activation that was made again."""
    store = fill_store(
        tmp_path / "results",
        ("base", "combined", "activation"),
        images=6,
        seeds={"base": (0, 1, 2), "combined": (0, 1, 2), "activation": (0, 1)},
    )
    for key in ("20", "21"):  # one recipe and seed: the newer one replaces the older
        path = store.root / f"runs/activation/{key}/run.json"
        manifest = json.loads(path.read_text())
        manifest["trained"]["synthesis"]["recipe"]["seed"] = 0
        path.write_text(json.dumps(manifest))
    return tmp_path


def test_runs_are_listed_with_state_age_size_and_key(own):
    [base], [combined] = ((own / "results/runs" / name).iterdir() for name in ("base", "combined"))
    ended(base, days=3)
    ended(combined, minutes=5)
    manifest = json.loads((combined / "run.json").read_text())
    left_out = [{"image": "c", "message": "damaged"}]
    (combined / "run.json").write_text(json.dumps(manifest | {"status": "failed", "failures": left_out}))
    done = bench("list", "runs", cwd=own)
    rows = [re.split(r"\s{2,}", line) for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ["base", "combined", "jpeg"]
    assert re.fullmatch(
        rf"base +done +3 d +[\d.]+ kB  {base.name}  photos, model small, 2 images", done.out.splitlines()[0]
    )
    assert "failed" in rows[1][1]
    assert done.out.splitlines()[1].endswith("2 images, 1 left out")
    assert "5 min" in done.out.splitlines()[1]
    assert done.out.splitlines()[2].endswith("photos, 2 images")


def test_the_size_is_that_of_all_that_is_kept_for_a_run(own):
    every = sum(
        len(data)
        for name, data in tree(own / "results").items()
        if not name.startswith(("tables", "plots", "sweeps"))
    )
    originals = {
        json.loads(p.read_text())["images"][n]
        for p in own.glob("results/runs/*/*/run.json")
        for n in ("a", "b")
    }
    shared = sum(
        path.stat().st_size for path in own.glob("results/pictures/*/*.png") if path.stem in originals
    )
    from jpegai_bench.store.store import Store
    from jpegai_bench.store.units_of_run import size_of

    store = Store(own / "results")
    told = [size_of(store, run) for kind in ("runs", "anchors") for run in store.runs(kind)]
    assert sum(told) == every + 2 * shared  # the originals belong to all three


def test_removing_takes_units_and_pictures_along_and_leaves_what_others_have(own):
    before = tree(own / "results")
    [folder] = own.glob("results/runs/combined/*")
    done = bench("runs", "remove", folder.name[:6], "ask=false", cwd=own)
    assert (done.code, done.out) == (0, f"{folder.relative_to(own)}\n")
    assert says(done.err, "needed by", "photos, model small")
    gone = before.keys() - tree(own / "results").keys()
    kinds = {name.split("/")[0] for name in gone}
    assert kinds == {"runs", "units", "pictures"}
    assert sum(name.startswith("units/") for name in gone) == 8  # two pictures at four rates
    assert sum(name.startswith("pictures/") for name in gone) == 8  # the originals stay
    assert not (own / "results/runs/combined").exists()
    assert bench("tables", cwd=own).code == 0
    listed = bench("list", "runs", cwd=own).out
    assert listed.split()[0] == "base"
    assert "combined" not in listed


def test_what_a_removed_run_alone_had_is_measured_again_and_gives_the_same_points(study, own, tiny_weights):
    shutil.copytree(study[0] / "photos", own / "photos")
    [folder] = own.glob("results/runs/combined/*")
    points = (folder / "points.csv").read_text()
    first, again = several(
        ["runs", "remove", "combined", "ask=false"],
        ["run", "+variant=combined", *RUN, f"weights={tiny_weights}", "workers=1"],
        cwd=own,
    )
    assert (first.code, again.code) == (0, 0), again.err
    assert "8 of 8 units" in again.err
    assert "variant base" not in again.err
    timeless = [
        [row.split(",")[:-2] for row in text.splitlines()]
        for text in (points, (folder / "points.csv").read_text())
    ]
    assert timeless[0] == timeless[1]


def test_it_asks_and_only_yes_removes(own):
    before = tree(own / "results")
    for done in answered(["runs", "remove", "combined"], "", "yes please", cwd=own):
        assert (done.code, done.out) == (1, "")
        assert "Remove 1 run? [y/N]" in done.err
        assert done.err.splitlines()[-1].endswith("jpegai-bench: nothing was removed")
    fails(bench("runs", "remove", "combined", cwd=own), "nobody to ask", "ask=false", code=2)
    assert tree(own / "results") == before
    [done] = answered(["runs", "remove", "combined", "base"], "y", cwd=own)
    assert done.code == 0
    assert len(done.out.splitlines()) == 2
    assert list(manifests(own / "results")) == []


def test_quiet_still_says_which_tables_lose(own):
    done = bench("-q", "runs", "remove", "jpeg", "ask=false", cwd=own)
    assert done.code == 0
    assert says(done.err, "needed by", "photos, model small")
    assert says(done.err, "Tables and plots", "stay as they are")


def test_unneeded_is_what_no_table_and_no_comparison_over_seeds_rests_on(seeds):
    kept, done = several(
        ["tables", "experiment=vcip2023"], ["runs", "remove", "unneeded", "ask=false"], cwd=seeds
    )
    before = tree(seeds / "results/tables")
    assert done.out.split() == ["results/runs/activation/20"]
    assert "needed" not in done.err
    again, compared, none = several(
        ["tables", "experiment=vcip2023"],
        ["compare", "base", "combined"],
        ["runs", "remove", "unneeded"],
        cwd=seeds,
    )
    assert (kept.code, again.out) == (0, kept.out)
    assert tree(seeds / "results/tables") == before
    assert compared.out.count("over 3 seeds") == 2
    assert none.code == 0
    assert "nothing to remove" in none.err


def test_runs_of_another_data_set_or_preset_are_chosen_by_it(seeds):
    fill_store(seeds / "results", ("base",), images=3, model="paper")
    path = seeds / "results/runs/base/00/run.json"
    other = json.loads(path.read_text()) | {"dataset": "street", "key": "beef"}
    (seeds / "results/runs/base/beefbeef").mkdir()
    (seeds / "results/runs/base/beefbeef/run.json").write_text(json.dumps(other))
    nowhere, one = several(
        ["runs", "remove", "combined", "model=paper", "ask=false"],
        ["runs", "remove", "base", "dataset=folder", "dataset.path=street", "ask=false"],
        cwd=seeds,
    )
    fails(nowhere, "combined with model=paper")
    assert one.out.split() == ["results/runs/base/beefbeef"]


def test_failed_and_killed_runs_go_and_one_under_way_stays(seeds):
    for key, state in (("10", "failed"), ("11", "running")):
        path = seeds / f"results/runs/combined/{key}/run.json"
        gone = {"host": os.uname().nodename, "pid": 4_000_000, "began": "1"}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"status": state} | gone))
    done = bench("runs", "remove", "failed", "killed", "ask=false", cwd=seeds)
    assert sorted(done.out.split()) == ["results/runs/combined/10", "results/runs/combined/11"]
    from jpegai_bench.store.leases import Holder

    path = seeds / "results/runs/combined/12/run.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"status": "running"} | vars(Holder.this_process()))
    )
    fails(bench("runs", "remove", "combined", "ask=false", cwd=seeds), f"measured by process {os.getpid()}")
    assert path.exists()


def test_what_was_cut_off_half_way_is_in_no_table_and_removed_by_the_same_command(own):
    [folder] = own.glob("results/runs/combined/*")
    before = {"results": tree(own / "results")}
    script = (
        "import os, sys\nfrom pathlib import Path\nleft = [int(sys.argv.pop(1))]\nreal = Path.unlink\n"
        "def unlink(path, **more):\n    left[0] -= 1\n    if left[0] < 0:\n        os.kill(os.getpid(), 9)\n"
        "    real(path, **more)\nPath.unlink = unlink\nfrom jpegai_bench.cli.main import main\nmain()\n"
    )
    words = ["runs", "remove", "combined", "ask=false"]
    for deletions in (5, 12):  # among the units and pictures, and again
        ended = subprocess.run(
            [sys.executable, "-c", script, str(deletions), *words], cwd=own, capture_output=True
        )
        assert ended.returncode == -9
        shown, listed = several(["tables"], ["list", "runs"], cwd=own)
        assert shown.code == 0, shown.err
        assert "combined" not in shown.out
        assert [line.split()[:2] for line in listed.out.splitlines()][1] == ["combined", "failed"]
    done = bench(*words, cwd=own)
    assert done.code == 0, done.err
    assert not folder.exists()
    kept = tree(own / "results").keys()
    gone = before["results"].keys() - kept
    assert sum(name.startswith("units/") for name in gone) == 8
    assert sum(name.startswith("pictures/") for name in gone) == 8


def test_what_targets_led_to_goes_before_the_record_of_it(own, tiny_weights, study):
    shutil.copytree(study[0] / "photos", own / "photos")
    words = [word for word in RUN if not word.startswith("qualities")]
    own_words = [*words, f"weights={tiny_weights}", "rates=target", "targets=[0.3,0.6]", "workers=1"]
    own_words += ["metrics.only=[psnr_y]"]
    before = set(tree(own / "results/units"))
    assert bench("run", "+variant=base", *own_words, cwd=own).code == 0
    from jpegai_bench.store.store import Store
    from jpegai_bench.store.units_of_run import files_of

    store = Store(own / "results")
    [run] = [run for run in store.runs() if run.rates == "target"]
    files = files_of(store, run)
    searches = [path for path in files if "found_quality" in path.read_bytes().decode("latin-1")]
    assert len(searches) == 4
    assert files[-4:] == searches
    [done] = several(["runs", "remove", run.folder.name, "ask=false"], cwd=own)
    assert done.code == 0
    assert set(tree(own / "results/units")) == before


def test_a_damaged_manifest_is_listed_and_can_be_removed(own):
    for key, content in (("aaaa1111", '{"label": "ba'), ("bbbb2222", "[1]"), ("cccc3333", None)):
        (own / "results/runs/base" / key).mkdir()
        if content:
            (own / "results/runs/base" / key / "run.json").write_text(content)
    listed, one, rest = several(
        ["list", "runs"],
        ["runs", "remove", "aaaa", "ask=false"],
        ["runs", "remove", "damaged", "ask=false"],
        cwd=own,
    )
    assert len(re.findall(r"^base +damaged .*cannot be read$", listed.out, re.MULTILINE)) == 3
    assert one.out == "results/runs/base/aaaa1111\n"
    assert len(rest.out.splitlines()) == 2
    assert len(list(own.glob("results/runs/base/*"))) == 1


@pytest.mark.parametrize("odd", [{"images": {"a": 5}}, {"qualities": "abc"}, {"images": 3}])
def test_an_odd_manifest_keeps_nothing_from_being_listed_or_removed(own, odd):
    [path] = own.glob("results/runs/combined/*/run.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | odd))
    [anchor] = own.glob("results/anchors/jpeg/*/points.csv")
    anchor.unlink()
    listed, done = several(["list", "runs"], ["runs", "remove", "combined", "jpeg", "ask=false"], cwd=own)
    assert len(listed.out.splitlines()) == 3, listed.err
    assert done.code == 0, done.err
    assert not path.exists()
    assert list(own.glob("results/runs/base/*/points.csv"))


def test_where_nobody_can_be_asked_it_says_so_without_stdin_too(own):
    script = f"exec {PROGRAM} runs remove combined <&-"
    done = subprocess.run(["bash", "-c", script], cwd=own, capture_output=True, text=True)
    assert done.returncode == 2
    assert says(done.stderr, "ask=false")


def test_tables_of_an_experiment_that_is_not_known_here_keep_unneeded_from_being_told(seeds):
    (seeds / "results/tables/ours").mkdir(parents=True)
    before = tree(seeds / "results/runs")
    refused, named = several(
        ["runs", "remove", "unneeded", "ask=false"],
        ["runs", "remove", "combined"],
        cwd=seeds,
    )
    fails(refused, "results/tables/ours", "--config-dir")
    assert "results/tables/ours: of an experiment" in named.err
    assert tree(seeds / "results/runs") == before
    (seeds / "conf/experiment").mkdir(parents=True)
    (seeds / "conf/experiment/ours.yaml").write_text(
        "experiment: {name: ours, studies: {one: {variants: [combined]}}}\n"
    )
    [known] = several(
        ["runs", "remove", "unneeded", "ask=false", "--config-dir", "conf"],
        cwd=seeds,
    )
    assert known.out.split() == ["results/runs/activation/20"]


def test_words_that_mean_nothing_are_answered_with_the_nearest(own):
    lines = {
        ("remove", "bas"): ("no run of this name or key in results (did you mean base?)", 1),
        ("remove", "faild"): ("did you mean failed?", 1),
        ("remov", "base"): ("no 'remov'; there is runs remove WHICH", 2),
        ("remove",): ("WHICH is missing", 2),
        ("remove", "base", "+variant=base"): ("takes no variant", 2),
        ("remove", "base", "results=nowhere"): ("in nowhere", 1),
    }
    for (words, (said, code)), done in zip(
        lines.items(), several(*(["runs", *words] for words in lines), cwd=own), strict=True
    ):
        fails(done, said, code=code), words
    assert not (own / "nowhere").exists()


def test_an_experiment_that_is_none_is_named_before_anything_goes(own):
    (own / "conf/experiment").mkdir(parents=True)
    (own / "conf/experiment/bad.yaml").write_text("experiment: 3\n")
    before = tree(own / "results")
    fails(
        bench("runs", "remove", "combined", "ask=false", "--config-dir", "conf", cwd=own),
        "bad.yaml: is no experiment",
    )
    assert tree(own / "results") == before


def test_neither_loads_torch(seeds):
    lines = (["list", "runs"], ["runs", "remove", "unneeded", "ask=false"])
    assert modules_loaded(*lines, cwd=seeds) == []


def test_a_key_of_a_run_on_other_pictures_is_refused(own):
    [base] = (own / "results/runs/base").iterdir()
    for where in ("dataset=kodak", "model=paper"):
        done = bench("runs", "remove", base.name[:8], where, "ask=false", cwd=own)
        fails(done, f"{base.name[:8]}: ", where, "jpegai-bench list runs")
    assert base.is_dir()
