import math
import re
import shutil
import subprocess

import pandas as pd
import pytest
from command import several
from synthetic import fill_store, study

from jpegai_bench.report.tables.latex import escape, frame_to_latex, to_latex
from jpegai_bench.report.tables.results import build_tables
from jpegai_bench.report.tables.sheets import Cell, Sheet
from jpegai_bench.report.tables.study_sheets import sheets

SPECIAL = r"50% & $2 #1 a_b {c} ~x^2 \end ÷ ± × → … – -- <|> [x] * “"
ROWS = [
    ["[a]", Cell(-1.5, 1, -2, -1), "*"],
    ["b_c", Cell(math.nan, reason="no overlap & 50%"), "–"],
]
WIDE = Sheet("Title_1 & 2", ["name", "of\ntwo", "x"], ROWS, SPECIAL, ["--config-dir=/a_b"])


def rows_of(text):
    """Cells between the rules of every tabular."""
    for table in re.findall(r"\\begin{tabular}.*?\\end{tabular}", text, re.DOTALL):
        columns = re.match(r"\\begin{tabular}{([lr]+)}", table)[1]
        lines = [line for line in table.splitlines()[1:-1] if not line.endswith("rule")]
        yield columns, [re.split(r"(?<!\\) ?& ?", re.sub(r" \\\\(\[.*?\])?$", "", line)) for line in lines]


def test_nothing_that_latex_takes_for_its_own_is_left():
    text = escape(SPECIAL)
    plain = re.sub(r"\\[a-zA-Z]+\{\}|\\[%&$#_{}]|\$\\[a-z]+\$|-\{\}-|\{[\[*]\}", "", text)
    assert not set(plain) & set(r"%&$#_{}~^\<>|[*")
    assert escape("--x") == "-{}-x"
    assert escape("é") == "é"


def test_every_row_has_a_cell_for_each_column_and_groups_are_closed():
    text = to_latex([WIDE, *sheets(build_tables(study()))], "tab")
    tables = list(rows_of(text))
    assert len(tables) == 4
    for columns, rows in tables:
        assert {len(row) for row in rows} == {len(columns)}
    for opened, closed in (("begin{", "end{"), ("toprule", "bottomrule")):
        assert text.count(f"\\{opened}") == text.count(f"\\{closed}")
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\label{(.*?)}", text) == [f"tab:tab-{number}" for number in range(1, 5)]


def test_an_interval_is_a_line_of_its_own_below_the_figure():
    [(_, rows)] = rows_of(to_latex([WIDE]))
    assert rows == [
        ["", "of", ""],
        ["name", "two", "x"],
        ["{[}a]", "$-$1.5", "{*}"],
        ["", r"\tiny $-$2.0\ldots{}$-$1.0", ""],
        [r"b\_c", "NA (1)", "--"],
    ]


def test_a_frame_is_a_tabular_at_full_precision():
    frame = pd.DataFrame({"variant": ["base", "my_own"], "mean_bd_rate": [-0.123456789012345, float("nan")]})
    [(columns, rows)] = rows_of(frame_to_latex(frame))
    assert columns == "lr"
    assert rows[0] == ["variant", r"mean\_bd\_rate"]
    assert rows[1:] == [["base", "$-$0.123456789012345"], [r"my\_own", "NA"]]


def test_every_command_that_prints_tables_has_it(tmp_path):
    store = fill_store(tmp_path / "results", ("base", "combined"), images=2)
    a, b = (str(next(store.root.glob(f"runs/{label}/*"))) for label in ("base", "combined"))
    commands = (["tables"], ["compare", "base", "combined"], ["bdrate", a, b])
    for done in several(*([*command, "format=latex"] for command in commands), cwd=tmp_path):
        assert done.code == 0, done.err
        [table, *_] = rows_of(done.out)
        columns, rows = table
        assert {len(row) for row in rows} == {len(columns)}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
@pytest.mark.parametrize("layout", ["", "[twocolumn]"])
def test_booktabs_is_all_that_a_document_needs(layout, tmp_path):
    whole = to_latex([WIDE, *sheets(build_tables(study()))], "t") + frame_to_latex(
        pd.DataFrame({"a_b": ["[x"]})
    )
    (tmp_path / "a.tex").write_text(
        f"\\documentclass{layout}{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n"
        f"{whole.replace('“', '')}\\end{{document}}\n"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "a.pdf").stat().st_size > 1000
