"""docs/own-variant.md, its three examples word by word."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import bench, picture

PAGE = (Path(__file__).parents[2] / "docs/own-variant.md").read_text()
EXAMPLES = dict(re.findall(r"^## (A .*?|An .*?)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))
FILE = re.compile(r"`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    jpegai-bench (.+)$", re.MULTILINE)


def written(folder: Path) -> Path:
    """What the page says to write, into a folder with photographs."""
    (folder / "my_codec").mkdir(parents=True)
    (folder / "my_codec/__init__.py").touch()
    for path, text in FILE.findall(PAGE):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_each_example_has_a_file_of_code_a_variant_and_a_command():
    assert list(EXAMPLES) == ["A module", "A whole synthesis", "An entropy model"]
    for text in EXAMPLES.values():
        assert [Path(path).suffix for path, _ in FILE.findall(text)] == [".py", ".yaml"]
        assert COMMAND.search(text)


@pytest.mark.parametrize("name", ["mine", "shallow", "checkerboard"])
def test_its_variants_fit_and_are_counted(name, tmp_path):
    folder = written(tmp_path)
    done = bench("complexity", "--config-dir", "my_conf", f"+variant={name}", "format=csv", cwd=folder)
    assert done.code == 0, done.err
    assert name in done.out


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_command_works_as_it_stands(example, tmp_path):
    folder = written(tmp_path)
    (folder / "photos").mkdir()
    for seed in range(4):
        picture(192, 160, seed).save(folder / f"photos/{seed}.png")
    program = str(Path(sys.executable).with_name("jpegai-bench"))
    for line in COMMAND.findall(EXAMPLES[example]):
        done = subprocess.run([program, *shlex.split(line)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)
