"""`precision=`: of what decodes with our networks; streams are the same, points apart, and tables say so."""

import numpy as np
import pytest
from command import RUN, TINY, bench, fails, photographs
from PIL import Image
from plausible_store import write_seven

from jpegai_bench.report.gather.studies import Selection, studies
from jpegai_bench.store.store import Store, pretty


def test_a_wrong_one_is_told_with_what_there_is(tmp_path):
    photos = photographs(tmp_path / "photos")
    lines = (
        ("run", "+variant=base", *RUN),
        ("encode", photos / "a.png", "a.jai"),
        ("decode", "a.jai", "a.png"),
        ("latency", "+variant=base"),
    )
    for line in lines:
        wrong = bench(*line, "precision=fp16", cwd=tmp_path)
        fails(wrong, "precision=fp16", "float32", "bf16", code=2)
        assert "auto" not in wrong.err  # that is of training.precision


def test_what_does_not_decode_refuses_it(tmp_path):
    fails(bench("anchor", "codec=jpeg", "precision=bf16", cwd=tmp_path), "precision", code=2)
    photographs(tmp_path / "photos")
    words = ("latency", "codec=jpeg", "dataset=folder", "dataset.path=photos", "precision=bf16")
    fails(bench(*words, cwd=tmp_path), "precision=bf16", "only variants", code=2)


def test_a_picture_is_decoded_in_it_and_coded_to_the_same_bytes(tmp_path, tiny_weights):
    photos, own = photographs(tmp_path / "photos"), (*TINY, f"weights={tiny_weights}")
    for name, more in (("plain", ()), ("half", ("precision=bf16",))):
        shown = f"reconstruction={name}.png"
        coded = bench("encode", photos / "a.png", f"{name}.jai", shown, *own, *more, cwd=tmp_path)
        assert coded.code == 0, coded.err
    decoded = bench("decode", "plain.jai", "decoded.png", *own, "precision=bf16", cwd=tmp_path)
    assert decoded.code == 0, decoded.err
    plain, half, again = (np.asarray(Image.open(tmp_path / f"{n}.png")) for n in ("plain", "half", "decoded"))
    assert (tmp_path / "plain.jai").read_bytes() == (tmp_path / "half.jai").read_bytes()
    np.testing.assert_array_equal(half, again)
    assert 0 < np.abs(half.astype(int) - plain).max() < 16


def test_a_run_in_it_is_a_run_of_its_own(tmp_path, tiny_weights):
    photographs(tmp_path / "photos")
    words = ("run", "+variant=base", *RUN, f"weights={tiny_weights}", "metrics.only=[psnr_rgb]", "workers=1")
    plain, half = (bench(*words, f"precision={name}", cwd=tmp_path) for name in ("float32", "bf16"))
    assert (plain.code, half.code) == (0, 0), half.err
    assert "precision changed" in half.err
    assert "Decoded in bf16: base." in half.out
    assert "bf16" not in plain.out
    runs = {run.manifest["codec"].get("precision"): run for run in Store(tmp_path / "results").runs("runs")}
    first, second = (runs[name].points() for name in (None, "bf16"))
    assert first["bpp"].tolist() == second["bpp"].tolist()
    assert first["psnr_rgb"].tolist() != second["psnr_rgb"].tolist()
    assert first["psnr_rgb"].to_numpy() == pytest.approx(second["psnr_rgb"].to_numpy(), abs=0.1)
    assert "precision=bf16" in runs["bf16"].manifest["overrides"]
    listed = bench("list", "runs", cwd=tmp_path).out.splitlines()
    assert [", in bf16" in line for line in listed if runs["bf16"].folder.name in line] == [True]
    assert sum(", in bf16" in line for line in listed) == 1


def test_a_table_says_what_was_decoded_so(tmp_path):
    store = Store(tmp_path)
    write_seven(store)
    for run in store.runs():
        if run.label in ("base", "combined"):
            device = {"device": "cuda"} if run.label == "combined" else {}
            made_by = {**run.manifest["codec"], "precision": "bf16", **device}
            (run.folder / "run.json").write_bytes(pretty({**run.manifest, "codec": made_by}))
    [(study, _)] = studies(store, Selection())
    assert {"Decoded in bf16: base, combined.", "Coded and decoded on cuda: combined."} <= {*study.notes}
