"""Every page of the repository: tables are whole, links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("", "docs", "experiments", "results", "tests", "conf", "jpegai_bench")
PAGES = sorted(
    page for folder in FOLDERS for page in (ROOT / folder).glob("**/*.md" if folder else "*.md")
)  # fmt: skip


def without_code(text):
    return re.sub(r"`[^`\n]*`", "x", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def tables(text):
    """Lines of cells, table after table."""
    for block in re.findall(r"(?:^[ \t]*\|.*\n?)+", without_code(text), re.MULTILINE):
        yield [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in block.splitlines() if line.strip()]


def anchors(text):
    """What the headings of a page are called in links to it."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tables_have_a_head_and_rows_of_its_width(page):
    for head, line, *rows in tables(page.read_text()):
        assert all(re.fullmatch(r" *:?-+:? *", cell) for cell in line), head
        assert rows, head
        assert {len(row) for row in (line, *rows)} == {len(head)}, head


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_there_are_pages():
    assert ROOT / "README.md" in PAGES
    assert len(PAGES) > 20
