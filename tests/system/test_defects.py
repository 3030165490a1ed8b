"""What nobody foresaw is told in one line, with the place in the user's own code."""

import subprocess

import pytest
import torch

from jpegai_bench.system.defects import in_one_line


def caught(call):
    with pytest.raises(Exception) as error:  # noqa: PT011  any
        call()
    return error.value


def test_a_message_of_many_lines_is_told_by_its_first():
    assert in_one_line(ValueError("broken\nby three\nthings")) == "ValueError: broken"
    assert in_one_line(KeyError()) == "KeyError"


def test_the_place_is_the_last_one_in_code_of_the_users():
    def forward(x):
        return torch.ones(3) @ x

    line = forward.__code__.co_firstlineno + 1
    for given in (torch.ones(4), torch.ones(3, 3, dtype=torch.int8)):
        told = in_one_line(caught(lambda x=given: forward(x)))
        assert f"test_defects.py, line {line}, in forward" in told


def test_what_happens_in_a_library_is_told_where_it_was_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import subprocess\n\ndef call():\n    subprocess.run(['no-such'])\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine

    assert mine.subprocess is subprocess
    assert in_one_line(caught(mine.call)).endswith("(mine.py, line 4, in call)")


def test_tensors_of_two_devices_come_with_what_to_write():
    def forward(x):
        return x + torch.ones(x.shape)

    told = in_one_line(caught(lambda: forward(torch.ones(3, 3, device="meta"))))
    assert "in forward" in told
    assert "device=x.device" in told
