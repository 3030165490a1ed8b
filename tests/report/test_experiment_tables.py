import json
import math
import os
from dataclasses import replace

import pandas as pd
import pytest
import scipy.stats
from command import bench, done_and_loaded, fails, modules_loaded, settings, several, tree
from messages import says
from synthetic import KMACS, add_times, fill_store
from training_noise import write_noise

from jpegai_bench.analysis.paired import MEAN, Contender, compare
from jpegai_bench.analysis.significance import welch
from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.report.experiment import rebuild_experiment
from jpegai_bench.report.gather.studies import Selection
from jpegai_bench.report.gather.training_noise import read_spreads
from jpegai_bench.report.tables.experiment_sheets import study_sheets
from jpegai_bench.report.tables.sheets import to_markdown

STUDIES = ("attention", "upsampling", "activation", "combination")
SEEDS = {"base": (0, 1, 2), "combined": (0, 1, 2), "upsampling": (0,)}


@pytest.fixture(scope="module")
def experiment():
    return experiment_of(settings("experiment=vcip2023"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All seven on eight pictures, two of them over three seeds; some timed, one on another machine."""
    store = fill_store(tmp_path_factory.mktemp("store"), images=8, seeds=SEEDS)
    for label, seconds in (("base", 4.0), ("combined", 1.0)):
        add_times(store, label, seconds)
    add_times(store, "upsampling", 3.0, host="another")
    return store


@pytest.fixture(scope="module")
def rebuilt(store, experiment):
    return rebuild_experiment(store, experiment, Selection(), plots=False)


@pytest.fixture(scope="module")
def rows(rebuilt):
    frame = rebuilt.frame()
    return {(row["study"], row["variant"]): row for row in frame.to_dict("records")}


def text_of(rebuilt):
    return to_markdown(rebuilt.sheets())


def test_each_study_has_its_variants_base_first(rebuilt, experiment):
    frame = rebuilt.frame()
    for study in experiment.studies:
        own = frame[(frame.study == study.name) & (frame.kind == "variant")]
        assert tuple(own.variant) == study.variants
    assert list(dict.fromkeys(frame.study)) == list(STUDIES)


def test_files_are_what_is_shown(rebuilt, store, experiment):
    folder = store.root / "tables/vcip2023"
    assert {path.name for path in folder.iterdir()} == {"kodak-small-training_noise.csv"} | {
        f"kodak-small-{study}.{suffix}" for study in STUDIES for suffix in ("csv", "md", "tex")
    }
    for study in experiment.studies:
        written = (folder / f"kodak-small-{study.name}.md").read_text()
        assert written == to_markdown(study_sheets(rebuilt.parts[0], study))
        assert written.partition("\n\nAnchor ")[0] in text_of(rebuilt)
    frames = [
        pd.read_csv(folder / f"kodak-small-{study}.csv", float_precision="round_trip") for study in STUDIES
    ]
    read, own = pd.concat(frames), rebuilt.frame()
    assert list(read) == list(own)
    for name in ("mean_bd_rate", "vs_base_bd_rate", "paper_size_all_kmacs_px", "decode_ratio"):
        assert read[name].tolist() == pytest.approx(own[name].tolist(), rel=1e-11, nan_ok=True)
    assert {f"{name}_bd_rate" for name in (*average_of(), "mean", "vs_base")} <= set(read)


def test_our_counts_at_the_papers_size_stand_beside_the_papers(rows):
    base, combined = rows["combination", "base"], rows["combination", "combined"]
    assert (base["paper_size_published_kmacs_px"], base["paper_kmacs_px_told"]) == (
        852.096,
        "833 (table); 852 (conclusion)",
    )
    assert (combined["paper_size_published_kmacs_px"], combined["paper_kmacs_px"]) == (172.053, 172.1)
    assert combined["paper_size_reduction_percent"] == pytest.approx(79.8083, abs=1e-4)
    assert combined["paper_size_all_kmacs_px"] == 177.333
    assert combined["published_kmacs_px"] == pytest.approx(17.2053)  # the run's own model
    assert combined["published_ratio"] == pytest.approx(172.053 / 852.096)
    assert combined["all_ratio"] == pytest.approx(177.333 / 780.384)
    assert combined["reduction_percent"] == pytest.approx(100 * (1 - combined["published_ratio"]))
    assert (combined["paper_mean_bd_rate"], combined["paper_vs_base_bd_rate"]) == (-27.5, -0.2)
    assert math.isnan(rows["attention", "attention_cs"]["paper_vs_base_bd_rate"])


def test_what_the_paper_says_of_a_study_as_a_whole_has_a_row_of_its_own(rebuilt, rows):
    whole = rows["attention", "Attention"]
    assert whole["kind"] == whole["status"] == "paper"
    assert (whole["paper_reduction_percent_told"], whole["paper_vs_base_bd_rate"]) == ("up to 75 (text)", 0.8)
    assert math.isnan(whole["mean_bd_rate"])
    assert "| whole study | – | – | – | – | up to 75 | – | – | – | 0.8 |" in text_of(rebuilt)


def test_base_is_quoted_in_every_study(rows):
    assert {rows[study, "base"]["paper_kmacs_px"] for study in STUDIES} == {833}


def test_over_seeds_the_noise_is_what_compare_finds(rows, store, rebuilt):
    runs = store.runs()
    points = {
        label: tuple(run.points() for run in runs if run.label == label) for label in ("base", "combined")
    }
    [anchor] = store.runs("anchors")
    row = compare(
        Contender("base", points["base"]),
        Contender("combined", points["combined"]),
        Contender("vvc", (anchor.points(),)),
        "hvs_m",
        "pchip",
    ).row(MEAN)
    test, found = welch(*row.seeds), rows["combination", "combined"]
    assert found["noise"] == "seeds"
    assert found["seeds"] == "0 1 2"
    for name in ("difference", "ci_low", "ci_high", "p_value"):
        expected = getattr(test, {"ci_low": "low", "ci_high": "high"}.get(name, name))
        assert found[f"seed_{name}"] == pytest.approx(expected, abs=1e-9)
    assert found["exceeds_noise"] == ("yes" if test.p_value < 0.05 else "no")
    text = text_of(rebuilt)
    assert "seeds of combined (0, 1, 2)" in text
    assert f"{found['exceeds_noise']}* |" in text


def test_without_seeds_of_its_own_a_variant_is_held_against_those_of_the_others(rows, rebuilt, store):
    """Standard deviations of base and combined against the newest base, pooled: four degrees of freedom."""
    runs = {label: [run.points() for run in store.runs() if run.label == label] for label in SEEDS}
    newest = Contender("newest", (runs["base"][-1],))
    spreads = [
        compare(newest, Contender(label, tuple(runs[label])), newest, "hvs_m", "pchip").row(MEAN).seeds[1]
        for label in ("base", "combined")
    ]
    deviation = math.sqrt(sum(spread.deviation**2 for spread in spreads))  # of the difference of two
    reach = scipy.stats.t.ppf(0.975, 4) * deviation
    told = set()
    for (_, label), row in rows.items():
        if row["noise"] == "measured":
            size, low, high = (row[f"vs_base_{end}"] for end in ("bd_rate", "ci_low", "ci_high"))
            reaches_in = low <= reach and high >= -reach
            expected = "no" if abs(size) <= reach else "open" if reaches_in else "yes"
            assert row["exceeds_noise"] == expected, label
            numbers = [row[f"noise_{name}"] for name in ("percent", "freedom", "reach_percent")]
            assert numbers == pytest.approx([deviation, 4, reach], rel=1e-9)
            told.add(expected)
    assert told
    assert says(text_of(rebuilt), "4 degrees of freedom", "3 seeds of base and 3 seeds of combined")
    written = store.root / "tables/vcip2023/kodak-small-training_noise.csv"
    assert [one.deviation_percent for one in read_spreads(written)] == pytest.approx(
        [spread.deviation for spread in spreads], rel=1e-9
    )


def test_without_any_seeds_the_noise_is_unknown_whatever_somebody_states(tmp_path, experiment):
    """No noise of such trainings ships, and the paper's 0.5% of other networks."""
    store = fill_store(tmp_path, ("base", "combined"), images=12)
    [run] = [run for run in store.runs() if run.label == "combined"]
    worse = run.points().assign(bpp=lambda frame: frame.bpp * 1.2)
    store.write_run(run.folder, run.manifest, worse, run.complexity())
    made = rebuild_experiment(store, experiment, Selection(), plots=False)
    row = made.frame().set_index("variant").loc["combined"]
    assert row.vs_base_ci_low > 0.5
    assert (row.exceeds_noise, row.noise) == ("unknown", "")
    assert math.isnan(row.noise_percent)
    assert "training of combined is not known" in text_of(made)
    assert not (store.root / "tables/vcip2023/kodak-small-training_noise.csv").exists()


@pytest.mark.parametrize(("factor", "verdict"), [(1.0123, "no"), (1.05, "yes")])
def test_the_measured_noise_decides_of_trainings_by_its_recipe(tmp_path, experiment, factor, verdict):
    store = fill_store(tmp_path, ("base", "activation"), images=12)
    base, own = sorted(store.runs(), key=lambda run: run.label != "base")
    for run in (base, own):
        recipe = run.manifest["trained"]["synthesis"]["recipe"]
        recipe |= {"train": "synthesis", "steps": 10000}
        points = base.points().assign(bpp=lambda f, s=factor if run is own else 1: f.bpp * s)
        store.write_run(run.folder, run.manifest, points, run.complexity())
    write_noise(tmp_path / "noise.csv", recipe)
    measured = replace(experiment, measured_noise=tmp_path / "noise.csv")
    made = rebuild_experiment(store, measured, Selection(), plots=False)
    row = made.frame().set_index("variant").loc["activation"]
    assert row.vs_base_bd_rate == pytest.approx(100 * (factor - 1), abs=1e-6)
    assert (row.exceeds_noise, row.noise, row.noise_freedom) == (verdict, "measured", 4)
    assert row.noise_percent == pytest.approx(0.86, abs=0.005)
    assert row.noise_reach_percent == pytest.approx(2.38, abs=0.005)


@pytest.mark.parametrize(
    ("cell", "wrong", "said"),
    [("seeds", "1", "seeds: '1'"), ("deviation_percent", "a lot", "'a lot'"), ("how", None, "columns are")],
)
def test_a_wrong_cell_of_a_measured_noise_is_one_line(tmp_path, cell, wrong, said):
    write_noise(tmp_path / "noise.csv", {"train": "synthesis", "steps": 10000})
    frame = pd.read_csv(tmp_path / "noise.csv", dtype=str)
    frame = frame.drop(columns=cell) if wrong is None else frame.assign(**{cell: wrong})
    frame.to_csv(tmp_path / "noise.csv", index=False)
    with pytest.raises(BenchError, match=f"noise.csv, line 2: .*{said}"):
        read_spreads(tmp_path / "noise.csv")


def test_times_are_compared_on_one_machine_only(rows, rebuilt):
    assert rows["combination", "combined"]["decode_ratio"] == 0.25
    assert rows["combination", "base"]["decode_ratio"] == 1
    upsampling = rows["upsampling", "upsampling"]
    assert upsampling["decode_s"] == 3.0
    assert math.isnan(upsampling["decode_ratio"])
    assert upsampling["decode_reason"] == "base was timed on another machine"
    assert rows["activation", "activation"]["decode_reason"] == "not timed on an idle machine"
    assert "base was timed on another" in text_of(rebuilt)


def test_every_caption_of_bd_rates_says_what_they_depend_on(rebuilt):
    for sheet in rebuilt.sheets():
        assert "vvc (vvenc 1.15.0 medium, 4:2:0 10 bit)" in sheet.whole_caption
        if "model=paper" not in sheet.whole_caption:
            for said in ("dataset kodak", "8 images", "model small", "weights shipped", "PSNR-HVS-M"):
                assert said in sheet.whole_caption
    assert "nan" not in text_of(rebuilt)


def test_what_captions_have_in_common_is_said_once(rebuilt, store):
    """In LaTeX, where each table stands alone, each says it."""
    common = [text for sheet in rebuilt.sheets() for text in sheet.common]
    assert len(common) > len(set(common))
    text = text_of(rebuilt)
    assert [text.count(said) for said in set(common)] == [1] * len(set(common))
    study = (store.root / "tables/vcip2023/kodak-small-upsampling.tex").read_text()
    assert study.count("Anchor vvc (vvenc 1.15.0 medium, 4:2:0 10 bit)") == 2


def test_the_choice_of_hvs_reaches_the_tables(store, experiment):
    framework = rebuild_experiment(store, experiment, Selection(hvs="hvs"), tables=False, plots=False)
    assert "mean of 7: PSNR-HVS." in text_of(framework)
    assert "psnr_hvs_bd_rate" in framework.frame()


def test_what_is_missing_is_told_with_the_command_that_makes_it(tmp_path, experiment):
    store = fill_store(tmp_path, ("base", "upsampling", "combined", "attention_ds", "activation"), images=6)
    for label, told in (
        ("upsampling", {"status": "failed", "error": "out of memory\nat step 3"}),
        ("combined", {"status": "running", "pid": 1, "host": "elsewhere"}),
        ("attention_ds", {"status": "done", "images_key": "others"}),
    ):
        [run] = [run for run in store.runs() if run.label == label]
        store.write_run(run.folder, {**run.manifest, **told, "end": "2026-01-01"})
    made = rebuild_experiment(store, experiment, Selection(), plots=False)
    frame = made.frame().set_index("variant")
    assert frame.status["upsampling"] == "failed"
    assert frame.status["combined"] == "running"
    assert frame.status["attention_cs"] == "not run"
    assert frame.status["attention_ds"] == "other"
    assert frame.status["activation"] == "done"
    assert frame.mean_bd_rate.isna()["combined"]
    assert frame.paper_mean_bd_rate["combined"] == -27.5  # what the paper says is known all the same
    text = text_of(made)
    for said in (
        "upsampling failed: out of memory",
        "combined is being run since 2026-02-02T00 (process 1 on elsewhere)",
        "attention_cs was not run",
        "attention_ds was run on other images or by other metrics",
        "run -m +variant=attention_cs,attention_ds,upsampling,combined,combined_ds dataset=kodak "
        f"results={tmp_path}",
    ):
        assert said in text
    assert "at step 3" not in text
    for sheet in made.sheets():
        assert {len(row) for row in sheet.rows} == {len(sheet.columns)}


def test_without_the_reference_the_rest_of_the_tables_comes(tmp_path, experiment):
    store = fill_store(tmp_path, ("combined",), images=6)
    made = rebuild_experiment(store, experiment, Selection(), plots=False)
    row = made.frame().set_index("variant").loc["combined"]
    assert math.isfinite(row.mean_bd_rate)
    assert math.isnan(row.vs_base_bd_rate)
    assert row.exceeds_noise == "NA"
    assert "the base 'base'" in text_of(made)


def test_a_run_that_knows_nothing_of_the_papers_size_says_how_to_have_it(tmp_path, experiment):
    store = fill_store(tmp_path, ("base", "combined"), images=6)
    for run in store.runs():
        old = {key: value for key, value in run.complexity().items() if key != "paper_size"}
        (run.folder / "complexity.json").write_text(json.dumps(old))
    made = rebuild_experiment(store, experiment, Selection(), plots=False)
    assert made.frame().paper_size_published_kmacs_px.isna().all()
    assert "not counted at model=paper" in text_of(made)


def test_an_anchor_that_the_runs_do_not_have_gives_way_and_is_told(tmp_path):
    store = fill_store(tmp_path, ("base", "combined"), images=6)
    hevc = experiment_of(settings("experiment=vcip2023", "anchor=hevc"))
    made = rebuild_experiment(store, hevc, Selection(), plots=False)
    assert set(made.frame().anchor) == {"vvc"}
    assert says(text_of(made), "anchor", "no points of 'hevc'")


def test_peers_have_rows_and_no_complexity(tmp_path, experiment):
    store = fill_store(tmp_path, ("base", "combined"), images=6)
    [anchor] = store.runs("anchors")
    jpeg = {**anchor.manifest, "label": "jpeg", "note": "Pillow", "key": "1"}
    worse = anchor.points().assign(bpp=lambda frame: frame.bpp * 2)
    store.write_run(store.run_folder("anchors", "jpeg", "1"), jpeg, worse)
    made = rebuild_experiment(store, experiment, Selection(peers=("jpeg",)), plots=False)
    [row] = made.frame().query("variant == 'jpeg' and study == 'combination'").to_dict("records")
    assert row["mean_bd_rate"] == pytest.approx(100, abs=0.5)
    assert "| jpeg | – | – | – | – | – | – | 100.0" in text_of(made)


def test_two_anchors_have_a_block_each(tmp_path, experiment):
    store = fill_store(tmp_path, ("base", "combined"), images=6)
    [anchor] = store.runs("anchors")
    store.write_run(
        store.run_folder("anchors", "hevc", "1"), {**anchor.manifest, "label": "hevc"}, anchor.points()
    )
    made = rebuild_experiment(store, experiment, Selection(anchors=["vvc", "hevc"]), plots=False)
    combination = made.frame().query("study == 'combination' and kind == 'variant'")
    assert combination.anchor.tolist() == ["vvc"] * 3 + ["hevc"] * 3
    assert len(made.sheets()) == 4 * 5


def test_the_commands_read_the_store_without_torch_and_change_no_byte(store, rebuilt, tmp_path):
    first = tree(store.root)  # with what `rebuilt` has written
    assert "tables/vcip2023/kodak-small-combination.csv" in first
    (tmp_path / "results").symlink_to(store.root)
    command = ["tables", "experiment=vcip2023"]
    lines = [*command, "format=csv"], [*command, "format=latex"], command
    (csv, latex, plain), loaded = done_and_loaded(lines, tmp_path, ("torch", "compressai", "matplotlib"))
    assert loaded == []
    assert tree(store.root) == first
    assert csv.out.count("\n") == 1 + 3 + 1 + 2 + 2 + 3
    assert latex.out.count(r"\begin{table*}") == 12
    assert "Written: 13 files in results/tables/vcip2023" in plain.out
    assert max(len(line.rstrip()) for line in plain.out.splitlines()) <= 100


def test_plots_of_all_variants_come_without_torch_and_again_only_when_they_change(tmp_path):
    store = fill_store(tmp_path / "results", ("base", "combined"), images=2)
    for run in (*store.runs(), *store.runs("anchors")):
        kept = run.points()[["image", "quality", "target_bpp", "bpp", "vif"]]
        store.write_run(run.folder, run.manifest, kept)
    folder, command = store.root / "plots/vcip2023", ["plots", "experiment=vcip2023"]
    assert "torch" not in modules_loaded(command, cwd=tmp_path)
    first = tree(folder)
    assert set(first) == {".plots.json"} | {
        f"kodak-small-{name}.{suffix}" for name in ("rd_vif", "parts") for suffix in ("png", "pdf")
    }
    os.utime(folder / "kodak-small-parts.png", (1, 1))
    (folder / "kodak-small-rd_vif.pdf").unlink()
    done = bench(*command, cwd=tmp_path, drawn=True)
    assert tree(folder) == first  # the one that was gone is drawn again, to the same bytes
    assert (folder / "kodak-small-parts.png").stat().st_mtime == 1
    assert set(done.out.split()) == {f"results/plots/vcip2023/{name}" for name in first if name[0] != "."}


def test_a_store_without_a_run_of_the_experiment_says_what_makes_them(tmp_path, store):
    (tmp_path / "results").symlink_to(store.root)
    failed = fill_store(tmp_path / "failed", ("base",), images=1, status="failed")
    empty, other, none = several(
        ["tables", "experiment=vcip2023", "results=nothing"],
        ["tables", "experiment=vcip2023", "dataset=sample", "model=small"],
        ["tables", "experiment=vcip2023", f"results={failed.root}"],
        cwd=tmp_path,
    )
    sweep = "make them with: jpegai-bench sweep experiment=vcip2023"
    fails(empty, "nothing: ", "vcip2023", f"; {sweep}")
    fails(other, "vcip2023 that fits", f"; {sweep} dataset=sample model=small")
    fails(none, "vcip2023 (base failed)", f"; {sweep}")
    assert set(KMACS) == {run.label for run in store.runs()}
