import json
import os
import stat
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import imageio_ffmpeg
import pytest
from command import bench, fails, several

from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.network.kernels import library


def examined(cwd, code: int = 0, *words: str, **environment: str) -> dict[tuple[str, str], dict]:
    with patch.dict(os.environ, environment):
        done = bench("doctor", "format=json", *words, cwd=cwd)
    assert (done.code, done.err) == (code, "")
    return {(one["section"], one["name"]): one for one in json.loads(done.out)}


def test_a_line_for_each_thing_that_the_commands_need(tmp_path):
    shown, as_json = several(["doctor"], ["doctor", "format=json"], cwd=tmp_path)
    assert (shown.code, as_json.code) == (0, 0)
    findings = json.loads(as_json.out)
    assert {one["section"] for one in findings} == {
        "versions", "machine", "ffmpeg", "anchors", "data sets", "weights", "results", "extras",
    }  # fmt: skip
    found = {one["name"]: one for one in findings}
    assert found["torch"]["found"] == version("torch")
    assert found["libvvenc"]["state"] == found["libvmaf"]["state"] == "ok"
    assert found["sample"]["found"].startswith("5 pictures in ")
    assert found["model=small"]["found"] == "encoder and 10 variants"
    assert str(tmp_path / "results") in found["results"]["found"]
    assert all(one["todo"] for one in findings if one["state"] != "ok")
    assert max(map(len, shown.out.splitlines())) <= 100
    for one in findings:
        assert f"  {one['state']:<8} {one['name']} " in shown.out
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_says_what_to_do_and_is_no_failure(tmp_path):
    found = examined(tmp_path, 0, JPEGAI_BENCH_DATA=str(tmp_path / "nowhere"))
    kodak = found["data sets", "kodak"]
    assert kodak["state"] == "missing"
    assert "jpegai-bench data get kodak" in kodak["todo"]
    assert found["anchors", "compressai"]["state"] == "missing"


def test_without_a_compiler_there_are_no_kernels_and_that_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "library", library.library.__wrapped__)
    kernels = examined(tmp_path, 0, CXX=str(tmp_path / "nowhere"))["machine", "kernels"]
    assert kernels["state"] == "missing"
    assert kernels["todo"]


@pytest.mark.parametrize(
    ("program", "code", "state"), [("exit 1", 1, "broken"), ("echo 'ffmpeg version 1'", 0, "ok")]
)
def test_another_ffmpeg_is_looked_at_for_what_it_can_do(tmp_path, program, code, state):
    binary = tmp_path / "ffmpeg"
    binary.write_text(f"#!/bin/sh\n{program}\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    found = examined(tmp_path, code, IMAGEIO_FFMPEG_EXE=str(binary))
    assert found["ffmpeg", "binary"]["state"] == state
    for name in ("libvvenc", "libvmaf") if state == "ok" else ():
        assert found["ffmpeg", name]["state"] == "missing"
        assert f"IMAGEIO_FFMPEG_EXE={binary}" in found["ffmpeg", name]["todo"]


def test_what_chose_an_ffmpeg_without_vmaf_is_told_with_the_line_that_says_why(tmp_path):
    """It lists the filter, as one whose library is missing may, and fails where it is used."""
    binary = tmp_path / "ffmpeg"
    says = "[AVFilterGraph @ 0x1] No such filter: 'libvmaf'\nError initializing complex filters."
    binary.write_text(f"""#!/bin/sh
case "$*" in
*libvmaf*) echo "{says}" >&2; exit 1;;
*) exec {imageio_ffmpeg.get_ffmpeg_exe()} "$@";;
esac
""")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    vmaf = examined(tmp_path, 1, IMAGEIO_FFMPEG_EXE=str(binary))["ffmpeg", "libvmaf"]
    assert vmaf["state"] == "broken"
    assert "No such filter: 'libvmaf'" in vmaf["found"]
    assert f"IMAGEIO_FFMPEG_EXE={binary}" in vmaf["todo"]


def test_a_folder_that_cannot_be_written_is_broken(tmp_path):
    (tmp_path / "file").touch()
    found = examined(tmp_path, 1, "results=file/results")
    assert found["results", "results"]["state"] == "broken"
    assert "results=PATH" in found["results", "results"]["todo"]


def test_an_ffmpeg_that_is_not_there_is_broken(tmp_path):
    found = examined(tmp_path, 1, IMAGEIO_FFMPEG_EXE=str(tmp_path / "nowhere"))
    assert found["ffmpeg", "binary"]["state"] == "broken"
    assert "IMAGEIO_FFMPEG_EXE" in found["ffmpeg", "binary"]["todo"]


def test_only_a_table_or_json(tmp_path):
    fails(bench("doctor", "format=latex", cwd=tmp_path), "format=latex", "table, json", code=2)


def test_the_issue_template_asks_for_it():
    template = Path(__file__).parents[2] / ".github/ISSUE_TEMPLATE/bug_report.md"
    assert "`jpegai-bench doctor`" in template.read_text()
    assert "doctor" in COMMANDS
