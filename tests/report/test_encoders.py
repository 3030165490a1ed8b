import json
import re

import pandas as pd
import synthetic
from command import several

from jpegai_bench.report.gather.remarks import in_order, notes, of_encoders
from jpegai_bench.store.store import Run


def run(tmp_path, label, shared):
    return Run(tmp_path, {"label": label, "codec": {"shared_weights": shared}})


def test_of_one_encoder_nothing_is_said(tmp_path):
    runs = [run(tmp_path, label, "a" * 16) for label in ("base", "combined")]
    assert (of_encoders(runs), notes(runs)) == ({}, [])
    unknown = Run(tmp_path, {"label": "old"})
    assert (of_encoders([*runs, unknown]), notes([unknown])) == ({}, [])


def test_variants_of_an_encoder_stand_together_the_bases_first(tmp_path):
    ids = {"zebra": "b", "base": "b", "aside": "c", "mine": "a", "more": "c", "combined": "b"}
    runs = [run(tmp_path, label, 16 * of) for label, of in ids.items()]
    ordered = in_order(runs)
    assert [one.label for one in ordered] == ["base", "combined", "zebra", "mine", "aside", "more"]
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
