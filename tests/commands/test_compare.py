"""`jpegai-bench compare` on stores whose truth is known: VVC's points on Kodak, with other rates."""

import io
import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from command import DATA, TINY, bench, fails, manifests, modules_loaded, photographs, several
from messages import says
from training_noise import write_noise

from jpegai_bench.codecs.shipped_points import SHIPPED
from jpegai_bench.metrics.catalogue import average_of
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store, read_points

VVC = read_points(SHIPPED / "vvc/kodak/points.csv")
SHIPPED_RUN = json.loads((SHIPPED / "vvc/kodak/run.json").read_text())
IMAGES = sorted(VVC.image.unique())
METRICS = {"vif": "1"}
RECIPE = {"steps": 3000, "learning_rate": 0.001, "train": "synthesis", "checkpoint_seconds": 60.0}


def faster(factor: float, spread: float = 0.0, seed: int = 0, points: pd.DataFrame = VVC) -> pd.DataFrame:
    """VVC's points at `factor` times the rate, image by image with some spread."""
    random = np.random.default_rng(seed)
    each = {image: factor * math.exp(spread * random.normal()) for image in IMAGES}
    return points.assign(bpp=points.bpp * points.image.map(each))


class Lab:
    """A store to which finished runs are added."""

    def __init__(self, root):
        self.store, self.count = Store(root), 0
        self.anchor("vvc", VVC)

    def anchor(self, label, points, **more):
        folder = self.store.run_folder("anchors", label, f"{label}-key")
        own = {"label": label, "key": f"{label}-key", "metrics": METRICS, "status": "done"}
        manifest = {**SHIPPED_RUN, **own, **more}
        self.store.write_run(folder, manifest, points)

    def run(self, label, points, seed=None, recipe=None, encoder_seed=1, **more):
        """One run, later than all before; `seed` None is weights that do not tell their seed."""
        self.count += 1
        key = content_key([label, self.count])
        notes = {
            kind: {"recipe": {**RECIPE, **(recipe or {}), "seed": own}, "torch": f"2.{self.count}"}
            for kind, own in (("synthesis", seed), ("shared", encoder_seed))
        }
        manifest = {
            "label": label,
            "status": "done",
            "end": f"2026-11-{self.count:02d}",
            "dataset": "kodak",
            "model": "small",
            "images": SHIPPED_RUN["images"],
            "images_key": content_key(SHIPPED_RUN["images"]),
            "metrics": METRICS,
            "anchor": "anchors/vvc/vvc-key",
            "codec": {
                "shared_weights": f"encoder-{encoder_seed}",
                "synthesis_weights": key,
                "structure": "s",
            },
            "config": {"qualities": None},
            "trained": {} if seed is None else notes,
            **more,
        }
        folder = self.store.run_folder("runs", label, key)
        self.store.write_run(folder, manifest, points)
        return folder


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path / "results")


def read_csv(done) -> pd.DataFrame:
    assert done.code == 0, done.err
    return pd.read_csv(io.StringIO(done.out)).set_index("metric")


COLUMNS = (
    "metric,difference,ci_low,ci_high,p_value,p_adjusted,images_used,images_left_out,"
    "direct_bd_rate,direct_ci_low,direct_ci_high,direct_images,a_bd_rate,a_seeds,a_seed_deviation,"
    "b_bd_rate,b_seeds,b_seed_deviation,seed_ci_low,seed_ci_high,seed_p_value,reason"
)


