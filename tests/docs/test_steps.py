"""docs/steps.py on a few trainings."""

import subprocess
import sys
from pathlib import Path

import pytest
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
    return subprocess.run([sys.executable, SCRIPT, *words], cwd=cwd, capture_output=True, text=True)


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
        assert (done.returncode, done.stderr) == (0, ""), done
        widths.append(Image.open(tmp_path / f"{name}.png").width)
    assert widths[0] == pytest.approx(2 * widths[1], abs=2)


def test_a_column_that_is_lacking_is_named(tmp_path):
    (tmp_path / "a.csv").write_text(ROWS.replace("against", "anchor"))
    done = steps("a.csv", "a.png", cwd=tmp_path)
    assert done.returncode == 1
    assert "no column against" in done.stderr
    assert steps(cwd=tmp_path).returncode == 2


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
    assert done.returncode == 1
    assert done.stderr.startswith(f"steps: {said}")
    assert done.stderr.count("\n") == 1
