"""docs/steps.py on a few trainings."""

import runpy
import sys
from contextlib import chdir, redirect_stderr
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from command import Done
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "docs/steps.py"
ROWS = """steps,variant,seed,against,bd_rate
10000,base,0,vvc,38
20000,base,0,vvc,31
20000,base,1,vvc,33
10000,combined,0,vvc,45
20000,combined,0,vvc,36
10000,combined,0,base,4.4
20000,combined,0,base,2.5
"""


def steps(*words, cwd):
    """As a process runs it; what it exits with goes to stderr, as Python ends."""
    code, err = 0, StringIO()
    with chdir(cwd), patch.object(sys, "argv", [str(SCRIPT), *words]), redirect_stderr(err):
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            code = end.code
    if isinstance(code, str):
        return Done(1, "", f"{err.getvalue()}{code}\n")
    return Done(code, "", err.getvalue())


def test_the_plot_has_a_panel_for_each_anchor(tmp_path):
    ten = "".join(f"1,variant{number},0,vvc,{number}\n" for number in range(10))
    files = {
        "both": ROWS,
        "one": ROWS.replace("0,base,", "0,vvc,"),
        "ten": f"{ROWS.splitlines()[0]}\n{ten}",  # more than there are colours
    }
    widths = []
    for name, rows in files.items():
        (tmp_path / f"{name}.csv").write_text(rows)
        done = steps(f"{name}.csv", f"{name}.png", cwd=tmp_path)
        assert (done.code, done.err) == (0, ""), done
        widths.append(Image.open(tmp_path / f"{name}.png").width)
    assert widths[0] == pytest.approx(2 * widths[1], abs=2)


def test_a_column_that_is_lacking_is_named(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS.replace("against", "anchor"))
    done = steps("a.csv", "a.png", cwd=tmp_path)
    assert done.code == 1
    assert "no column against" in done.err
    assert steps(cwd=tmp_path).code == 2


@pytest.mark.parametrize(
    ("rows", "figure", "said"),
    [
        (None, "a.png", "a.csv: cannot be read"),
        ("a\n1,2\n1,2,3,4\n", "a.png", "a.csv: cannot be read"),
        (ROWS.replace(",38", ",NA?"), "a.png", "a.csv: not all of bd_rate"),
        (ROWS.partition("\n")[0], "a.png", "a.csv: no training"),
        (ROWS.replace(",38", ",inf"), "a.png", "a.csv: steps must be above 0, BD-rates finite"),
        (ROWS.replace("10000", "0"), "a.png", "a.csv: steps must be above 0, BD-rates finite"),
        (ROWS, "a.nonsense", "a.nonsense: cannot be written"),
        (ROWS, "nowhere/a.png", "nowhere/a.png: cannot be written"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(tmp_path, rows, figure, said):
    if rows:
        (tmp_path / "a.csv").write_text(rows)
    done = steps("a.csv", figure, cwd=tmp_path)
    assert done.code == 1
    assert done.err.startswith(f"steps: {said}")
    assert done.err.count("\n") == 1
