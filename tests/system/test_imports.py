import pytest

from jpegai_bench.errors import BenchError
from jpegai_bench.system.imports import locate


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
    with pytest.raises(
        BenchError, match=r"key: cannot import nowhere\.gates .*run from the folder that holds it"
    ):
        locate("nowhere.gates.Gate", "key")
