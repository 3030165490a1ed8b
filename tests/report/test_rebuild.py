import os
import shutil

from command import fails, manifests, modules_loaded, several, tree


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
    assert "no points of the base 'base'" in alone.out
    assert "complexity not counted" not in alone.out
    fails(empty, "nothing: holds no finished run; make one with")
    assert listed.out == "none in nothing\n"
    assert not (tmp_path / "nothing").exists()


def test_an_anchor_that_is_gone_is_told(study, tmp_path):
    shutil.copytree(study[0] / "results", tmp_path / "results")
    [key] = {manifest["anchor"] for manifest in manifests(tmp_path / "results").values()}
    shutil.rmtree(tmp_path / "results" / key)
    [done] = several(["tables"], cwd=tmp_path)
    fails(done, f"{key}: the anchor's points are gone")
