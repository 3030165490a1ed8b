"""Cached results stay valid when only words change or files move, and not when the code does."""

import ast
import hashlib
import re
import shutil
from pathlib import Path

import pytest

import jpegai_bench
from jpegai_bench.codecs import fingerprint
from jpegai_bench.fingerprint import dependencies, syntax
from jpegai_bench.fingerprint.syntax import Names, code_hash, dumped

SOURCE = '"""Doc."""\nimport numpy as np\ndef f(x):\n    """Doc."""\n    return np.abs(x) + 1\n'

MUCH = '''
"""Doc."""
from __future__ import annotations
import torch.nn.functional as F
from jpegai_bench.network import range_coder
from numpy import *
A: int = 0x10 + 1_000 - 1.5e-3 * 2j
B = [*range(3), "é\\U0001fae8", b"\\xff", None, ..., True, "a" "b"]
C = f"{A!r:>{A}} {{}} {A=}" f"{'x'}" f"" f"y" "z"
@staticmethod
def f(a, /, b: int = 1, *rest, c, d=None, **others) -> None:
    global G
    with open(a) as one, open(b): pass
    for x, *y in {k: v for k, v in others.items() if k}: yield F.gelu(x[1:2, ..., -1])
    else: del y
    return (lambda z=1: z if a else not z)(1 < a <= 2) or range_coder.decode(b"")
async def g():
    async for x in h(): await x
    return [y async for y in x]
class K(Exception, metaclass=M):
    """Doc."""
    x: str
    """Doc."""
    def f(self): """Doc."""
try: raise K from None
except (A, B) as e: assert e, "no"
else: G = (n := 1)
finally: G @= 1
match A:
    case [1, *_] | {"a": K(x=3), **rest} if rest: pass
    case None | -1 as z: pass
while True: break
'''
"""Most of the language of Python 3.11, with what 3.12 and 3.13 parse into other fields or pieces."""


def hash_of(tmp_path, text):
    path = tmp_path / "module.py"
    path.write_text(text)
    return code_hash([path])


def test_comments_docstrings_and_layout_do_not_count(tmp_path):
    same = "# why\nimport numpy as np\ndef f(x):\n\n    return (np.abs(x)\n        + 1)\n"
    assert hash_of(tmp_path, SOURCE) == hash_of(tmp_path, same)


def test_a_changed_number_counts(tmp_path):
    assert hash_of(tmp_path, SOURCE) != hash_of(tmp_path, SOURCE.replace("1", "2"))


@pytest.mark.parametrize(
    "same",
    [
        "from numpy import abs\ndef f(x): return abs(x) + 1",
        "def f(x):\n    from numpy import abs as size\n    return size(x) + 1",
        "import json\nfrom numpy import abs\ndef f(x): return abs(x) + 1",
    ],
)
def test_how_a_function_of_a_library_is_imported_does_not_count(tmp_path, same):
    first = "from numpy import abs as one\ndef f(x): return one(x) + 1"
    assert hash_of(tmp_path, first) == hash_of(tmp_path, same)


@pytest.mark.parametrize(
    "was", ["from numpy import abs", "from numpy import sign as abs", "import numpy.abs as abs"]
)
def test_another_function_of_a_library_counts_however_it_is_called(tmp_path, was):
    use = "\ndef f(x): return abs(x)"
    assert hash_of(tmp_path, was + use) != hash_of(tmp_path, "from scipy import abs" + use)


def test_neither_the_name_of_a_file_counts_nor_where_it_is(tmp_path):
    (tmp_path / "deep").mkdir()
    files = [tmp_path / name for name in ("a.py", "b.py", "z.py", "deep/a.py")]
    for path, text in zip(files, ("A = 1", "B = 2", "A = 1", "B = 2"), strict=True):
        path.write_text(text)
    assert code_hash(files[:2]) == code_hash(files[2:])


def test_the_text_that_is_hashed_is_the_same_under_every_python():
    tree = ast.parse(MUCH)
    text = dumped(tree, Names.of(syntax.imported(ast.walk(tree), "m", package=False)))
    assert "Call(args=[Constant(b'')],func=Name(decode))" in text
    assert "func=Attribute(attr='gelu',value=Name(torch.nn.functional))" in text
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "2816489ef2d2f258afff7c602c82219a7618ec4e45928cf7c91741b2a9295d0b"
    )


MOVES = {
    "network/gain.py": "network/units/gain_unit.py",
    "network/range_coder.py": "coding/range_coder.py",
    "images/color.py": "images/spaces/color_space.py",
    "errors.py": "messages/errors.py",
}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The package's source in another place, and there read by what hashes it; moves files within it."""
    home, copied = Path(jpegai_bench.__file__).parent, tmp_path / "jpegai_bench"
    shutil.copytree(
        home,
        copied,
        ignore=lambda folder, names: [
            name for name in names if not (Path(folder, name).is_dir() or name.endswith(".py"))
        ],
    )
    forget = [dependencies._part.cache_clear, dependencies._read.cache_clear]

    def move(moves):
        for was, now in moves.items():
            (copied / now).parent.mkdir(parents=True, exist_ok=True)
            (copied / was).rename(copied / now)
        for path in copied.rglob("*.py"):
            path.write_text(_imports_follow(path.read_text(), moves))
        [clear() for clear in forget]

    monkeypatch.setattr(syntax, "HOME", copied)
    [clear() for clear in forget]
    yield copied, move
    [clear() for clear in forget]


def _imports_follow(text, moves):
    for was, now in moves.items():
        (parent, name), (new_parent, new) = (
            ".".join(("jpegai_bench", *Path(path).with_suffix("").parts)).rsplit(".", 1)
            for path in (was, now)
        )
        text = text.replace(f"from {parent}.{name} import", f"from {new_parent}.{new} import")
        line = re.compile(rf"^( *from {re.escape(parent)} import .*)\b{name}\b(?:, )?(.*)", re.MULTILINE)
        if line.search(text):
            text = line.sub(rf"from {new_parent} import {new}\n\1\2", text)
            text = re.sub(rf"^from {re.escape(parent)} import *$", "", text, flags=re.MULTILINE)
            text = re.sub(rf"\b{name}\.(?=\w)", f"{new}.", text)
    return text


def test_moving_a_file_changes_no_key(copy):
    folder, move = copy
    targets = [*fingerprint._CODEC, "jpegai_bench.network.attention.RestormerStack"]

    def keys():
        metrics = [path for path in folder.glob("metrics/*.py") if path.name != "fingerprint.py"]
        codec = [folder / "codecs/planes.py", *folder.rglob("color*.py")]
        return dependencies.reached(targets), code_hash(metrics), code_hash(codec)

    before = keys()
    assert before[0] == dependencies.reached(targets)
    move(MOVES)
    assert "from jpegai_bench.coding.range_coder import" in (folder / "network/coding.py").read_text()
    assert keys() == before
    file = folder / MOVES["network/gain.py"]
    file.write_text(file.read_text().replace("return ", "return 1 * ", 1))
    dependencies._part.cache_clear(), dependencies._read.cache_clear()
    assert keys() != before
