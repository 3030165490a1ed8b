import json
import os
import re
import shlex
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
from command import DATA, RUN, TINY, Done, bench, modules_loaded, picture, several

from jpegai_bench.cli.help import overview
from jpegai_bench.commands.catalogue import COMMANDS, GROUPS
from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS


def examples(command):
    """The command lines of its help, as a shell takes them."""
    lines = (line.strip() for line in command.details.splitlines() if line.startswith("  "))
    return [line for line in lines if line.startswith(("jpegai-bench ", 'eval "$(jpegai-bench '))]


EXAMPLES = [line for command in COMMANDS.values() for line in examples(command)]

QUICK = {"complexity", "encode", "decode", "metrics", "bdrate", "list", "doctor", "completion"}
"""Commands whose examples are run as they stand."""
ON_A_STORE = {
    "jpegai-bench tables",
    "jpegai-bench tables format=markdown",
    "jpegai-bench tables experiment=vcip2023",
    "jpegai-bench plots",
    "jpegai-bench plots results=results/demo",
    "jpegai-bench report",
    "jpegai-bench report experiment=vcip2023",
    "jpegai-bench report images=linked",
    "jpegai-bench export",
    "jpegai-bench export experiment=vcip2023",
    "jpegai-bench export experiment=vcip2023 anonymous=true",
    "jpegai-bench runs remove failed killed",
    "jpegai-bench compare base combined",
    "jpegai-bench compare combined combined",
    "jpegai-bench compare mine.csv theirs.csv anchor_points=vvc.csv",
}
"""Examples that read the store or files, run as they stand; the others need runs on Kodak."""
LITTLE = ("dataset.limit=1", "metrics.only=[psnr_y]", "workers=1")
SHORTENED = {
    "jpegai-bench run +variant=combined": (*RUN, *LITTLE),
    "jpegai-bench sweep +variant=base,combined rates=quality,target": (*TINY, *DATA, *LITTLE, "targets=null"),
    "jpegai-bench anchor codec=jpeg dataset=folder dataset.path=photos"
    " 'anchor.jpeg.qualities=[10,30,50,70]'": LITTLE,
    "jpegai-bench latency codec=jpeg": ("dataset.limit=1", "repeats=1", "processes=1"),
}
"""Examples that are run with the settings that make them short."""
COMPOSED = [
    line
    for line in EXAMPLES
    if not (line.split()[1] in QUICK or line in ON_A_STORE or line in SHORTENED)
    and not line.startswith("eval")
]
"""The rest need hours, a network, a data set or photographs: their settings are composed and validated."""


def words_of(line: str) -> list[str]:
    """A line's words, without the name of the program and what the shell does with its output."""
    return shlex.split(line.partition(" > ")[0])[1:]


def even_curve(path: Path, gain: float) -> None:
    """Give the points of random weights a curve that can be compared: better with every bit, by `gain`."""
    points = pd.read_csv(path)
    step = points.groupby("image")["quality"].rank()
    points["bpp"] = 0.05 * 2.0**step
    for metric in METRICS:
        better = 30 + step + gain if metric.unit else 0.5 + (step + gain) / 20
        points[metric.name] = better if metric.higher_is_better else 1 - better
    points.to_csv(path, index=False)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, study):
    """A folder that has what the examples name."""
    folder = tmp_path_factory.mktemp("workshop")
    shutil.copytree(study[0], folder, dirs_exist_ok=True)
    shutil.copytree(folder / "results", folder / "results/demo")
    picture(96, 80).save(folder / "photo.png")
    picture(96, 80).save(folder / "photo.jpg", quality=60)
    for name in ("originals", "decoded"):
        (folder / name).mkdir()
        picture(96, 80).save(folder / name / f"a.{'png' if name == 'originals' else 'jpg'}")
    shutil.copytree(SHIPPED_WEIGHTS / "small", folder / "FOLDER")
    runs = {name: next((folder / "results/runs" / name).iterdir()) for name in ("base", "combined")}
    anchor = next((folder / "results/anchors/jpeg").iterdir())
    for run, gain in ((anchor, 1.0), (runs["base"], 1.05), (runs["combined"], 0.95)):
        even_curve(run / "points.csv", gain)
    for name, run in (("mine", runs["combined"]), ("theirs", runs["base"]), ("vvc", anchor)):
        shutil.copy(run / "points.csv", folder / f"{name}.csv")
    shutil.copytree(runs["base"], folder / "results/runs/base/KEY")
    peer = {"bpp": (0.1, 0.3, 0.7, 1.5), "psnr_y": (31.5, 33, 34.3, 35.3)}
    (folder / "vtm.json").write_text(json.dumps({"name": "vtm", "results": peer}))
    return folder


