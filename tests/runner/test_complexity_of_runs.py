"""What a run keeps of its variant at the size of the paper."""

import json
from dataclasses import replace

import pytest
from command import TINY, settings
from messages import says

from jpegai_bench.errors import BenchError
from jpegai_bench.runner.complexity import complexity_summary, paper_size_summary
from jpegai_bench.store.store import Store


def test_a_run_of_any_size_keeps_the_papers_counts(study):
    for label, published, all_macs in (("base", 852.096, 780.384), ("combined", 172.053, 177.333)):
        [path] = (study[0] / "results/runs" / label).glob("*/complexity.json")
        own = json.loads(path.read_text())
        assert own["published_kmacs_px"] < 30
        assert own["paper_size"]["model"] == "paper"
        assert own["paper_size"]["published_kmacs_px"] == pytest.approx(published, abs=1e-9)
        assert own["paper_size"]["all_kmacs_px"] == pytest.approx(all_macs, abs=1e-9)
        assert sum(own["paper_size"]["parts"].values()) == pytest.approx(published)


def test_what_a_run_of_the_same_variant_has_is_not_counted_again(study, tmp_path):
    counted = []

    def count(settings, variant):
        counted.append(variant.name)
        return complexity_summary(settings, variant)

    there, empty = Store(study[0] / "results"), Store(tmp_path)
    first = paper_size_summary(settings("+variant=combined", *TINY), there, count)
    assert counted == []
    again = paper_size_summary(settings("+variant=combined"), empty, count)  # model=small
    assert counted == ["combined"]
    assert first == json.loads(json.dumps(again))
    other = settings("+variant=combined", "variant.attention_half.blocks=3")
    shallow = paper_size_summary(other, there, count)
    assert counted == ["combined", "combined"]
    assert shallow["published_kmacs_px"] < first["published_kmacs_px"]


def test_a_damaged_file_is_counted_over(study, tmp_path):
    folder = tmp_path / "runs/base/key"
    folder.mkdir(parents=True)
    (folder / "complexity.json").write_text("{")
    counted = paper_size_summary(settings("+variant=base"), Store(tmp_path), lambda *_: {"n": 1})
    assert counted["n"] == 1


def test_a_variant_that_cannot_be_so_large_says_why(tmp_path):
    def refuse(settings, variant):
        raise BenchError("variant mine: it is too wide")

    told = paper_size_summary(settings("+variant=base"), Store(tmp_path), refuse)
    assert says(told.pop("reason"), "model=paper", "variant mine", "too wide")
    assert not told
    elsewhere = settings("+variant=base", "variant.name=${dataset.name}")
    told = paper_size_summary(elsewhere, Store(tmp_path), complexity_summary)
    assert says(told["reason"], "variant: ", "'dataset.name' not found")
    fixed = settings("+variant=combined", "variant.attention_half.heads=7")  # 128 is no multiple of 7
    told = paper_size_summary(fixed, Store(tmp_path), complexity_summary)
    assert "attention_half" in told["reason"]


def test_counts_are_never_those_of_another_variant(tmp_path):
    base, combined = settings("+variant=base"), settings("+variant=combined")
    mixed = replace(base, variant=combined.variant)
    told = paper_size_summary(mixed, Store(tmp_path), complexity_summary)
    assert says(told.pop("reason"), "model=paper", "not known")
    assert not told
