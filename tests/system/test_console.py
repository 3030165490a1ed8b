import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from command import RUN, TINY, Terminal, bench, fails, several
from messages import says

from jpegai_bench.commands.output import print_rich
from jpegai_bench.system.console import complain, detail, logged, report, say, verbosity
from jpegai_bench.system.progress import progress


@pytest.fixture
def here(study, tmp_path):
    shutil.copytree(study[0] / "photos", tmp_path / "photos")
    return tmp_path


def test_quiet_leaves_errors_alone_and_verbose_says_why_with_which_files_and_versions(here, tiny_weights):
    own = (*RUN, f"weights={tiny_weights}", "workers=1", "metrics.only=[psnr_y]")
    run = ("run", "+variant=base", *own)
    quiet, usual, verbose = several(
        ["-q", *run, "results=q"], [*run, "results=u"], [*run, "--verbose", "results=v"], cwd=here
    )
    assert [done.code for done in (quiet, usual, verbose)] == [0, 0, 0]
    assert quiet.err == ""
    assert says(usual.err, "variant base on photos", "8 of 8 units", "not measured before")
    assert says(usual.err, "variant base on photos", "8 of 8 units")
    assert "versions:" not in usual.err
    for told in ("units to measure, by image: a (4), b (4)", "versions: torch ", f"weights={tiny_weights}"):
        assert told in verbose.err
    assert all(line in verbose.err for line in usual.err.splitlines() if " units, " not in line)
    assert quiet.out.replace("q/", "u/") == usual.out


def test_a_failure_is_told_in_spite_of_quiet(here):
    (here / "photos/broken.png").write_bytes(b"no picture")
    data = ("dataset=folder", "dataset.path=photos", "qualities=[30]", "workers=1")
    done = bench("-q", "anchor", "codec=jpeg", *data, cwd=here)
    fails(done, "left out: ", "broken.png")
    assert len(done.err.splitlines()) == 1
    fails(bench("tables", "--quiet", cwd=here), "holds no finished run")


def test_a_run_keeps_beside_it_what_was_told_and_what_would_have_been(here, study):
    data = ("dataset=folder", "dataset.path=photos", "qualities=[30,60]", "workers=1")
    line = ("anchor", "codec=jpeg", *data)
    first, again, more = several(
        ["-q", *line], line, [*line[:-2], "qualities=[30,60,90]", "workers=1"], cwd=here
    )
    assert (first.code, again.code, more.code) == (0, 0, 0)
    logs = sorted(here.glob("results/anchors/jpeg/*/log.txt"), key=lambda path: path.stat().st_mtime)
    assert [path.parent for path in logs] == [
        path.parent for path in logs if (path.parent / "run.json").exists()
    ]
    assert len(logs) == 2
    old, new = (path.read_text() for path in logs)
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ anchor jpeg on photos: 4 of 4 units", old)
    assert "versions: torch " in old
    assert old.count("units to measure:") == 1  # nothing was measured again, and nothing noted
    assert "2 of 6 units to measure" in new
    assert "\x1b" not in old + new
    for path in (study[0] / "results/runs").glob("*/*"):
        assert re.search(r"(\d+) of \1 units", (path / "log.txt").read_text())


def test_the_log_holds_the_traceback_of_what_broke_a_run(tmp_path):
    def work() -> None:
        with logged(tmp_path / "run/log.txt"):
            detail("about to divide")
            print(1 / 0)

    with pytest.raises(ZeroDivisionError):
        work()
    kept = (tmp_path / "run/log.txt").read_text()
    assert "about to divide\n" in kept
    assert kept.rstrip().endswith("ZeroDivisionError: division by zero")


def test_an_unforeseen_error_is_one_line_and_with_verbose_its_traceback(tmp_path):
    (tmp_path / "my_codec.py").write_text(
        "class Broken:\n    def __init__(self, name):\n        print(1 / 0)\n"
    )
    (tmp_path / "my_conf/anchor").mkdir(parents=True)
    (tmp_path / "my_conf/anchor/mine.yaml").write_text("mine:\n  _target_: my_codec.Broken\n")
    line = ("anchor", "--config-dir", "my_conf", "codec=mine")
    usual, verbose = several(line, [*line, "-v"], cwd=tmp_path)
    fails(usual, "ZeroDivisionError: division by zero", "-v shows where")
    assert verbose.code == 1
    assert "Traceback (most recent call last)" in verbose.err
    assert "my_codec.py" in verbose.err
    assert verbose.err.splitlines()[-1].startswith("jpegai-bench: ZeroDivisionError")


# Command lines one after the other in one process, each in an environment of its own; a NUL ends each.
SEVERAL = """
import json, os, sys
from jpegai_bench.cli.main import main
for words, environment in json.loads(sys.argv[1]):
    os.environ.pop("NO_COLOR", None)
    os.environ.update({"TERM": "xterm-256color", **environment})
    try:
        main(words)
    except SystemExit as end:
        assert end.code == 0
    sys.stderr.flush()
    print(end="\\0", flush=True)
"""