def test_two_variants_of_the_store_in_every_format(lab, tmp_path):
    base = faster(1.3, spread=0.05)
    lab.run("base", base, seed=1)
    lab.run("combined", base.assign(bpp=1.02 * base.bpp), seed=2)
    words = ["compare", "base", "combined"]
    shown, csv, js, markdown = several(
        words, [*words, "format=csv"], [*words, "format=json"], [*words, "format=markdown"], cwd=tmp_path
    )
    assert csv.out.startswith(COLUMNS + "\n")
    table = read_csv(csv)
    assert list(table.index[:8]) == [*average_of(), "mean_of_seven"]
    mean = table.loc["mean_of_seven"]
    assert mean.difference == pytest.approx(0.02 * (100 + mean.a_bd_rate), abs=1e-9)
    assert mean.direct_bd_rate == pytest.approx(2, abs=1e-9)
    assert mean.p_value == pytest.approx(2 / 2**24, rel=1e-11)
    assert (mean.images_used, mean.images_left_out, mean.a_seeds, mean.b_seeds) == (24, 0, 1, 1)
    told = json.loads(js.out)
    assert (told["a"]["label"], told["b"]["label"], told["anchor"]) == ("base", "combined", "vvc")
    assert (told["dataset"], told["model"], told["hvs"], told["method"]) == (
        "kodak",
        "small",
        "hvs_m",
        "pchip",
    )
    assert told["metrics"][7]["difference"] == pytest.approx(mean.difference, rel=1e-11)
    [on_images, by_metric, training] = told["verdict"]
    points = f"{mean.difference:.2f} points higher"
    assert says(on_images, "these weights", "combined needs 2.00% more rate", "2.00…2.00", points)
    assert on_images.endswith("p = 1.2e-07 (Wilcoxon), 24 of 24 images.")
    assert says(by_metric, "combined", "Holm", "more rate by MS-SSIM, FSIM")
    assert says(training, "base", "combined", "noise is not known")
    assert markdown.out.startswith("## combined against base, kodak")
    assert on_images in markdown.out
    assert " ".join(on_images.split()) in " ".join(shown.out.split())
    assert f"Anchor vvc ({SHIPPED_RUN['note']})" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100


def test_neither_it_nor_bdrate_needs_torch(lab, tmp_path):
    lab.run("base", VVC)
    lab.run("combined", faster(1.1))
    lines = (["bdrate", "vvc/kodak", "jpeg/kodak"], ["compare", "base", "combined"])
    assert modules_loaded(*lines, cwd=tmp_path) == []


def test_the_noise_of_training_is_held_against_a_difference_in_its_unit(lab, tmp_path, monkeypatch):
    """Base needs twice the anchor's rate, so 2% more is 4 points: within ±2.38% of rate, not beyond it.

    Once base has several seeds, theirs counts, in points; it takes all of A or of B.
    """
    ablation = {"steps": 10_000}
    (tmp_path / "studies/one").mkdir(parents=True)
    write_noise(tmp_path / "studies/one/training_noise.csv", RECIPE | ablation)
    monkeypatch.setattr("jpegai_bench.report.gather.training_noise.PUBLISHED", tmp_path / "studies")
    lab.run("base", faster(2), seed=1, recipe=ablation)
    lab.run("near", faster(2 * 1.02), seed=1, recipe=ablation)
    lab.run("far", faster(2 * 1.03), seed=1, recipe=ablation)
    lab.run("longer", faster(2 * 1.03), seed=1)
    lab.run("faster", faster(2 * 1.03), seed=1, recipe=ablation | {"learning_rate": 0.002})
    words = [["compare", "base", name, "format=json"] for name in ("near", "far", "longer", "faster")]
    near, far, *others = (json.loads(done.out)["verdict"] for done in several(*words, cwd=tmp_path))
    assert says(near[0], "these weights", "near needs 2.00% more rate")
    assert says(near[2], "±2.38%", "0.86%", "4 degrees of freedom", "2.00% is within it")
    assert "and 3.00% is beyond it" in far[2]
    assert all("noise is not known" in other[2] for other in others)
    lab.run("base", faster(2.02), seed=2, recipe=ablation)
    lab.run("base", faster(2.04), seed=3, recipe=ablation)
    [done] = several(words[1], cwd=tmp_path)
    reach = scipy.stats.t.ppf(0.975, 2) * 2 * math.sqrt(1 + 1 / 3)
    assert f"these seeds: ±{reach:.2f} points" in json.loads(done.out)["verdict"][2]
    assert "4.00 points is within it" in json.loads(done.out)["verdict"][2]


