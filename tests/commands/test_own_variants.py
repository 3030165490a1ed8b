"""Variants of one's own beside those that ship: listed, counted, and told where their YAML is none."""

import io
import json

import pandas as pd
import pytest
from command import TINY, bench, fails, settings

from jpegai_bench.config.variants import variant_names, variant_of

COUNTED = ("complexity", "--config-dir=conf", *TINY, "model.context=none")
"""A context is the better part of what counting takes."""
NOISY = """
import sys
from torch import nn

class Noisy(nn.Identity):
    def __init__(self, channels):
        super().__init__()
        print("HELLO")

    def forward(self, x):
        print("forward")
        return x

def ends(channels):
    sys.exit(0)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_noisy.py").write_text(NOISY)
    (tmp_path / "my_end.py").write_text("raise SystemExit(0)\n")
    variants = tmp_path / "conf/variant"
    variants.mkdir(parents=True)
    for name, line in {
        "noisy": "attention_half: {_target_: my_noisy.Noisy}",
        "ends": "attention_half: {_target_: my_noisy.ends}",
        "end": "attention_half: {_target_: my_end.Gone}",
        "nothing": "synthesis: []",
    }.items():
        (variants / f"{name}.yaml").write_text(f"name: {name}\n{line}\n")
    return tmp_path


def test_variants_of_ones_own_are_listed(folder):
    listed = bench("list", "variants", "--config-dir=conf", cwd=folder).out.split()
    assert listed[0] == "base"
    assert listed[-4:] == ["end", "ends", "noisy", "nothing"]
    assert "noisy" not in bench("list", "variants", cwd=folder).out


def test_variants_of_ones_own_are_counted_with_all_and_what_they_print_is_no_result(folder):
    for name in ("end", "ends", "nothing"):
        (folder / f"conf/variant/{name}.yaml").unlink()
    done = bench(*COUNTED, "format=csv", cwd=folder)
    assert done.code == 0, done.err
    rows = pd.read_csv(io.StringIO(done.out))
    assert list(rows["variant"])[-1] == "noisy"
    assert set(rows["variant"]) == {*variant_names(), "noisy"}
    assert "HELLO" in done.err


@pytest.mark.parametrize(
    ("words", "facts", "code"),
    [
        ("+variant=base,noisy", ["-m"], 2),
        ("+variant=[base,noisy]", ["+variant=[base,noisy]", "-m", "+variant=base,noisy"], 2),
        ("+variant=nothing", ["synthesis", "synthesis.luma"], 2),
        ("+variant=ends", ["attention_half", "SystemExit"], 1),
        ("+variant=end", ["attention_half._target_", "my_end", "SystemExit"], 1),
    ],
)
def test_what_is_no_variant_is_told_in_one_line(folder, words, facts, code):
    done = bench("complexity", "--config-dir=conf", words, cwd=folder)
    fails(done, *facts, code=code)
    assert "key=[a,b]" not in done.err


def test_a_variant_that_ships_keeps_the_papers_figure_with_its_own_modules_alone():
    other = "variant.activation._target_=compressai.layers.GDN"
    assert variant_of(settings("+variant=combined", "model=paper")).paper_kmacs_px == 172.1
    assert variant_of(settings("+variant=combined", "model=paper", other)).paper_kmacs_px is None
    renamed = ("+variant=combined", "variant.name=mine")
    assert variant_of(settings(*renamed, other)).paper_kmacs_px is None
    assert variant_of(settings(*renamed, other, "variant.paper_kmacs_px=5")).paper_kmacs_px == 5


def test_json_of_one_variant_that_prints_is_json(folder):
    done = bench(*COUNTED, "+variant=noisy", "format=json", cwd=folder)
    assert [row["variant"] for row in json.loads(done.out)] == ["noisy"]
