"""scripts/results.py, which `make results` runs: the table of results/README.md, row after row."""

import os
import runpy
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from unittest.mock import patch

import pytest
from command import Done, as_if_fresh, bench, tree
from messages import says
from synthetic import fill_store

from jpegai_bench.config.folders import CONF

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/results.py"
README = (ROOT / "results/README.md").read_text()
OWN = runpy.run_path(str(SCRIPT), run_name="own")
ROWS = list(OWN["rows"](README))
COMMANDS = [command for row in ROWS for command in row.commands]


@pytest.fixture
def results(capfd):
    """The script, as a process runs it; the commands of its rows are processes, which write to stderr too."""

    def run(*words, cwd, **settings):
        argv = patch.object(sys, "argv", [str(SCRIPT), *words])
        with as_if_fresh(cwd), patch.dict(os.environ, settings), argv, pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return Done(end.value.code, *capfd.readouterr())

    return run


def readme(folder, *rows):
    (folder / "results").mkdir(exist_ok=True)
    table = [f"| {' | '.join(row)} |" for row in (("files", "commands", "needs"), ("---",) * 3, *rows)]
    lines = [OWN["HEADING"], "", *table, "", "## More", "", "| `a` | `b` | |", ""]
    (folder / "results/README.md").write_text("\n".join(lines))


def test_every_committed_file_is_of_one_row():
    if not (ROOT / ".git").exists():
        pytest.skip("no clone: what is committed is not known")
    listed = subprocess.run(
        ["git", "ls-files", "tables", "plots"],
        cwd=ROOT / "results",
        capture_output=True,
        text=True,
        check=True,
    )
    files = listed.stdout.split()
    assert len(files) > 50
    otherwise = README.partition("Not made by it")[2].partition("\n## ")[0]
    for file in files:
        patterns = [pattern for row in ROWS for pattern in row.files if fnmatch(file, pattern)]
        assert len(patterns) == (0 if f"`{file}`" in otherwise else 1), (file, patterns)


def test_every_experiment_and_no_row_without_files_or_condition():
    assert len(ROWS) > 8
    for path in (CONF / "experiment").glob("*.yaml"):
        assert any(f"sweep dataset=kodak experiment={path.stem} " in command for command in COMMANDS), path
    assert all(row.files or row.condition for row in ROWS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("jpegai-bench")])
def test_every_command_is_one_of_the_program(command, tmp_path):
    words = shlex.split(command.partition(" > ")[0].replace("$REPEATS", "1"))[1:]
    done = bench(*words, "--cfg", "job", cwd=tmp_path)
    assert done.code == 0, done.err
    for word in words:
        if word.startswith("results="):
            assert word.replace("=", ": ") in done.out.splitlines()


def test_other_commands_are_of_files_that_there_are():
    others = [shlex.split(command) for command in COMMANDS if not command.startswith("jpegai-bench")]
    assert {words[0] for words in others} == {"python"}
    assert all((ROOT / words[1]).is_file() for words in others)


def test_rows_are_made_copied_and_made_again_alike(tmp_path, results):
    store = fill_store(tmp_path / "made", ("base",), images=2)
    for run in (*store.runs(), *store.runs("anchors")):  # of one metric: each has a figure
        kept = run.points()[["image", "quality", "target_bpp", "bpp", "vif"]]
        store.write_run(run.folder, run.manifest, kept)
    compared = "jpegai-bench bdrate vvc/kodak vvc/kodak only=[psnr_y] format=csv"
    readme(
        tmp_path,
        (
            "`tables/kodak-small-results.*`, `tables/mine-points.csv`, `plots/kodak-small-rd_vif.png`",
            "`jpegai-bench tables results=made`<br>`jpegai-bench plots results=made`",
            "",
        ),
        ("`tables/same.csv`", f"`{compared} > results/tables/same.csv`", ""),
        ("(seeds)", "`jpegai-bench no-such-command weights=$SEEDS/1`", "`SEEDS=FOLDER`"),
        ("`tables/b.csv`", "`jpegai-bench tables dataset=bsds500`", "`dataset=bsds500`"),
    )
    first = results(cwd=tmp_path, JPEGAI_BENCH_DATA=str(tmp_path))
    assert first.code == 0, first.err
    assert says(first.err, "left out", "no-such-command", "SEEDS is not set")
    assert says(first.err, "left out", "tables/b.csv", f"{tmp_path}/bsds500")
    tables = tmp_path / "results/tables"
    names = {path.relative_to(tmp_path / "results").as_posix() for path in tables.parent.rglob("*.*")}
    assert names == {
        *("README.md", "plots/kodak-small-rd_vif.png", "tables/mine-points.csv", "tables/same.csv"),
        *("tables/kodak-small-results.csv", "tables/kodak-small-results.md"),
    }
    assert (tables / "same.csv").read_text().splitlines()[1].startswith("psnr_y,0.0,")
    [made] = tmp_path.glob("made/runs/base/*/points.csv")
    assert (tables / "mine-points.csv").read_bytes() == made.read_bytes()

    before = tree(tmp_path / "results")
    again = results("same", cwd=tmp_path)
    assert again.code == 0, again.err
    assert says(again.err, "1 of 1")
    assert tree(tmp_path / "results") == before


def test_rows_are_chosen_by_their_first_file_and_one_that_is_left_out_is_no_success(tmp_path, results):
    readme(
        tmp_path,
        ("`a.csv`", "`jpegai-bench list variants > results/a.csv`", ""),
        ("`b.csv`, `plots/a.csv.png`", "`jpegai-bench tables nothing=here results=made`", ""),
        ("`seeds.csv`", "`jpegai-bench tables nothing=here results=made`", "`SEEDS=FOLDER`"),
    )
    done = results("a.csv", cwd=tmp_path)
    assert done.code == 0, done.err
    assert says(done.err, "1 of 1")
    lacking = results("seeds", cwd=tmp_path)
    assert lacking.code == 1
    assert says(lacking.err, "seeds.csv", "SEEDS is not set")


def test_a_row_without_files_is_chosen_with_those_that_take_from_its_folder(tmp_path, results):
    for store, code in (("made", 2), ("other", 0)):
        readme(
            tmp_path,
            ("(times)", f"`jpegai-bench tables nothing=here results={store}`", ""),
            ("`a.csv`", "`jpegai-bench list variants results=made > results/a.csv`", ""),
        )
        assert results("a.csv", cwd=tmp_path).code == code


def test_what_is_missing_or_fails_is_said_in_a_line(tmp_path, results):
    readme(
        tmp_path, ("`tables/a.csv`", "`jpegai-bench tables dataset=kodak results=made > results/a.csv`", "")
    )
    (tmp_path / "results/a.csv").write_text("as it was")
    missing = results(cwd=tmp_path, JPEGAI_BENCH_DATA=str(tmp_path))
    assert missing.code == 1
    [line] = missing.err.splitlines()
    assert all(fact in line for fact in ("kodak", f"{tmp_path}/kodak", "JPEGAI_BENCH_DATA"))
    readme(tmp_path, ("`a.csv`", "`jpegai-bench tables results=made nothing=here > results/a.csv`", ""))
    failed = results(cwd=tmp_path)
    assert failed.code == 2
    assert says(failed.err, "nothing=here")
    assert (tmp_path / "results/a.csv").read_text() == "as it was"
    unknown = results("b.csv", cwd=tmp_path)
    assert unknown.code == 2
    assert says(unknown.err, "results/README.md", "b.csv")