@pytest.mark.parametrize("images", [8, 9])
def test_too_few_images_for_holms_correction_are_not_called_no_difference(lab, tmp_path, images):
    """On every image `other` needs 2% more; over eight tests that is p = 8 * 2/2^n."""
    base = faster(1.8, spread=0.05)
    few = base[base.image.isin(IMAGES[:images])]
    lab.run("base", base)
    lab.run("other", few.assign(bpp=1.02 * few.bpp))
    [done] = several(["compare", "base", "other", "format=json"], cwd=tmp_path)
    by_metric, ms_ssim = json.loads(done.out)["verdict"][1], json.loads(done.out)["metrics"][0]
    assert ms_ssim["metric"] == "ms_ssim"
    assert ms_ssim["p_adjusted"] == pytest.approx(16 / 2**images)
    assert "no difference shown" not in by_metric
    assert ("more rate by MS-SSIM" in by_metric) == (images >= 9)
    assert says(by_metric, "at least 9", "for MS-SSIM") == (images < 9)
    assert ("fewer than 9 images" in ms_ssim["reason"]) == (images < 9)


def test_no_verdict_is_stronger_than_the_data(lab, tmp_path):
    """Nothing shown, undecided, not tested, no verdict: what the sentence says follows the numbers."""
    base = faster(1.2, spread=0.05)
    lab.run("base", base)
    lab.run("alike", faster(1, spread=0.03, seed=1, points=base))
    outlier = base.copy()
    outlier.loc[outlier.image == "kodim07", "bpp"] *= 0.5
    outlier.loc[outlier.image != "kodim07", "bpp"] *= 1.004
    lab.run("outlier", outlier)
    lab.run("five", faster(1.1)[VVC.image.isin(IMAGES[:5])])
    lab.run("six", faster(1.1).drop(columns="vif"))
    names = ("alike", "outlier", "five", "six")
    told = several(*(["compare", "base", name, "format=json"] for name in names), cwd=tmp_path)
    said = {name: json.loads(done.out)["verdict"] for name, done in zip(names, told, strict=True)}
    assert says(said["alike"][0], "No difference", "alike and base")
    assert says(said["outlier"][0], "Undecided", "outlier and base", "a few images")
    assert says(said["five"][0], "Not tested", "fewer than 6", "p < 0.05", "5 of 24 images")
    assert says(said["six"][0], "No verdict", "six against vvc", "VIF")
    lab.run("four", faster(1.1)[VVC.image.isin(IMAGES[:4])])
    few, enough = several(*(["compare", "base", name] for name in ("four", "five")), cwd=tmp_path)
    assert "95% intervals, which take 5" in " ".join(few.out.split())
    assert "with 95% bootstrap intervals" in " ".join(enough.out.split())


def test_several_seeds_of_both(lab, tmp_path):
    """Seeds at 20, 21 and 22 percent against 25, 25.5 and 27: the means differ by more than their noise."""
    for seed, rate in ((1, 1.20), (2, 1.21), (10, 1.22)):
        lab.run("base", faster(rate), seed=seed)
    for seed, rate in ((4, 1.25), (5, 1.255), (6, 1.27)):
        lab.run("combined", faster(rate), seed=seed)
    csv, js, shown, one = several(
        ["compare", "base", "combined", "format=csv"],
        ["compare", "base", "combined", "format=json"],
        ["compare", "base", "combined"],
        ["compare", "base", "base", "format=csv"],
        cwd=tmp_path,
    )
    mean = read_csv(csv).loc["mean_of_seven"]
    assert (mean.a_seeds, mean.b_seeds) == (3, 3)
    assert (mean.a_bd_rate, mean.a_seed_deviation) == pytest.approx((21, 1), abs=1e-9)
    assert mean.difference == pytest.approx((25 + 25.5 + 27) / 3 - 21, abs=1e-9)
    assert mean.seed_ci_low > 0
    assert mean.seed_p_value < 0.05
    told = json.loads(js.out)
    assert (told["a"]["seeds"], told["b"]["seeds"]) == (["1", "2", "10"], ["4", "5", "6"])
    assert told["metrics"][0]["a_seed_bd_rates"] == pytest.approx([20, 21, 22], abs=1e-9)
    assert told["verdict"][0].startswith("combined needs ")  # not of these weights alone
    assert says(told["verdict"][2], "exceeds training noise", "4.83 points")
    assert says(shown.out, "base: 20.00 (seed 1), 21.00 (seed 2), 22.00 (seed 10)")
    assert all(words in shown.out for words in ("21.00 ± 1.00", "20.00…22.00", "p (Welch)"))
    spread = read_csv(one)
    assert list(spread.columns) == [
        "seeds", "bd_rate", "deviation", "lowest", "highest", "images_used", "images_left_out", "reason",
    ]  # fmt: skip
    assert spread.loc["mean_of_seven"].tolist()[:6] == pytest.approx([3, 21, 1, 20, 22, 24], abs=1e-9)


