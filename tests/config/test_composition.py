from unittest.mock import patch

import compositions as quick
import pytest
from command import bench

from jpegai_bench.config.composition import WholeVariants


@pytest.fixture
def compositions(monkeypatch):
    """How often Hydra has composed."""
    count, compose = [], WholeVariants.load_configuration

    def counted(loader, *words, **how):
        count.append(words)
        return compose(loader, *words, **how)

    monkeypatch.setattr(WholeVariants, "load_configuration", counted)
    return count


def test_a_command_composes_once(tmp_path, compositions):
    assert bench("list", "variants", cwd=tmp_path).code == 0
    assert len(compositions) == 1


def test_a_configuration_of_ones_own_may_ask_for_several_jobs(tmp_path, compositions):
    (tmp_path / "conf/dataset").mkdir(parents=True)
    text = "# @package _global_\nhydra: {mode: MULTIRUN}\ndataset: {name: folder, path: gone}\n"
    (tmp_path / "conf/dataset/mine.yaml").write_text(text)
    words = ("+variant=base,combined", "dataset=mine", "--config-dir", "conf")
    done = bench("run", *words, cwd=tmp_path)
    assert "gone: no such folder" in done.err, done
    assert len(compositions) > 1


def test_what_tests_compose_quickly_is_what_hydra_composes(tmp_path):
    """The second time too, and what has changed in a file meanwhile."""
    (tmp_path / "conf/model").mkdir(parents=True)
    preset = tmp_path / "conf/model/mine.yaml"
    words = ("+variant=combined", "model=mine", "qualities=[0,1.5]", "--config-dir", "conf")
    lines = (
        ("run", *words, "--cfg", "all"),
        ("run", "dataset=kodack"),
        ("anchor", "codec=[vvc,jpeg]", "~anchor.hevc", "anchor.vvc.qualities=[30]", "--cfg", "job"),
    )
    for rank in (8, 16):
        preset.write_text(f"defaults: [small, _self_]\nrestormer_heads: {rank}\n")
        with patch.object(quick, "_kept", lambda make, *given, by: make(*given)):
            slowly = [bench(*line, cwd=tmp_path) for line in lines]
        assert f"heads: {rank}" in slowly[0].out
        for _ in range(2):
            assert [bench(*line, cwd=tmp_path) for line in lines] == slowly