def on_a_terminal(*lines: tuple[tuple[str, ...], dict[str, str]], cwd) -> list[str]:
    """What each command line writes, in its environment, where stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SEVERAL, json.dumps(lines)],
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        assert process.wait() == 0, shown
    os.close(ours)
    return shown.decode().split("\0")[:-1]


def test_escape_codes_go_to_a_terminal_alone_and_not_with_no_color(here, monkeypatch):
    bdrate = ("bdrate", "vvc/kodak", "jpeg/kodak", "only=[psnr_y]")
    data = ("dataset=folder", "dataset.path=photos", "qualities=[30,60]", "workers=1")
    anchor = ("anchor", "codec=jpeg", *data, "metrics.only=[psnr_y]")
    table, dumb, progress, plain = on_a_terminal(
        (bdrate, {}),
        (bdrate, {"TERM": "dumb"}),
        ((*anchor, "results=colored"), {}),
        ((*anchor, "results=plain"), {"NO_COLOR": "1"}),
        cwd=here,
    )
    assert "\x1b[" in table
    assert "\x1b[" in progress
    assert "\x1b" not in dumb
    assert "\x1b" not in plain
    assert "anchor jpeg on photos: 4 of 4 units" in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    piped = bench(*bdrate, cwd=here)
    assert "\x1b" not in piped.out + piped.err
    assert "PSNR-Y" in piped.out


def test_the_complexity_of_all_variants_fits_a_terminal_of_80_columns(tmp_path, monkeypatch):
    """At the size of the paper, which has the longest figures of every column, and all columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    words = ("complexity", "model=paper", "model.restormer_blocks=1")  # as wide as with more
    lines = bench(*words, cwd=tmp_path, stdout=Terminal).out.splitlines()
    assert max(map(len, lines)) > 70
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]
    for row in ("base ", "attention_cs "):  # a line each in three tables
        assert len([line for line in lines if line.startswith(row)]) == 3
    last = [line.split()[-1] for line in lines if line.startswith("combined ")]
    assert last[0] == "172.1"


def test_rates_too_few_for_a_bd_rate_are_told_before_any_coding(here, tiny_weights):
    data = ("dataset=folder", "dataset.path=photos", "workers=1", "metrics.only=[psnr_y]")
    own = (*TINY, *data, "qualities=[1,3]", f"weights={tiny_weights}", "anchor=jpeg", "results=r")
    run, jpeg, four = several(
        ["run", "+variant=base", *own, "anchor.jpeg.qualities=[20,40,60,80]"],
        ["anchor", "codec=jpeg", *data, "qualities=[30,60]"],
        ["anchor", "codec=jpeg", *data, "qualities=[30,40,50,60]"],
        cwd=here,
    )
    for done, said in ((run, "qualities=[1,3]"), (jpeg, "qualities=[30,60]")):
        first, *others = done.err.splitlines()
        assert done.code == 0, done.err
        assert said in first
        assert "of the 4 rates" in first
        assert not [line for line in others if said in line]
    assert "rates that" not in four.err


def test_what_is_told_depends_on_how_much_is_asked_for(capsys, tmp_path):
    for level, told in ((-1, "wrong"), (0, "wrong note work"), (1, "wrong note work more")):
        with verbosity(level), logged(tmp_path / f"{level}.txt"):
            complain("wrong")
            say("note")
            report("work")
            detail("more")
            with progress("steps", 2, "steps") as advance:
                advance()
                advance()
        lines = capsys.readouterr().err.splitlines()
        assert [line.removeprefix("jpegai-bench: ") for line in lines if "steps" not in line] == told.split()
        assert ("steps: 2 of 2 steps, 0 s" in lines) == (level >= 0)
        kept = (tmp_path / f"{level}.txt").read_text()
        assert [line.split()[-1] for line in kept.splitlines()[:4]] == ["wrong", "note", "work", "more"]


def test_tables_are_plain_where_stdout_is_no_terminal(monkeypatch):
    from rich.text import Text

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print_rich(Text("green", style="bold green"))
    assert sys.stdout.getvalue() == "green\n"


@pytest.mark.parametrize("width", [80, 200])
def test_steps_and_time_left_are_there_however_narrow_the_terminal(monkeypatch, width):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with progress("training attention_ds, seed 0", 14000, "steps") as advance:
        advance("loss 14.307, 2.182 bpp, 11.09 dB, 16.24 steps/s, 5% waiting", completed=1400)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    last = [line for line in plain.splitlines() if "1400/14000" in line][-1]
    assert re.search(r"seed 0 .*1400/14000 +(\d:\d\d:\d\d|-:--:--) loss 14\.307, 2\.182 bpp", last), last
    assert ("5% waiting" in last) == (width == 200)


def test_a_line_a_minute_says_what_time_is_left(monkeypatch, capsys):
    now = [1000.0]
    monkeypatch.setattr("jpegai_bench.system.progress.time.monotonic", lambda: now[0])
    with progress("training", 1000, "steps") as advance:
        advance(completed=400, resumed=True)
        now[0] += 61
        advance("loss 2", completed=410)
        now[0] += 61
        advance("loss 1", completed=900)
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "training: 410 of 1000 steps, 1:00 h left, loss 2",
        "training: 900 of 1000 steps, 1 min left, loss 1",
        "training: 900 of 1000 steps, 122 s",
    ]


def test_what_would_move_the_cursor_is_spelled_out(capsys, tmp_path):
    with logged(tmp_path / "log.txt"):
        complain("a\x1b[2Jb.png\x07: cannot be decoded")
        say("\udcff.png and ä\u202f1\nsecond line")
    assert capsys.readouterr().err.splitlines() == [
        r"jpegai-bench: a\x1b[2Jb.png\x07: cannot be decoded",
        "jpegai-bench: \\udcff.png and ä\u202f1",
        "second line",
    ]
    assert "\x1b" not in (tmp_path / "log.txt").read_text()
