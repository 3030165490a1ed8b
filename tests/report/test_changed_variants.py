"""A variant whose modules were changed on the command line is told apart from the one of its name."""

import json

import synthetic
from command import bench

from jpegai_bench.report.gather.remarks import notes
from jpegai_bench.store.store import Run

TAM = ["~variant.attention_half", "+variant.attention_half={_target_:jpegai_bench.network.attention.TAM}"]


def run(folder, label, *overrides):
    return Run(folder, {"label": label, "overrides": list(overrides)})


def test_each_that_was_changed_is_named_with_the_change(tmp_path):
    plain = run(tmp_path, "base", "+variant=base", "dataset=kodak", "model.luma=64")
    before = Run(tmp_path, {"label": "upsampling"})
    changed = run(tmp_path, "combined", "+variant=combined", "dataset=kodak", *TAM)
    [told] = notes([plain, before, changed])
    assert told == f"combined is not what the variant of this name is: it was run with {' '.join(TAM)}."


def test_one_that_got_a_name_of_its_own_is_what_that_name_is(tmp_path):
    assert notes([run(tmp_path, "fresh", "+variant.name=fresh", TAM[1])]) == []


def test_tables_and_compare_say_it(tmp_path):
    synthetic.fill_store(tmp_path / "results", ("base", "combined"), images=6)
    [path] = (tmp_path / "results").glob("runs/combined/*/run.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "overrides": ["+variant=combined", *TAM]}))
    for words in (["tables"], ["compare", "base", "combined"]):
        done = bench(*words, cwd=tmp_path)
        assert "combined is not what the variant of this name is" in " ".join(done.out.split()), done
