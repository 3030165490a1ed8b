"""An experiment of a user's own, in a folder of theirs, and the errors one makes in it."""

import shutil
from dataclasses import asdict
from unittest.mock import patch

import pytest
from command import coarsely, fails, settings, several, tree
from synthetic import fill_store

from jpegai_bench.commands.run import finish
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.gather.studies import Selection

MINE = """# @package _global_
experiment:
  name: ours
  studies:
    gates: {title: Gates, variants: [mine, activation]}
  published: ours.csv
"""
VARIANT = "name: mine\nactivation:\n  _target_: jpegai_bench.network.activation.SimplifiedActivation\n"
FIGURES = (
    "study,variant,quantity,against,value,unit,where\ngates,mine,complexity,,123.4,kMACs/pixel,table 2\n"
)


def keep(store, *metrics):
    """Of these metrics alone, for each has a figure, and figures take the time."""
    for run in (*store.runs(), *store.runs("anchors")):
        kept = run.points()[["image", "quality", "target_bpp", "bpp", *metrics]]
        store.write_run(run.folder, run.manifest, kept, run.complexity())
    return store


@pytest.fixture
def folder(tmp_path):
    """A user's own experiment of a variant of theirs, in `conf/`, and a store with its runs."""
    (tmp_path / "conf/experiment").mkdir(parents=True)
    (tmp_path / "conf/variant").mkdir()
    (tmp_path / "conf/experiment/ours.yaml").write_text(MINE)
    (tmp_path / "conf/experiment/ours.csv").write_text(FIGURES)
    (tmp_path / "conf/variant/mine.yaml").write_text(VARIANT)
    store = keep(fill_store(tmp_path / "results", ("base", "activation"), images=6), *average_of())
    shutil.copytree(store.root / "runs/activation", store.root / "runs/mine")
    [path] = store.root.glob("runs/mine/*/run.json")
    path.write_text(path.read_text().replace('"label": "activation"', '"label": "mine"'))
    return tmp_path


def test_a_users_experiment_works_from_its_folder(folder):
    command = ["tables", "--config-dir", "conf", "experiment=ours"]
    shown, latex = several(command, [*command, "format=latex"], cwd=folder)
    assert shown.code == 0, shown.err
    assert "Gates, kodak, model small" in shown.out
    assert "123.4" in shown.out
    assert {path.split("-")[-1] for path in tree(folder / "results/tables/ours")} == {
        "gates.csv",
        "gates.md",
        "gates.tex",
    }
    assert latex.out.count(r"\begin{table*}") == 3


def test_a_sweep_of_an_experiment_ends_with_its_tables_plots_and_page(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    chosen = settings("experiment=vcip2023")
    value = {"results": "results", "format": "table", "selection": vars(Selection(dataset="kodak"))}
    with patch("jpegai_bench.report.plots.plot_set.draw", coarsely()):  # as `bench` does
        finish([{**value, "experiment": asdict(experiment_of(chosen))}, {**value, "experiment": None}])
    shown = capsys.readouterr()
    assert "Activation, kodak, model small" in shown.out
    assert "Page: results/report/index.html" in shown.err
    assert "activation" in (folder / "results/report/index.html").read_text()
    assert (folder / "results/plots/vcip2023/kodak-small-complexity.png").exists()


def test_a_broken_variant_stops_the_experiment_that_names_it_and_no_other(folder):
    (folder / "conf/variant/cut.yaml").write_text("name: cut\nupsampling: {_target_: mine\n")
    (folder / "conf/experiment/cuts.yaml").write_text(MINE.replace("ours", "cuts").replace("mine,", "cut,"))
    (folder / "conf/experiment/cuts.csv").write_text(FIGURES)
    whole, broken = several(
        *(["tables", "--config-dir=conf", f"experiment={name}"] for name in ("ours", "cuts")), cwd=folder
    )
    assert whole.code == 0, whole.err
    fails(broken, "conf/variant/cut.yaml: cannot be read")


def test_a_users_mistakes_are_one_line_that_names_the_place(folder):
    (folder / "conf/experiment/lost.yaml").write_text(MINE.replace("ours.csv", "lost.csv"))
    (folder / "conf/experiment/other.yaml").write_text(MINE.replace("mine,", "renamed,"))
    (folder / "conf/variant/renamed.yaml").write_text(VARIANT)
    (folder / "conf/experiment/bare.yaml").write_text("# @package _global_\nexperiment: {name: bare}\n")
    (folder / "conf/experiment/wrong.yaml").write_text(MINE.replace("ours.csv", "wrong.csv"))
    (folder / "conf/experiment/wrong.csv").write_text(FIGURES.replace("quantity", "what"))
    names = ("lost", "other", "bare", "wrong", "ourz")
    done = several(*(["tables", "--config-dir=conf", f"experiment={name}"] for name in names), cwd=folder)
    for one, code, said in zip(
        done,
        (1, 1, 2, 1, 2),
        (
            ("lost.csv", "conf/experiment"),
            ("variant/renamed.yaml says name: mine",),
            ("experiment.studies: is missing",),
            ("wrong.csv: no column 'quantity'",),
            ("no experiment 'ourz' (did you mean ours?)",),
        ),
        strict=True,
    ):
        fails(one, *said, code=code)
