"""What is said of runs beside their numbers: changed modules, encoders of their own, other computing."""

import json
import re

import pandas as pd
import synthetic
from command import bench, several

from jpegai_bench.report.gather.remarks import computed_otherwise, in_order, notes, of_encoders
from jpegai_bench.store.store import Run

TAM = ["~variant.attention_half", "+variant.attention_half={_target_:jpegai_bench.network.attention.TAM}"]


def of_encoder(tmp_path, label, shared):
    return Run(tmp_path, {"label": label, "codec": {"shared_weights": shared}})


def test_of_one_encoder_nothing_is_said(tmp_path):
    runs = [of_encoder(tmp_path, label, "a" * 16) for label in ("base", "combined")]
    assert (of_encoders(runs), notes(runs)) == ({}, [])
    unknown = Run(tmp_path, {"label": "old"})
    assert (of_encoders([*runs, unknown]), notes([unknown])) == ({}, [])


def test_variants_of_an_encoder_stand_together_the_bases_first(tmp_path):
    ids = {"zebra": "b", "base": "b", "aside": "c", "mine": "a", "more": "c", "combined": "b"}
    runs = [of_encoder(tmp_path, label, 16 * letter) for label, letter in ids.items()]
    ordered = in_order(runs)
    assert [run.label for run in ordered] == ["base", "combined", "zebra", "mine", "aside", "more"]
    assert of_encoders(ordered)["more"] == "encoder cccccccc"
    [sentence] = notes(ordered)
    for words in ("base, combined, zebra (encoder bbbbbbbb)", "mine (encoder aaaaaaaa)", "decoder's alone"):
        assert words in sentence


def test_tables_and_page_say_which_differences_are_the_decoders_alone(tmp_path):
    results = tmp_path / "results"
    synthetic.fill_store(results, images=6)
    for label in synthetic.KMACS:
        [path] = results.glob(f"runs/{label}/*/run.json")
        manifest = json.loads(path.read_text())
        shared = ("e" if label == "attention_cs" else "f") * 16
        codec = {**manifest.get("codec", {}), "shared_weights": shared}
        path.write_text(json.dumps({**manifest, "codec": codec}))
    for done in several(["tables"], ["report"], cwd=tmp_path):
        assert done.code == 0, done.err
    markdown = (results / "tables/kodak-small-results.md").read_text()
    page = (results / "report/index.html").read_text()
    for text in (markdown, page):
        assert "attention_cs (encoder eeeeeeee)" in re.sub(r"\s+", " ", text)
    rows = pd.read_csv(results / "tables/kodak-small-results.csv")
    variants = rows[rows["variant"].isin(list(synthetic.KMACS))]
    assert list(variants["variant"])[-1] == "attention_cs"
    assert set(variants["note"]) == {"encoder eeeeeeee", "encoder ffffffff"}


def typed(folder, label, *overrides):
    return Run(folder, {"label": label, "overrides": list(overrides)})


def test_each_that_was_changed_is_named_with_the_change(tmp_path):
    plain = typed(tmp_path, "base", "+variant=base", "dataset=kodak", "model.luma=64")
    before = Run(tmp_path, {"label": "upsampling"})
    changed = typed(tmp_path, "combined", "+variant=combined", "dataset=kodak", *TAM)
    [told] = notes([plain, before, changed])
    assert told == f"combined is not what the variant of this name is: it was run with {' '.join(TAM)}."


def test_one_that_got_a_name_of_its_own_is_what_that_name_is(tmp_path):
    assert notes([typed(tmp_path, "fresh", "+variant.name=fresh", TAM[1])]) == []


def test_tables_and_compare_say_it(tmp_path):
    synthetic.fill_store(tmp_path / "results", ("base", "combined"), images=6)
    [path] = (tmp_path / "results").glob("runs/combined/*/run.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "overrides": ["+variant=combined", *TAM]}))
    for words in (["tables"], ["compare", "base", "combined"]):
        done = bench(*words, cwd=tmp_path)
        assert "combined is not what the variant of this name is" in " ".join(done.out.split()), done


def test_what_was_coded_with_optimised_quantisation_is_said(tmp_path):
    """Its streams are others, from the same encoder: a difference is not the decoder's alone."""
    made_by = {"base": {"rdo": "yes"}, "combined": {}}
    [told] = computed_otherwise({name: Run(tmp_path, {"codec": codec}) for name, codec in made_by.items()})
    assert "rdo=true" in told
    assert told.endswith(": base")
