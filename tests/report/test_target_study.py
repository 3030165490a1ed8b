"""Runs at target rates in tables, plots and comparisons: VVC-like points, coded at targets."""

import json

import numpy as np
import pandas as pd
import pytest
from command import several, tree
from synthetic import KMACS, points, study, variant

from jpegai_bench.codecs.rates import TARGETS, coded_once, out_of_reach
from jpegai_bench.errors import BenchError
from jpegai_bench.report.gather.matching_runs import Choice, variant_runs
from jpegai_bench.report.gather.studies import Selection
from jpegai_bench.report.plots.curves import panels
from jpegai_bench.report.rebuild import rebuild
from jpegai_bench.report.tables.results import build_tables
from jpegai_bench.report.tables.sheets import to_markdown
from jpegai_bench.report.tables.study_sheets import sheets
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store


def at_targets(factor=0.8, ends=(0.1, 0.6), unreached=()) -> pd.DataFrame:
    """Points at `TARGETS` of a codec whose quality is its rate; those `unreached` stay within `ends`.

    The BD-rate against `points()` is `(factor - 1) * 100`.
    """
    frames = []
    for rates in (np.array(TARGETS), np.clip(TARGETS, *ends)):
        frame = points(factor, rates=rates / factor)
        frame["target_bpp"] = frame.quality.map(dict(enumerate(TARGETS)))
        frames.append(frame.assign(quality=frame.bpp))
    return frames[0].where(~frames[0].image.isin(unreached), frames[1])


def test_what_is_out_of_reach_is_counted_by_target_and_variant():
    few, more = at_targets(unreached=["kodim01"]), at_targets(unreached=["kodim01", "kodim02"])
    missed = out_of_reach(few)
    assert [(one["image"], one["target_bpp"]) for one in missed] == [("kodim01", 0.06), ("kodim01", 0.75)]
    assert missed[1] == {"image": "kodim01", "target_bpp": 0.75, "quality": 0.6, "bpp": 0.6}
    assert out_of_reach(points()) == out_of_reach(points().drop(columns="target_bpp")) == []
    entries = [
        variant("base", points=few),
        variant("combined", points=more),
        variant("upsampling", points=few),
    ]
    text = to_markdown(sheets(build_tables(study(entries=(*entries, *study().entries[-2:])), resamples=10)))
    for target in ("0.06", "0.75"):
        told = (
            f"{target} bpp is out of reach for 2 images of combined; 1 image of base, upsampling: the nearest"
        )
        assert text.count(told) == 1
    assert "out of reach" not in to_markdown(sheets(build_tables(study(), resamples=10)))


def test_two_targets_at_one_end_are_one_point_of_a_curve():
    low = at_targets(ends=(0.2, 9.0), unreached=["kodim01"])  # 0.06 and 0.12 bpp both at the lowest rate
    assert len(coded_once(low)) == len(low) - 1
    tables = build_tables(study(entries=(variant("base", points=low), *study().entries[-2:])), resamples=10)
    first = tables.per_image[tables.per_image.image == "kodim01"]
    assert (first.reason == "").all()
    assert first.bd_rate.to_numpy() == pytest.approx(-20, abs=0.5)
    assert coded_once(points()).equals(points())


def test_a_mean_curve_where_all_images_are_at_one_end_has_each_point_once():
    every = sorted(points().image.unique())
    low = at_targets(ends=(0.2, 9.0), unreached=every)
    panel = panels(study(entries=(variant("base", points=low), *study().entries[-2:])))["vif"]
    assert panel.curves[0].bpp == pytest.approx([0.2, 0.25, 0.5, 0.75])


@pytest.fixture
def store(tmp_path):
    """Base and combined at whole qualities, then base, then combined at target rates."""
    store = Store(tmp_path / "results")
    vvc = points(rates=(0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0))
    store.write_run(store.run_folder("anchors", "vvc", "k"), {"label": "vvc", "status": "done"}, vvc)
    runs = (("base", None), ("combined", None), ("base", "target"), ("combined", "target"))
    for number, (label, rates) in enumerate(runs):
        manifest = {"label": label, "status": "done", "end": str(number), "dataset": "kodak",
                    "model": "small", "anchor": "anchors/vvc/k", "images": {}}  # fmt: skip
        if rates:  # runs made before there were target rates do not say
            manifest["rates"] = rates
        coded = at_targets(0.7) if rates else points(0.8)
        figures = dict(zip(("published_kmacs_px", "input_size_kmacs_px", "all_kmacs_px"), KMACS[label],
                           strict=True))  # fmt: skip
        folder = store.run_folder("runs", label, content_key(number))
        store.write_run(folder, manifest, coded, figures)
    return store


def test_runs_at_qualities_and_at_targets_are_two_studies(store, tmp_path):
    both = rebuild(store, Selection(), plots=False)
    found = [(made.study.title or made.study.dataset, list(made.results.variant)) for made in both.tables]
    assert found == [
        ("kodak", ["base", "combined"]), ("kodak at target rates", ["base", "combined"]),
    ]  # fmt: skip
    assert {path.name for path in both.files} == {
        f"kodak-small-{kind}{name}"
        for kind in ("", "target-")
        for name in ("results.csv", "results.md", "per_image.csv", "points.csv")
    }
    means = [made.results.mean_bd_rate.tolist() for made in both.tables]
    assert means[0] == pytest.approx([-20, -20], abs=0.5)
    assert means[1] == pytest.approx([-30, -30], abs=0.5)
    before = tree(store.root / "tables")
    [alone] = rebuild(store, Selection(rates="target"), plots=False).tables
    assert alone.study.title == "kodak at target rates"
    assert tree(store.root / "tables") == before
    [listed] = several(["list", "runs"], cwd=tmp_path)
    assert listed.out.count("target rates") == 2


def test_a_comparison_takes_both_variants_at_one_kind_of_rates(store, tmp_path):
    [compared] = several(["compare", "base", "combined"], cwd=tmp_path)
    assert compared.code == 0, compared.err
    assert "combined against base, kodak, model small, target rates" in compared.out
    runs = variant_runs(store, ["base", "combined"], Choice())
    assert [run.rates for run in runs] == ["target", "target"]
    (runs[-1].folder / "run.json").unlink()  # only one variant is left at target rates
    assert [run.rates for run in variant_runs(store, ["base", "combined"], Choice())] == ["quality"] * 2
    for run in store.runs():
        if run.label == "combined":
            manifest = {**run.manifest, "rates": "target"}
            (run.folder / "run.json").write_text(json.dumps(manifest))
        elif run.rates == "target":
            (run.folder / "run.json").unlink()
    with pytest.raises(BenchError, match="kind of rates"):
        variant_runs(store, ["base", "combined"], Choice())
