import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import bench, fails, modules_loaded, several

BIN = str(Path(sys.executable).parent)
PATH = f"{BIN}:{os.environ['PATH']}"

DRIVER = r"""
source <(jpegai-bench completion bash)
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_WORDS=(jpegai-bench) COMP_CWORD=0
    _jpegai_bench
    printf '%s|' "${COMPREPLY[@]}"
    printf '\n'
done
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder of a user's: configurations of their own, files, and a store with two runs."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "my_conf/variant").mkdir(parents=True)
    (folder / "my_conf/variant/gated.yaml").write_text("name: gated\nactivation:\n  steepness: 2\n")
    (folder / "photos/old ones").mkdir(parents=True)
    for name in ("photo.png", "photo.jai", "points.csv"):
        (folder / name).touch()
    for label in ("runs/base", "runs/mine", "anchors/vvc"):
        (folder / "results" / label / "KEY").mkdir(parents=True)
        (folder / "results" / label / "KEY/run.json").write_text("{}")
    return folder


def completed(*lines: str, cwd) -> list[list[str]]:
    """What a real bash offers for lines that end at the cursor."""
    done = subprocess.run(
        ["bash", "-c", DRIVER, "bash", *lines],
        cwd=cwd,
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [[word for word in row.split("|") if word] for row in done.stdout.splitlines()]


OFFERED = {
    "jpegai-bench comp": ["complexity ", "compare ", "completion "],
    "jpegai-bench run +va": ["+variant=", "+variant."],
    "jpegai-bench run +variant=comb": ["combined ", "combined_ds "],
    "jpegai-bench run -m +variant=base,comb": ["base,combined ", "base,combined_ds "],
    "jpegai-bench run --config-dir my_conf +variant=g": ["gated "],
    "jpegai-bench run --config-dir my_conf variant.activation.s": ["variant.activation.steepness="],
    "jpegai-bench run +variant=g": [],
    "jpegai-bench run datas": ["dataset=", "dataset."],
    "jpegai-bench run dataset=k": ["kodak "],
    "jpegai-bench run dataset.": ["dataset.name=", "dataset.path=", "dataset.limit="],
    "jpegai-bench run dataset.path=ph": ["photos/", "photo.jai ", "photo.png "],
    "jpegai-bench run training.ste": ["training.steps="],
    "jpegai-bench train training.data=[pho": ["[photos/", "[photo.jai", "[photo.png"],
    "jpegai-bench train training.init_from=shi": ["shipped "],
    "jpegai-bench run anchor.vvc.p": ["anchor.vvc.preset="],
    "jpegai-bench run 'anchor=[vvc,hevc_": ["anchor=[vvc,hevc_444"],
    "jpegai-bench anchor codec=jpegx": ["jpegxl "],
    "jpegai-bench sweep experiment=v": ["vcip2023 "],
    "jpegai-bench sweep hydra/launcher=": ["joblib ", "slurm "],
    "jpegai-bench complexity experim": [],
    "jpegai-bench bdrate points.csv po": ["points.csv "],
    "jpegai-bench encode photo.p": ["photo.png "],
    "jpegai-bench encode photos/": [r"photos/old\ ones/"],
    "jpegai-bench compare v": ["vvc "],
    "jpegai-bench compare base mi": ["mine "],
    "jpegai-bench compare base mine anchor=vv": ["vvc "],
    "jpegai-bench list v": ["variants "],
    "jpegai-bench data ": ["get "],
    "jpegai-bench data get jp": ["jpegai-test "],
    "jpegai-bench completion ": ["bash ", "zsh "],
    "jpegai-bench runs ": ["remove "],
    "jpegai-bench runs remove k": ["killed "],
    "jpegai-bench runs remove failed ba": ["base "],
    "jpegai-bench runs remove KE": ["KEY "],
    "jpegai-bench runs remove failed as": ["ask="],
    "jpegai-bench run format=": ["table ", "csv ", "json ", "markdown ", "latex "],
    "jpegai-bench metrics a b only=[vmaf,psnr_y,psnr_": [
        f"[vmaf,psnr_y,psnr_{last}" for last in ("hvs_m", "hvs", "u", "v", "rgb")
    ],
    "jpegai-bench run --cfg ": ["job ", "hydra ", "all "],
    "jpegai-bench run --config-dir my": ["my_conf/"],
    "jpegai-bench run ~data": ["~dataset ", "~dataset."],
    "jpegai-bench -q swe": ["sweep "],
    "jpegai-bench --ver": ["--version ", "--verbose "],
    "jpegai-bench nonsense ": [],
}


IN_BASH = [line for line in OFFERED if line.split()[1] in ("comp", "train", "encode", "nonsense", "--ver")]
"""Words, a setting behind `=` and `[`, files, a blank in a name, nothing at all."""


def test_words_groups_choices_settings_and_files_are_offered(here, monkeypatch):
    breaks = subprocess.run(["bash", "-c", 'printf %s "$COMP_WORDBREAKS"'], capture_output=True, text=True)
    assert "=" in breaks.stdout
    monkeypatch.setenv("JPEGAI_BENCH_WORDBREAKS", breaks.stdout)
    lines = [["completion", "answer", "bash", line, len(line)] for line in OFFERED]
    for line, done in zip(OFFERED, several(*lines, cwd=here), strict=True):
        assert sorted(done.out.splitlines()) == sorted(OFFERED[line]), line


def test_bash_completes_by_what_is_offered(here):
    for line, got in zip(IN_BASH, completed(*IN_BASH, cwd=here), strict=True):
        assert sorted(got) == sorted(OFFERED[line]), line


def test_where_nothing_is_typed_yet_a_page_of_words_is_offered(here):
    [got] = completed("jpegai-bench run ", cwd=here)
    assert {"+variant=", "dataset=", "results=", "workers="} <= set(got)
    assert "training.steps=" not in got
    assert "plot=" not in got  # of bdrate


def test_completion_loads_nothing_heavy_and_leaves_nothing_behind(tmp_path):
    lines = [
        ["completion", "answer", "bash", line, str(len(line))]
        for line in ("jpegai-bench run training.", "jpegai-bench list ", "jpegai-bench compare ")
    ]
    heavy = ("torch", "numpy", "pandas", "matplotlib", "hydra", "compressai")
    assert modules_loaded(*lines[:1], ["completion", "bash"], cwd=tmp_path, heavy=heavy) == []
    assert modules_loaded(*lines, cwd=tmp_path, heavy=("torch", "matplotlib", "hydra", "compressai")) == []
    assert list(tmp_path.iterdir()) == []


def test_another_shell_is_told(tmp_path):
    fails(bench("completion", "fish", cwd=tmp_path), "no 'fish'", "bash|zsh", code=2)
    fails(bench("completion", cwd=tmp_path), "SHELL is missing", code=2)
    fails(bench("completion", "bash", "zsh", cwd=tmp_path), "'zsh' is too much", code=2)


def typed(shell: list[str], start: str, keys: str, wanted: str, cwd) -> str:
    """What a shell on a terminal shows after `start` was run and `keys` were typed."""
    pid, terminal = pty.fork()
    own = {"PATH": PATH, "TERM": "dumb", "HOME": str(cwd), "PS1": "$ "}
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(shell[0], shell, {**os.environ, **own})
    shown = ""

    def until(text: str, seconds: float) -> None:
        nonlocal shown
        end = time.monotonic() + seconds
        while text not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                shown += os.read(terminal, 4096).decode(errors="replace")

    try:
        os.write(terminal, f"{start}; echo rea''dy\n".encode())
        until("ready", 60)
        shown = ""
        os.write(terminal, keys.encode())
        until(wanted, 60)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return shown


def test_the_tab_key_completes_in_a_bash_on_a_terminal(here):
    start = 'eval "$(jpegai-bench completion bash)"'
    shell = ["bash", "--norc", "-i"]
    wanted = "run +variant=activation training.steps="
    assert wanted in typed(shell, start, "jpegai-bench run +variant=act\ttraining.ste\t", wanted, here)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_the_tab_key_completes_in_a_zsh_on_a_terminal(here):
    start = 'autoload -Uz compinit; compinit -u; eval "$(jpegai-bench completion zsh)"'
    wanted = "run +variant=activation training.steps="
    assert wanted in typed(
        ["zsh", "-f", "-i"], start, "jpegai-bench run +variant=act\ttraining.ste\t", wanted, here
    )
