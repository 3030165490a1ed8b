"""docs/architecture.md names files that there are, and its walk is one sitting."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()


def test_the_walk_begins_at_the_run_and_has_twenty_files_at_most():
    walk = re.findall(r"^\| \d+ \| `([\w/.]+)` \|", PAGE, re.MULTILINE)
    assert walk[0] == "runner/run.py"
    assert len(set(walk)) == len(walk) <= 20
    assert [path for path in walk if not (ROOT / "jpegai_bench" / path).is_file()] == []
