import io
import json
import os
import shutil

import pandas as pd
import synthetic
from command import fails, manifests, modules_loaded, several, tree
from messages import says


def test_tables_are_rebuilt_byte_for_byte_without_torch(study, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(study[0] / "results", results)
    before = tree(results / "tables")
    shutil.rmtree(results / "tables")
    assert modules_loaded(["tables"], ["list", "runs"], ["list"], cwd=tmp_path) == []
    assert tree(results / "tables") == before


def test_plots_are_rebuilt_without_torch_and_unchanged_ones_left_alone(study, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(study[0] / "results", results)
    shown = results / "plots/photos-small-overview.png"
    lost = results / "plots/photos-small-rd_vmaf.png"
    lost.unlink()
    os.utime(shown, (1, 1))
    assert "torch" not in modules_loaded(["plots"], cwd=tmp_path)
    assert shown.stat().st_mtime == 1
    assert lost.exists()
    assert not (tmp_path / "outputs").exists()


def test_the_store_is_read_as_it_is(study, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(study[0] / "results", results)
    markdown, csv = several(["tables", "format=markdown"], ["tables", "format=csv"], cwd=tmp_path)
    assert markdown.out == (results / "tables/photos-small-results.md").read_text() + "\n"
    assert csv.out.count("\n") == 3
    shutil.rmtree(results / "runs/base")
    alone, empty, listed = several(
        ["tables"], ["tables", "results=nothing"], ["list", "runs", "results=nothing"], cwd=tmp_path
    )
    assert alone.code == 0
    assert "the base 'base'" in alone.out
    assert "complexity not counted" not in alone.out
    fails(empty, "nothing: ", "no finished run", "jpegai-bench run")
    assert listed.out == "none in nothing\n"
    assert not (tmp_path / "nothing").exists()


def test_an_anchor_that_is_gone_is_told(study, tmp_path):
    shutil.copytree(study[0] / "results", tmp_path / "results")
    [key] = {manifest["anchor"] for manifest in manifests(tmp_path / "results").values()}
    shutil.rmtree(tmp_path / "results" / key)
    [done] = several(["tables"], cwd=tmp_path)
    fails(done, key, "anchor=LABEL")


def with_qualities(results, label, qualities):
    """Change a run of the store as if it had been coded at these qualities alone."""
    [path] = results.glob(f"runs/{label}/*/run.json")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "qualities": qualities}))
    points = pd.read_csv(path.parent / "points.csv")
    points[points["quality"].isin(qualities)].to_csv(path.parent / "points.csv", index=False)


def test_variants_of_different_qualities_are_compared_at_those_that_all_have(tmp_path):
    results = tmp_path / "results"
    synthetic.fill_store(results, ("base", "activation", "combined"), images=6, qualities=[0, 1, 2, 3, 4])
    [before] = several(["tables", "format=csv"], cwd=tmp_path)
    with_qualities(results, "combined", [0, 1, 3, 4])
    fewer, told = several(["tables", "format=csv"], ["tables"], cwd=tmp_path)
    with_qualities(results, "base", [0, 1, 3, 4])
    [same] = several(["tables", "format=csv"], cwd=tmp_path)

    def against_base(done):
        return pd.read_csv(io.StringIO(done.out)).set_index("variant")["vs_base_bd_rate"]["combined"]

    assert before.code == fewer.code == 0, fewer.err
    assert against_base(fewer) == against_base(same)
    assert "Only qualities 0, 1, 3, 4 count" in " ".join(told.out.split())


def test_too_few_common_qualities_are_told(tmp_path):
    results = tmp_path / "results"
    synthetic.fill_store(results, ("base", "combined"), images=6, qualities=[0, 1, 2, 3, 4])
    with_qualities(results, "combined", [0, 1, 2])
    [told] = several(["tables"], cwd=tmp_path)
    assert "different qualities" in " ".join(told.out.split())


def test_why_a_metric_was_not_measured_stands_below_the_table(tmp_path):
    small = "image too small: 9x9, needs 11x11 (SSIM's window)"
    absent = [
        {"image": f"kodim0{image}", "metric": metric, "quality": 0.0, "reason": small}
        for image in (1, 2)
        for metric in ("ms_ssim", "iw_ssim")
    ]
    others = [{"image": "kodim03", "metric": "psnr_u", "quality": 0.0, "reason": "gray"}]
    synthetic.fill_store(tmp_path / "results", ("base",), images=6, not_applicable=[*absent, *others])
    [told] = several(["tables", "format=markdown"], cwd=tmp_path)
    assert says(told.out, small, "MS-SSIM, IW-SSIM of kodim01", "1 more")
    assert "gray" not in told.out  # not one of the seven


def test_runs_on_other_pictures_of_the_same_name_are_left_out_and_told(study, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(study[0] / "results", results)
    [path] = results.glob("runs/combined/*/run.json")
    manifest = json.loads(path.read_text())
    other = {name: f"other {pixels}" for name, pixels in manifest["images"].items()}
    path.write_text(json.dumps({**manifest, "images": other, "images_key": "other", "end": "1"}))
    [done] = several(["tables", "format=markdown"], cwd=tmp_path)
    assert done.code == 0
    [note] = [line for line in done.out.splitlines() if "other pictures" in line]
    assert "combined" in note
    assert "photos" in note
    assert "| combined" not in done.out