def test_a_difference_within_the_noise_of_training(lab, tmp_path):
    """On the images it is as sure as can be, and still no more than seeds do."""
    for seed, rate in ((1, 1.20), (2, 1.23)):
        lab.run("base", faster(rate), seed=seed)
    for seed, rate in ((1, 1.21), (2, 1.24)):
        lab.run("combined", faster(rate), seed=seed)
    one, other, same = several(
        ["compare", "base", "combined", "format=json"],
        ["compare", "vvc", "combined", "format=json"],
        ["compare", "base", "base"],
        cwd=tmp_path,
    )
    told = json.loads(one.out)
    assert told["metrics"][7]["p_value"] < 1e-6
    assert says(told["verdict"][0], "these weights", "combined needs")
    assert says(told["verdict"][2], "not shown to exceed", "1.00 points")
    assert json.loads(other.out)["verdict"][2].startswith("Training: combined 22.50 ± 2.12 over 2 seeds")
    assert says(" ".join(same.out.split()), "2.12 points", "from 20.00% to 23.00%")


def test_which_runs_are_seeds_of_one_training(lab, tmp_path):
    """Only the seed may differ; each seed's newest run counts, and what else there is is told."""
    lab.run("base", faster(1.9), seed=3)
    lab.run("base", faster(1.1), seed=3)  # trained again
    lab.run("base", faster(1.2), seed=4)
    lab.run("base", faster(1.5), seed=5, recipe={"steps": 9000})
    lab.run("base", faster(1.6))  # does not tell its seed
    lab.run("base", faster(1.7), seed=6, config={"qualities": [0, 1, 2, 3]})
    lab.run("base", faster(1.3), seed=7, recipe={"checkpoint_seconds": 10.0})
    lab.run("silent", faster(1.1))
    lab.run("silent", faster(1.2))
    base, silent = several(
        ["compare", "base", "base", "format=json"],
        ["compare", "silent", "silent", "format=json"],
        cwd=tmp_path,
    )
    told = json.loads(base.out)
    assert told["a"]["seeds"] == ["3", "4", "7"]
    assert told["metrics"][7]["a_seed_bd_rates"] == pytest.approx([10, 20, 30], abs=1e-9)
    [note] = told["notes"]
    assert says(note, "4 other weights of base", "recipe", "seed")
    told = json.loads(silent.out)
    assert told["a"]["seeds"] == [""]
    assert says(told["notes"][0], "seed of silent")
    assert told["metrics"][7]["reason"] == "one training"
    [verdict] = told["verdict"]
    assert says(verdict, "not known", "one training of silent")


@pytest.mark.parametrize("changed", [{"precision": "bf16"}, {"device": "cuda"}], ids=str)
def test_runs_of_another_precision_or_device_are_no_seeds_beside(lab, tmp_path, changed):
    weights = {"shared_weights": "encoder-1", "structure": "s"}
    for number, rate in ((1, 1.1), (2, 1.2)):
        lab.run("base", faster(rate), seed=number)
    lab.run("base", faster(1.3), seed=3, codec={**weights, "synthesis_weights": "3", **changed})
    [done] = several(["compare", "base", "base", "format=json"], cwd=tmp_path)
    told = json.loads(done.out)
    assert told["a"]["seeds"] == ["3"]
    others, computed = told["notes"]
    assert says(others, "2 other weights of base", *changed)
    assert says(computed, *changed.values(), "base")


def test_seeds_on_encoders_of_several_seeds_are_named_by_both(lab, tmp_path):
    lab.run("base", faster(1.1), seed=1, encoder_seed=1)
    lab.run("base", faster(1.2), seed=1, encoder_seed=2)
    [done] = several(["compare", "base", "base", "format=json"], cwd=tmp_path)
    assert json.loads(done.out)["a"]["seeds"] == ["1", "1 on 2"]


