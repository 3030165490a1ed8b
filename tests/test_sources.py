"""Cached results stay valid when only words change, and not when the code does."""

import sys

from jpegai_bench.sources import code_hash, loaded_files

SOURCE = '"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1\n'


def hash_of(tmp_path, text):
    path = tmp_path / "module.py"
    path.write_text(text)
    return code_hash([path])


def test_comments_docstrings_and_layout_do_not_count(tmp_path):
    same = "# why\ndef f(x):\n\n    return (x\n        + 1)\n"
    assert hash_of(tmp_path, SOURCE) == hash_of(tmp_path, same)


def test_a_changed_number_counts(tmp_path):
    assert hash_of(tmp_path, SOURCE) != hash_of(tmp_path, SOURCE.replace("1", "2"))


def test_a_renamed_file_counts(tmp_path):
    (tmp_path / "a.py").write_text(SOURCE)
    (tmp_path / "b.py").write_text(SOURCE)
    assert code_hash([tmp_path / "a.py"]) != code_hash([tmp_path / "b.py"])


def test_the_files_of_a_package_are_those_that_are_loaded(tmp_path, monkeypatch):
    package = tmp_path / "mine_for_sources"
    (package / "deep").mkdir(parents=True)
    for name in ("__init__", "used", "unused", "deep/__init__", "deep/inner"):
        (package / f"{name}.py").write_text("")
    (tmp_path / "mine_for_sources_too.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("mine_for_sources.used", "mine_for_sources.deep.inner", "mine_for_sources_too"):
        __import__(name)
    names = {path.relative_to(tmp_path).as_posix() for path in loaded_files("mine_for_sources.used.Class")}
    assert names == {
        f"mine_for_sources/{name}.py" for name in ("__init__", "used", "deep/__init__", "deep/inner")
    }
    for name in [name for name in sys.modules if name.startswith("mine_for_sources")]:
        del sys.modules[name]