def test_the_overview_has_every_command_once_under_what_a_reader_is_about_to_do(tmp_path):
    done = bench("--help", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{overview()}\n")
    assert bench(cwd=tmp_path).out == done.out
    for name, command in COMMANDS.items():
        assert re.findall(rf"^  {name} +(.*)$", done.out, re.MULTILINE) == [command.summary]
    titles = [line.removesuffix(":") for line in done.out.splitlines() if re.fullmatch(r"\w+:", line)]
    assert titles == list(GROUPS)
    assert set(COMMANDS) <= set(chain(*GROUPS.values()))
    assert max(map(len, done.out.splitlines())) <= 100


def test_help_is_ours_whatever_else_is_asked_and_loads_nothing_heavy(tmp_path):
    asked = [
        [],
        ["help"],
        ["-h"],
        ["run", "--help"],
        ["help", "run"],
        ["--help", "run", "dataset=kodak"],
        ["run", "dataset=nonsense", "--cfg", "job", "-h"],
        ["run", "--hydra-help"],
        ["sweep", "-m", "--help"],
    ]
    done = several(*asked, cwd=tmp_path)
    assert [one.code for one in done] == [0] * len(asked)
    assert {one.out for one in done[:3]} == {f"{overview()}\n"}
    assert len({one.out for one in done[3:8]}) == 1
    assert all("Hydra (" not in one.out and "== Flags ==" not in one.out for one in done)
    heavy = ("torch", "numpy", "pandas", "matplotlib", "hydra", "omegaconf", "rich", "compressai")
    assert modules_loaded(*asked, ["--version"], cwd=tmp_path, heavy=heavy) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_says_how_what_and_where_with_three_examples(name):
    command = COMMANDS[name]
    [done] = several([name, "--help"], cwd=".")
    assert done.out.startswith(f"jpegai-bench {command.usage}\n\n{command.summary}\n\n")
    assert f"\n\nResults: {command.results}\n" in done.out
    assert len(examples(command)) >= 3
    assert all(
        line.split()[1] == name or line.startswith('eval "$(jpegai-bench') for line in examples(command)
    )
    assert max(map(len, done.out.splitlines())) <= 110


def test_examples_of_quick_commands_run_as_they_stand(workshop):
    chosen = [line for line in EXAMPLES if line.split()[1] in QUICK or line in ON_A_STORE]
    chosen.sort(key=lambda line: " decode " in line)  # what is decoded was encoded before
    for line, done in zip(chosen, several(*map(words_of, chosen), cwd=workshop), strict=True):
        assert done.code == 0, (line, done)
        assert done.out or "nothing to remove" in done.err, line


def test_long_examples_run_on_little(workshop, tiny_weights):
    own = f"weights={tiny_weights}"
    lines = [
        [*words_of(line), *more, *([own] if line.split()[1] in ("run", "sweep") else [])]
        for line, more in SHORTENED.items()
    ]
    assert set(SHORTENED) <= set(EXAMPLES)
    for line, done in zip(lines, several(*lines, cwd=workshop), strict=True):
        assert done.code == 0, (line, done)


def test_the_other_examples_make_a_valid_configuration(tmp_path):
    from omegaconf import OmegaConf

    from jpegai_bench.config.validation import validated

    lines = [[*words_of(line), "--cfg", "job"] for line in COMPOSED]
    commands = {line[0] for line in lines}
    assert {"run", "sweep", "train", "anchor", "latency", "data"} <= commands
    (tmp_path / "my_conf/anchor").mkdir(parents=True)
    for line, done in zip(lines, several(*lines, cwd=tmp_path), strict=True):
        assert done.code == 0, (line, done)
        config = OmegaConf.create(done.out)
        assert validated(config, COMMANDS[line[0]].settings).results, line
        for word in line[1:]:  # what the example sets is what comes out
            key, _, value = word.partition("=")
            if key in ("dataset", "model"):
                assert config[key].name == value, line


def test_the_shell_reads_the_line_that_is_to_be_evaluated(workshop, tmp_path):
    [line] = [line for line in EXAMPLES if line.startswith("eval")]
    folder = str(Path(os.sys.executable).parent)
    command = f"{line}\ncomplete -p jpegai-bench"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Done(done.returncode, done.stdout, done.stderr).out.endswith("jpegai-bench\n")
