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
