"""What a run keeps of its variant at the size of the paper."""

import json
from dataclasses import replace

import pytest
from command import TINY, settings
from messages import refused, says

from jpegai_bench.config.variants import variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.report.tables.complexity import as_frame
from jpegai_bench.runner.complexity import complexity_summary, counts, paper_size_summary
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


SPECTRAL = """
import torch

class Spectral(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * self.weight, s=x.shape[-2:])

class Narrow(torch.nn.Conv2d):
    def __init__(self, channels):
        super().__init__(channels, 1, 1)
"""


def test_of_a_variant_that_cannot_be_counted_a_run_keeps_the_reason(tmp_path, monkeypatch):
    (tmp_path / "my_spectral.py").write_text(SPECTRAL)
    monkeypatch.syspath_prepend(tmp_path)
    mine = "+variant.attention_half={_target_: my_spectral.%s}"
    chosen = settings("+variant=base", "~variant.attention_half", mine % "Spectral", *TINY)
    kept = counts(chosen, variant_of(chosen), Store(tmp_path))
    facts = ("luma synthesis, attention_half", "Spectral", "aten::_fft_r2c")
    assert says(kept["reason"], *facts)
    assert says(kept["paper_size"]["reason"], *facts)
    unfit = settings("+variant=base", "~variant.attention_half", mine % "Narrow", *TINY)
    with refused("attention_half makes"):
        counts(unfit, variant_of(unfit), Store(tmp_path))


def test_a_row_of_complexity_has_the_whole_decoder():
    chosen = settings("+variant=base", *TINY)
    [row] = as_frame([complexity_summary(chosen, variant_of(chosen))]).to_dict("records")
    for counting in ("published", "input_size", "all"):
        parts = (row[f"{part}{counting}_kmacs_px"] for part in ("", "chroma_synthesis_", "entropy_"))
        assert row[f"decoder_{counting}_kmacs_px"] == pytest.approx(sum(parts), abs=1e-5)
    params = (row[f"{part}params_m"] for part in ("", "chroma_synthesis_", "entropy_"))
    assert row["decoder_params_m"] == pytest.approx(sum(params))


def test_counts_are_never_those_of_another_variant(tmp_path):
    base, combined = settings("+variant=base"), settings("+variant=combined")
    mixed = replace(base, variant=combined.variant)
    told = paper_size_summary(mixed, Store(tmp_path), complexity_summary)
    assert says(told.pop("reason"), "model=paper", "not known")
    assert not told
