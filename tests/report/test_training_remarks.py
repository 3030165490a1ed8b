import io
import json
import re

import pandas as pd
import synthetic
from command import several, tree
from messages import says

from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS, read
from jpegai_bench.report.gather.training_remarks import notes, remarks
from jpegai_bench.store.store import Run

ENCODER = {"recipe": {"steps": 4200, "train": "all", "seed": 1}, "step": 4200}


def synthesis(steps, **start):
    return {"recipe": {"steps": steps, "train": "synthesis", "seed": 0}, "step": steps, "start": start}


def everything(steps, **start):
    return {**synthesis(steps, **start), "recipe": {"steps": steps, "train": "all", "seed": 0}}


def run(tmp_path, label, own, encoder=ENCODER):
    return Run(tmp_path, {"label": label, "trained": {"synthesis": own, "shared": encoder}})


def retrain(results, label, own, encoder=ENCODER):
    """Change a run of the store as if its weights had noted this."""
    [path] = results.glob(f"runs/{label}/*/run.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "trained": {"synthesis": own, "shared": encoder}}))


def test_of_the_weights_that_ship_nothing_is_said_but_which_training_broke_down(tmp_path):
    folder = SHIPPED_WEIGHTS / "small"
    encoder = json.loads(read(folder / "shared.safetensors", "shared")[1]["note"])
    runs = [
        run(tmp_path, path.stem, json.loads(read(path, "synthesis")[1]["note"]), encoder)
        for path in sorted(folder.glob("*.safetensors"))
        if path.stem != "shared"
    ]
    assert len(runs) == 10
    broken = {run.label for run in runs if run.manifest["trained"]["synthesis"]["eased"] != 1}
    assert {label for label, words in remarks(runs).items() if "breakdown" in words} == broken
    assert len(notes(runs)) == bool(broken)


def test_a_training_that_broke_down_is_a_different_one(tmp_path):
    """It went on from its last checkpoint at half the learning rate, which the recipe does not say."""
    whole, broken = (synthesis(10000, shared="e") | {"eased": eased} for eased in (1.0, 0.5))
    assert notes([run(tmp_path, "base", whole), run(tmp_path, "mine", whole)]) == []
    [told] = notes([run(tmp_path, "base", whole), run(tmp_path, "mine", broken)])
    assert says(
        told, "trained differently", "mine (synthesis alone", "after a breakdown at 0.5 of the learning"
    )


def test_what_is_not_on_record_is_not_guessed(tmp_path):
    unknown = [Run(tmp_path, {"label": "base"}), run(tmp_path, "tiny", {}, {}), run(tmp_path, "own", None)]
    assert notes(unknown) == []
    assert notes([*unknown, run(tmp_path, "combined", synthesis(3000))]) == []


def test_weights_that_go_on_from_others_are_no_trial(tmp_path):
    from_encoder = run(tmp_path, "base", synthesis(400, shared="e"))
    [told] = notes([from_encoder])
    assert says(told, "1,000 steps", "base (synthesis alone, 400 steps, on an encoder of 4,200)")
    assert notes([run(tmp_path, "base", synthesis(400, shared="e", synthesis="s"))]) == []
    both = {"shared": "e", "synthesis": "s"}
    assert notes([run(tmp_path, "base", everything(400, **both), everything(400, **both))]) == []
    # The synthesis of another variant's encoder began anew.
    assert len(notes([run(tmp_path, "base", everything(400, shared="e"))])) == 1


def test_of_an_entropy_model_that_was_trained_alone_the_steps_are_not_the_encoders(tmp_path):
    entropy = {**everything(4000, shared="e", synthesis="s")}
    entropy["recipe"] = {**entropy["recipe"], "train": "entropy"}
    [told] = notes([run(tmp_path, "base", synthesis(400, shared="e"), entropy)])
    assert "on an encoder with 4,000 further steps of its entropy model)" in told


def test_a_synthesis_on_an_encoder_of_a_mere_trial_is_one_too(tmp_path):
    [told] = notes([run(tmp_path, "base", synthesis(3000), everything(30))])
    assert "Unfit for conclusions" in told
    assert "on an encoder of 30)" in told


def test_weights_of_an_unfinished_training_count_the_steps_that_were_done(tmp_path):
    unfinished = {**everything(30000), "step": 700}
    [told] = notes([run(tmp_path, "base", unfinished, unfinished)])
    assert "base (everything, 700 steps)" in told


def test_other_photographs_and_other_settings_are_a_different_training(tmp_path):
    def ablation(photographs, **recipe):
        own = synthesis(10000, shared="e")
        return {**own, "photographs": photographs, "recipe": {**own["recipe"], "crop": 128, **recipe}}

    base = run(tmp_path, "base", ablation(982))
    assert notes([base, run(tmp_path, "mine", ablation(982, seed=1))]) == []
    # A setting that only one of them notes is of another version.
    assert notes([base, run(tmp_path, "mine", ablation(982, attention_rate=1.0))]) == []
    [told] = notes([base, run(tmp_path, "mine", ablation(60, crop=64)), run(tmp_path, "third", ablation(60))])
    for label, apart in (
        ("base", "crop 128, 982 photographs"),
        ("mine", "crop 64, 60 photographs"),
        ("third", "crop 128, 60 photographs"),
    ):
        assert f"{label} (synthesis alone, 10,000 steps, on an encoder of 4,200, {apart})" in told
    assert remarks([base, run(tmp_path, "mine", ablation(60))]) == {
        "base": "trained: synthesis alone, 10,000 steps, on an encoder of 4,200, 982 photographs",
        "mine": "trained: synthesis alone, 10,000 steps, on an encoder of 4,200, 60 photographs",
    }


def test_as_many_other_photographs_are_a_different_training_and_so_is_what_auto_comes_to(tmp_path):
    def ablation(photographs_id, precision, chosen="auto"):
        own = synthesis(10000, shared="e")
        recipe = {**own["recipe"], "precision": chosen}
        return {**own, "recipe": recipe, "photographs_id": photographs_id, "precision": precision}

    base = run(tmp_path, "base", ablation("one", "bf16"))
    assert notes([base, run(tmp_path, "mine", ablation("one", "bf16", chosen="bf16"))]) == []
    [told] = notes([base, run(tmp_path, "mine", ablation("two", "bf16"))])
    assert says(told, "base (synthesis alone", "photographs one", "mine (synthesis alone", "photographs two")
    [told] = notes([base, run(tmp_path, "mine", ablation("one", "float32"))])
    assert says(told, "precision bf16", "precision float32")


def test_every_table_says_what_was_trained_otherwise(tmp_path):
    results = tmp_path / "results"
    labels = ("base", "attention_cs", "combined")
    synthetic.fill_store(results, labels, images=6)
    commands = (["tables"], ["tables", "experiment=vcip2023"])
    for done in several(*commands, cwd=tmp_path):
        assert done.code == 0, done.err
    before = tree(results / "tables")
    alike = synthesis(3000, shared="e")
    for label in labels:
        retrain(results, label, alike)
    for done in several(*commands, cwd=tmp_path):
        assert "rained" not in "\n".join(line for line in done.out.splitlines() if "noise" not in line)
    assert tree(results / "tables") == before

    retrain(results, "base", everything(30000))
    retrain(results, "combined", synthesis(30, shared="e"))
    table, vcip, csv = several(*commands, ["tables", "format=csv"], cwd=tmp_path)
    report = several(["report"], cwd=tmp_path)[0]
    assert report.code == 0, report.err
    differently = (
        "Weights were trained differently: base (everything, 30,000 steps); "
        "attention_cs (synthesis alone, 3,000 steps, on an encoder of 4,200); "
        "combined (synthesis alone, 30 steps, on an encoder of 4,200)."
    )
    trial = (
        "Unfit for conclusions, trained fewer than 1,000 steps: "
        "combined (synthesis alone, 30 steps, on an encoder of 4,200)."
    )
    texts = {
        "terminal": table.out,
        "Markdown": (results / "tables/kodak-small-results.md").read_text(),
        "page": (results / "report/index.html").read_text(),
    }
    for name, text in texts.items():
        plain = re.sub(r"\s+", " ", text)
        assert differently in plain, name
        assert trial in plain, name
    study = (results / "tables/vcip2023/kodak-small-attention.md").read_text()
    latex = (results / "tables/vcip2023/kodak-small-attention.tex").read_text().replace("\\_", "_")
    for text in (vcip.out, study, latex):
        plain = re.sub(r"\s+", " ", text)
        assert says(plain, "differently", "base (everything, 30,000 steps); ")
        assert trial in plain

    rows = pd.read_csv(io.StringIO(csv.out)).set_index("variant")["note"]
    assert rows["base"] == "trained: everything, 30,000 steps"
    assert rows["combined"] == (
        "trained: synthesis alone, 30 steps, on an encoder of 4,200; "
        "fewer than 1,000 steps: unfit for conclusions"
    )
    of_study = pd.read_csv(results / "tables/vcip2023/kodak-small-combination.csv").set_index("variant")
    assert of_study.loc["combined", "note"] == rows["combined"]


def test_an_entropy_model_that_begins_anew_is_a_trial_however_long_the_rest_was_trained(tmp_path):
    both = {"shared": "e", "synthesis": "s"}
    further = {**synthesis(30, **both), "recipe": {"steps": 30, "train": "entropy", "seed": 0}}
    assert notes([run(tmp_path, "board", further, further)]) == []
    anew = {**further, "anew": ["prior_luma.passes."]}
    [told] = notes([run(tmp_path, "board", anew, anew)])
    assert says(told, "Unfit for conclusions", "board (entropy model alone, 30 steps)")


def test_compare_says_that_encoders_differ_and_that_one_training_was_a_trial(tmp_path):
    results = tmp_path / "results"
    synthetic.fill_store(results, ("base", "combined"), images=6)
    quiet = several(["compare", "base", "combined"], cwd=tmp_path)[0]
    both = {"shared": "e", "synthesis": "s"}
    anew = {**everything(30, **both), "anew": ["prior_luma.passes."]}
    retrain(results, "combined", anew, anew)
    retrain(results, "base", everything(30000), everything(30000))
    [path] = results.glob("runs/combined/*/run.json")
    manifest = json.loads(path.read_text())
    manifest["codec"]["shared_weights"] = "0123456789abcdef"
    path.write_text(json.dumps(manifest))
    told = several(["compare", "base", "combined"], cwd=tmp_path)[0]
    assert (quiet.code, told.code) == (0, 0), told.err
    plain = re.sub(r"\s+", " ", told.out)
    for fact in (
        "encoders or entropy models of their own: base (",
        "combined (encoder 01234567)",
        "combined (everything, 30 steps)",
    ):
        assert fact in plain
        assert fact not in re.sub(r"\s+", " ", quiet.out)
    assert "Unfit for conclusions" in plain
