"""Cached results stay valid when only words change, and not when the code does."""

from jpegai_bench.sources import code_hash

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