def test_a_run_keeps_what_its_weights_say_of_their_training(tmp_path):
    """Not what the configuration of the run says: its training group need not be what made the weights."""
    photographs(tmp_path / "photos")
    own = ["run", *TINY, *DATA, "dataset.limit=1", "qualities=[0,5]", "workers=1", "metrics.only=[psnr_y]"]
    own.append("model.context=none")  # which is counted quickly
    training = [
        "weights=train",
        "training.data=[photos]",
        "training=smoke",
        "training.precision=float32",
        "training.threads=1",
        "training.steps=2",
        "training.warmup_steps=2",
        "training.seed=11",
    ]
    [first] = several([*own, *training], cwd=tmp_path)
    assert first.code == 0, first.err
    results = tmp_path / "results"
    [folder] = results.glob("training/base/*/weights")
    recorded = [manifests(results)["base"]]
    [again] = several([*own, f"weights={folder}"], cwd=tmp_path)
    assert again.code == 0, again.err
    recorded.append(manifests(results)["base"])
    assert [run["config"]["training"]["seed"] for run in recorded] == [11, 0]
    for run in recorded:
        assert [run["trained"][kind]["recipe"]["seed"] for kind in ("shared", "synthesis")] == [11, 11]
        assert run["trained"]["synthesis"]["recipe"]["steps"] == 2
    further, told = several(
        [*own, *training[:-1], "training.seed=12"],
        ["compare", "base", "base", "format=json"],
        cwd=tmp_path,
    )
    assert further.code == 0, further.err
    assert json.loads(told.out)["a"]["seeds"] == ["11", "12"]


def test_a_real_study_of_two_photographs(study, tmp_path):
    """Random weights have no monotonic curves: all is NA, with its reason. JPEG has some, on two pictures."""
    shutil.copytree(study[0] / "results", tmp_path / "results")
    for run in manifests(tmp_path / "results").values():
        assert run["trained"] == {"shared": {}, "synthesis": {}}  # what the weights of the tests say
    shown, csv, jpeg = several(
        ["compare", "base", "combined"],
        ["compare", "base", "combined", "format=csv"],
        ["compare", "jpeg", "jpeg", "anchor=jpeg", "format=csv"],
        cwd=tmp_path,
    )
    fails(shown, "combined against base", "(base: not strictly mono")
    assert "Anchor jpeg" in shown.out  # what the runs were made with, not the default
    assert csv.code == 1
    table = pd.read_csv(io.StringIO(csv.out)).set_index("metric")
    assert (table.images_used + table.images_left_out == 2).all()
    assert table[["difference", "p_value", "direct_bd_rate"]].isna().all(axis=None)
    assert table.reason.notna().all()
    same = read_csv(jpeg)
    assert (same.images_used == 2).all()
    assert (same.difference == 0).all()
    assert (same.reason == "no image differs").all()


def test_the_store_chooses_only_where_there_is_one_choice(lab, tmp_path):
    lab.run("base", faster(1.1))
    lab.run("combined", faster(1.2))
    lab.run("base", faster(1.3), model="paper")
    lab.run("base", faster(1.4), dataset="photos")
    lab.run("combined", faster(1.5), dataset="photos")
    words = ["compare", "base", "combined", "format=csv"]
    both, kodak, photos, none, alone = several(
        words,
        [*words, "dataset=kodak"],
        [*words, "dataset=folder", "dataset.path=some/photos"],
        [*words, "dataset=sample"],
        ["compare", "base", "base"],
        cwd=tmp_path,
    )
    choices = "dataset=kodak model=small; base, combined on dataset=folder dataset.path=photos model=small"
    fails(both, f"base, combined on {choices}", "dataset=")
    assert read_csv(kodak).loc["mean_of_seven"].difference == pytest.approx(10, abs=1e-9)
    assert read_csv(photos).loc["mean_of_seven"].b_bd_rate == pytest.approx(50, abs=1e-9)
    fails(none, "with dataset=sample", "base, combined on dataset=kodak")
    fails(alone, "base on dataset=kodak model=paper; base on dataset=kodak model=small")


def test_only_what_was_measured_alike_is_compared(lab, tmp_path):
    lab.run("base", faster(1.1))
    lab.run("combined", faster(1.2), metrics={"vif": "2"})
    lab.run("upsampling", faster(1.3))
    lab.run("upsampling", faster(9.9), images_key="others")
    apart, alike = several(
        ["compare", "base", "combined"], ["compare", "base", "upsampling", "format=csv"], cwd=tmp_path
    )
    fails(apart, "base and combined", "same images", "+variant=base,combined")
    assert read_csv(alike).loc["mean_of_seven"].difference == pytest.approx(20, abs=1e-9)


