"""A cached result is valid as long as nothing that made it has changed, and no longer."""

import sys
from pathlib import Path

import pytest

import jpegai_bench
from jpegai_bench.codecs import fingerprint
from jpegai_bench.errors import BenchError
from jpegai_bench.fingerprint import dependencies, syntax

ATTENTION = "jpegai_bench.network.attention"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's folder on the path; writes files into it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_a_module_under_study_is_reached_by_the_variants_that_use_it_alone():
    base, split = (
        dependencies.reached([*fingerprint._CODEC, f"{ATTENTION}.{name}"])
        for name in ("RNAB", "ChannelSplitAttention")
    )
    more = split.keys() - base.keys()
    assert {"ChannelSplitAttention", "GatedFeedForward"} <= more
    assert base.keys() <= split.keys()  # the analysis transform has an RNAB, whatever the variant


@pytest.mark.parametrize(
    "part",
    [
        "rgb_to_yuv",
        "ResAU",
        "Exact",
        "POWERS",
        "Tables",
        "Coder",
        "quantize",
        "GroupPass",
        "PhasePass",
        "EntropyModel",
        "Gain",
        "Reader",
        "Writer",
        "nearest_step",
        "Synthesis",
        "load",
    ],
)
def test_everything_between_image_and_bytes_is_reached(part):
    assert part in dependencies.reached(fingerprint._CODEC)


def test_words_layout_and_what_is_not_used_do_not_count():
    parts = dependencies.reached(fingerprint._CODEC)
    others = ("save", "RestormerStack", "Recipe", "psnr", "METRICS", "Table")
    assert not any(name in parts for name in others)


def test_a_change_of_one_definition_changes_that_part_alone(tmp_path, monkeypatch):
    copy = tmp_path / "jpegai_bench"
    home = Path(jpegai_bench.__file__).parent
    for path in home.rglob("*.py"):
        target = copy / path.relative_to(home)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    targets = [*fingerprint._CODEC, f"{ATTENTION}.RestormerStack"]
    before = dependencies.reached(targets)
    monkeypatch.setattr(syntax, "HOME", copy)
    dependencies._part.cache_clear(), dependencies._read.cache_clear()
    assert dependencies.reached(targets) == before
    file = copy / "network/restormer.py"
    text = file.read_text()
    start = text.index("class GatedFeedForward")
    file.write_text(text[:start] + text[start:].replace("def forward(", "def forward_(", 1))
    dependencies._part.cache_clear(), dependencies._read.cache_clear()
    changed = dependencies.reached(targets)
    dependencies._part.cache_clear(), dependencies._read.cache_clear()
    assert {name for name in changed.keys() | before.keys() if changed.get(name) != before.get(name)} == {
        "GatedFeedForward"
    }


def test_a_users_module_is_followed_through_its_imports_however_they_are_written(own):
    own(
        {
            "my_codec/__init__.py": "from . import scales\n",
            "my_codec/gate.py": "import torch\nfrom my_codec.inner import deep\nfrom .parts import P\n",
            "my_codec/parts.py": "import lonely\nclass P: pass\n",
            "my_codec/scales.py": "A = 1\n",
            "my_codec/unused.py": "B = 2\n",
            "my_codec/inner/deep.py": "def f():\n    import my_late\n",
            "my_late.py": "",
            "lonely.py": "import os, numpy\n",
        }
    )
    found = dependencies.reached(["my_codec.gate.Gate"])
    assert {name for name in found if name.endswith(".py")} == {
        "my_codec/__init__.py",
        "my_codec/gate.py",
        "my_codec/inner/deep.py",
        "my_codec/parts.py",
        "my_codec/scales.py",
        "lonely.py",
        "my_late.py",
    }
    assert {"torch", "numpy"} <= found.keys()


def test_a_users_file_counts_by_what_it_does(own):
    own({"my_gate.py": '"""Doc."""\n\nclass Gate:\n    x = 1  # why\n'})
    before = dependencies.reached(["my_gate.Gate"])
    own({"my_gate.py": "class Gate:\n    x = 1\n"})
    assert dependencies.reached(["my_gate.Gate"]) == before
    own({"my_gate.py": "class Gate:\n    x = 2\n"})
    assert dependencies.reached(["my_gate.Gate"]) != before


def test_a_users_module_that_uses_ours_reaches_ours(own):
    own({"my_stack.py": "from jpegai_bench.network.attention import RestormerBlock as Block\n"})
    assert "GatedFeedForward" in dependencies.reached(["my_stack.Stack"])


def test_nothing_is_imported_to_look(own):
    own({"my_bomb.py": "raise SystemExit('imported')\n"})
    assert list(dependencies.reached(["my_bomb.Bomb"])) == ["my_bomb.py"]
    assert "my_bomb" not in sys.modules


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_a_library_of_another_folder_is_no_code_of_the_users(tmp_path, monkeypatch, folder):
    """Of the system or of a user, beside the environment: to read all of torch would take minutes."""
    places = {tmp_path / "elsewhere" / folder: "installed_elsewhere", tmp_path / "mine": "of_my_own"}
    for place, name in places.items():
        place.mkdir(parents=True)
        (place / f"{name}.py").write_text("def module(channels):\n    return None\n")
        monkeypatch.syspath_prepend(place)
    assert dependencies.reached(["of_my_own.module"]).keys() == {"of_my_own.py"}
    assert "installed_elsewhere.py" not in dependencies.reached(["installed_elsewhere.module"])


def test_a_library_counts_by_its_version():
    import torch

    assert dependencies.reached(["torch.nn.Identity"]) == {"torch": torch.__version__.partition("+")[0]}


def test_what_cannot_be_found_is_left_to_whoever_imports_it_and_no_python_is_named(own):
    assert dependencies.reached(["nowhere.at.All", "Bare"]) == {}
    own({"my_typo.py": "class Gate(:\n"})
    with pytest.raises(BenchError, match=r"my_typo\.py, line 1: "):
        dependencies.reached(["my_typo.Gate"])
