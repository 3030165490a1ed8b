import sys

import pytest
from command import picture, program
from messages import refused

from jpegai_bench.errors import BenchError
from jpegai_bench.system.imports import locate, search_current_folder_last


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def (", r"key: cannot import \w+ \(SyntaxError: .*, line 1"),
        ("import nosuchlib", r"key: \w+ imports nosuchlib, which is not installed"),
        ("from torch import nosuchname", r"key: cannot import \w+ \(ImportError: cannot import name"),
        ("1 / 0", r"key: cannot import \w+ \(ZeroDivisionError: division by zero\)"),
        ("", r"key: \w+ has no Gate"),
    ],
)
def test_why_a_module_cannot_be_imported_is_told(tmp_path, monkeypatch, content, said):
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"own_{abs(hash(content))}"
    (tmp_path / f"{name}.py").write_text(content)
    with pytest.raises(BenchError, match=said) as caught:
        locate(f"{name}.Gate", "key")
    assert "run from the folder" not in str(caught.value)


def test_where_there_is_no_module_the_folder_is_wrong():
    with refused("key: ", "nowhere.gates", "run from the folder"):
        locate("nowhere.gates.Gate", "key")


SHADOWS = ("random", "queue", "socket", "select", "tempfile", "numpy", "compressai")


@pytest.fixture
def shadows(tmp_path):
    """A folder with pictures in which files have the names of modules of Python and of libraries."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("x = 1\n")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            picture(80, 72, seed=number).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def test_files_of_the_current_folder_replace_no_module_here_or_in_a_worker(shadows):
    done = program("metrics", "a", "b", "only=[psnr_y]", "workers=2", "format=csv", cwd=shadows)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1:] == ["a/0.png,b/0.png,100.0", "a/1.png,b/1.png,100.0"]


def test_a_codec_of_the_users_is_found_beside_them_also_by_workers(shadows):
    (shadows / "conf/anchor").mkdir(parents=True)
    (shadows / "conf/anchor/mine.yaml").write_text("mine: {_target_: my_codec.Mine, qualities: [10, 20]}\n")
    (shadows / "my_helper.py").write_text("FORMAT = 'jpeg'\n")
    (shadows / "my_codec.py").write_text(
        "from jpegai_bench.codecs.pillow import Pillow\nimport my_helper\n"
        "class Mine(Pillow):\n"
        "    def __init__(self, qualities, name):\n"
        "        super().__init__(my_helper.FORMAT, qualities=qualities, name=name)\n"
    )
    own = ("codec=mine", "--config-dir", "conf", "dataset=folder", "dataset.path=a", "workers=2")
    done = program("anchor", *own, cwd=shadows)
    assert done.code == 0, done.err
    assert done.out.count("| mine |") == 2


def test_the_current_folder_is_searched_last_and_only_for_what_is_nowhere_else(shadows, monkeypatch):
    monkeypatch.chdir(shadows)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    search_current_folder_last(
        {"activation": {"_target_": "torch.nn.Identity", "name": "mine.b"}, "upsampling": None}, None
    )
    assert sys.path == before
    search_current_folder_last({"activation": {"_target_": "my_gate.Gate"}})
    search_current_folder_last("my_gate.Gate")
    assert sys.path == [*before, str(shadows)]