def test_another_anchor(lab, tmp_path):
    """Against a codec of twice VVC's rate, all BD-rates are (f / 2 - 1), and so is the difference halved."""
    lab.run("base", faster(1.1))
    lab.run("combined", faster(1.2))
    lab.anchor("jpeg", faster(2))
    faster(2).to_csv(tmp_path / "twice.csv", index=False)
    words = ["compare", "base", "combined", "format=csv"]
    own, named, file, both, ships, two, gone = several(
        [*words, "anchor=vvc"],
        [*words, "anchor=jpeg"],
        [*words, "anchor_points=twice.csv"],
        ["compare", "vvc", "jpeg", "format=csv"],
        [*words, "anchor=webp"],
        [*words, "anchor=[vvc,jpeg]"],
        [*words, "anchor=nothing"],
        cwd=tmp_path,
    )
    assert read_csv(own).loc["mean_of_seven"].difference == pytest.approx(10, abs=1e-9)
    for done in (named, file):
        table = read_csv(done)
        assert table.loc["mean_of_seven"].difference == pytest.approx(5, abs=1e-9)
        assert table.loc["mean_of_seven"].direct_bd_rate == pytest.approx(100 * (1.2 / 1.1 - 1), abs=1e-9)
    assert read_csv(both).loc["mean_of_seven"].difference == pytest.approx(100, abs=1e-9)
    assert read_csv(ships).loc["mean_of_seven"].direct_bd_rate == pytest.approx(9.0909091)
    fails(two, "anchor=[vvc,jpeg]: compare takes one anchor", code=2)
    fails(gone, "'nothing'", "kodak", "jpeg", "anchor codec=nothing dataset=kodak")
    shutil.rmtree(tmp_path / "results/anchors/vvc")
    [lost] = several(words, cwd=tmp_path)
    fails(lost, "anchors/vvc/vvc-key", "anchor=LABEL")


def test_runs_that_were_made_with_different_anchors(lab, tmp_path):
    """The points of a variant do not depend on the anchor; that of the newest run counts."""
    lab.anchor("half", faster(0.5))
    old = lab.run("base", faster(1.1))
    half = {"anchor": "anchors/half/half-key", "anchors": ["anchors/half/half-key", "anchors/vvc/vvc-key"]}
    new = lab.run("combined", faster(1.2), **half)
    names, folders = several(
        ["compare", "base", "combined", "format=json"],
        ["compare", str(old), str(new), "format=json"],
        cwd=tmp_path,
    )
    for done in (names, folders):
        told = json.loads(done.out)
        assert told["anchor"] == "half"
        assert told["anchor_described"] == f"half ({SHIPPED_RUN['note']})"
        assert told["metrics"][7]["difference"] == pytest.approx(20, abs=1e-9)


def test_files_and_run_folders(lab, tmp_path):
    lab.run("base", faster(1.1))
    old, new = lab.run("mine", faster(1.2)), lab.run("mine", faster(1.26))
    points = ["image", "bpp", "psnr_y", "psnr_hvs"]
    faster(1.1)[points].assign(width=1, encode_s=2.0).to_csv(tmp_path / "a.csv", index=False)
    faster(1.2)[points].to_csv(tmp_path / "b.csv", index=False)
    VVC[points].to_csv(tmp_path / "vvc.csv", index=False)
    files, mixed, folders, same, shipped = several(
        ["compare", "a.csv", "b.csv", "anchor_points=vvc.csv", "format=csv"],
        ["compare", "base", "b.csv", "format=csv"],
        ["compare", str(old), str(new), "format=json"],
        ["compare", "a.csv", "a.csv", "anchor_points=vvc.csv"],
        ["compare", "a.csv", "b.csv", "anchor_points=vvc/kodak", "format=csv"],
        cwd=tmp_path,
    )
    table = read_csv(files)
    assert list(table.index) == ["psnr_hvs", "mean_of_seven", "psnr_y"]
    assert table.loc["psnr_y"].difference == pytest.approx(10, abs=1e-9)
    assert (
        table.loc["mean_of_seven"].reason
        == "a against vvc: no BD-rate for MS-SSIM, FSIM, NLPD, IW-SSIM, VMAF, VIF"
    )
    assert read_csv(mixed).loc["psnr_hvs"].difference == pytest.approx(10, abs=1e-9)
    told = json.loads(folders.out)
    assert told["a"]["label"] == f"mine@{old.name[:6]}"
    assert told["metrics"][7]["direct_bd_rate"] == pytest.approx(5, abs=1e-9)
    assert "training" not in " ".join(told["verdict"])
    assert "(1) no image differs" in same.out
    pd.testing.assert_series_equal(read_csv(shipped).loc["psnr_y"], table.loc["psnr_y"])


