"""docs/tutorial.md, command after command, as a reader types them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jpegai_bench.commands.catalogue import COMMANDS

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """Its fenced blocks in order: `sh` for commands, else a file whose name is in the first line."""
    return BLOCK.findall(TUTORIAL.read_text())


def commands() -> list[str]:
    return [line for kind, text in steps() if kind == "sh" for line in text.splitlines()]


def test_the_tutorial_names_only_commands_and_pictures_that_there_are():
    text = TUTORIAL.read_text()
    named = [line.split()[1] for line in commands() if line.startswith("jpegai-bench")]
    assert {"doctor", "run", "complexity", "train", "sweep", "compare", "report"} <= set(named)
    assert set(named) <= {*COMMANDS, "report"}
    pictures = [TUTORIAL.parent / path for path in re.findall(r"!\[.+?\]\((.+?)\)", text)]
    assert pictures
    assert sum(path.stat().st_size for path in pictures) < 300_000
    pages = list(re.findall(r"\]\(([\w./-]+\.(?:md|py))\)", text))
    assert all((TUTORIAL.parent / path).is_file() for path in pages)


@pytest.mark.slow
def test_every_command_of_the_tutorial_works_in_its_turn(tmp_path):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    out = {}
    for kind, text in steps():
        if kind != "sh":
            name = text.splitlines()[0].removeprefix("# ")
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
            continue
        for line in text.splitlines():
            words = line.split()
            if words[0] == "jpegai-bench" and words[1] not in COMMANDS:
                continue  # the report page is not there yet
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (line, done)
            out[words[1]] = done
    runs = sorted(path.parent.parent.name for path in tmp_path.glob("results/runs/*/*/run.json"))
    assert runs == ["base", "base", "mine"]
    assert "training mine" not in out["sweep"].stderr  # found again
    assert "training base" in out["sweep"].stderr
    assert "| mine " in out["tables"].stdout
    assert list(tmp_path.glob("results/plots/*.png"))
