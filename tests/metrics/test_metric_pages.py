"""The figures and examples of the metrics' pages are what the package gives."""

import contextlib
import doctest
import io
import re
import runpy
import sys
from functools import cache
from pathlib import Path

import pytest

from jpegai_bench.metrics.catalogue import METRICS, NAMES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted([DOCS / "metrics.md", *(DOCS / "metrics").glob("*.md")])
COMMAND = "python docs/metrics/reactions.py"


@cache
def reactions() -> dict[str, dict[str, str]]:
    """The script's table of all metrics: distortion, then label, then cell."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(sys, "argv", ["reactions.py", *NAMES])
        runpy.run_path(str(DOCS / "metrics/reactions.py"), run_name="__main__")
    return table(out.getvalue())


def table(text: str) -> dict[str, dict[str, str]]:
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.strip().splitlines()
    )
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_tables_are_what_the_script_prints(page: Path) -> None:
    [(names, shown)] = re.findall(rf"    {re.escape(COMMAND)}(.*)\n\n((?:\|.*\n)+)", page.read_text())
    shown = table(shown)
    assert list(shown) == list(reactions())
    decimals = {metric.label: metric.decimals for metric in METRICS}
    labels = [metric.label for metric in METRICS if metric.name in names.split()]
    for distortion, cells in shown.items():
        assert not labels or list(cells) == labels
        for label, cell in cells.items():
            found = float(reactions()[distortion][label])
            assert float(cell) == pytest.approx(found, abs=1.01 * 10.0 ** -decimals[label]), (
                distortion,
                label,
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_run(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False, verbose=False).failed == 0


def test_every_metric_has_a_page_and_the_commands_output_is_the_tables() -> None:
    text = (DOCS / "metrics.md").read_text()
    for metric in METRICS:
        assert re.search(rf"\[[^\]]*`{metric.name}`[^\]]*\]\(metrics/\w+\.md\)", text)
        value = reactions()["JPEG, quality 50"][metric.label]
        line = next(line.split() for line in text.splitlines() if line.split()[:1] == [metric.label])
        assert float(line[1]) == pytest.approx(float(value), abs=1.01 * 10.0**-metric.decimals)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([\w./-]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