def test_points_that_ship(tmp_path):
    found, direct, printed, lone = several(
        ["compare", "jpeg/kodak", "webp/kodak", "anchor_points=vvc/kodak", "format=csv"],
        ["bdrate", "jpeg/kodak", "webp/kodak", "format=csv"],
        ["compare", "jpeg/kodak", "webp/kodak", "anchor_points=vvc/kodak"],
        ["compare", "jpeg/kodak", "webp/nowhere", "anchor_points=vvc/kodak"],
        cwd=tmp_path,
    )
    table, truth = read_csv(found), pd.read_csv(io.StringIO(direct.out)).set_index("metric")
    assert table.loc["ms_ssim"].direct_bd_rate == pytest.approx(truth.bd_rate["ms_ssim"], abs=1e-9)
    assert "vvc/kodak" in printed.out
    fails(lone, "webp/nowhere", "in results")


def test_only_the_metrics_that_are_asked_for_have_rows(lab, tmp_path):
    lab.run("base", faster(0.9))
    lab.run("combined", faster(0.8, spread=0.1))
    all_rows = read_csv(bench("compare", "base", "combined", "format=csv", cwd=tmp_path))
    words = ("compare", "base", "combined", "metrics.only=[psnr_y,ms_ssim]")
    rows = read_csv(bench(*words, "format=csv", cwd=tmp_path))
    assert list(rows.index) == ["ms_ssim", "mean_of_seven", "psnr_y"]
    assert rows["difference"].equals(all_rows["difference"][rows.index])
    assert rows["p_adjusted"]["ms_ssim"] < all_rows["p_adjusted"]["ms_ssim"]  # by Holm, over fewer tests
    table = bench(*words, cwd=tmp_path)
    assert "MS-SSIM" in table.out
    assert "FSIM" not in table.out
    fails(bench("compare", "base", "combined", "metrics.only=[ssim]", cwd=tmp_path), "metrics.only", code=2)


def test_what_cannot_be_compared_is_told_in_one_line(lab, tmp_path):
    lab.run("base", VVC)
    lab.run("broken", VVC, status="failed")
    VVC.to_csv(tmp_path / "a.csv", index=False)
    VVC.assign(image=VVC.image.str.upper()).to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "text.csv").write_text("nothing")
    (tmp_path / "folder").mkdir()
    cases = [
        (
            ["base", "bas"],
            "bas: no variant or anchor in results (did you mean base?), there are base, vvc; and no",
        ),
        (["base", "broken"], "results: holds no finished run of broken; run it again"),
        (["base", "nothing.csv"], "nothing.csv: no variant or anchor in results"),
        (
            ["base", "combined", "results=empty"],
            "base: no variant or anchor in empty, it holds no finished run",
        ),
        (["a.csv", "a.csv"], "a.csv and a.csv are points of no run here: give the anchor's points with"),
        (["a.csv", "other.csv", "anchor_points=a.csv"], "share no image, by name: a has kodim01"),
        (["base", "other.csv"], "base and other share no image"),
        (["base", "text.csv"], "text.csv"),
        (["base", "folder"], "folder: no points.csv"),
        (["base", "a.csv", "anchor_points=nowhere.csv"], "nowhere.csv"),
        (["base", "a.csv", "method=linear"], "choose one of pchip, cubic, akima"),
    ]
    for done, (words, said) in zip(
        several(*(["compare", *words] for words, _ in cases), cwd=tmp_path), cases, strict=True
    ):
        fails(done, said, code=2 if "method=linear" in words else 1)
        assert done.out == ""
    assert not (tmp_path / "empty").exists()
    fails(bench("compare", "base", cwd=tmp_path), "compare: B is missing", code=2)
