"""Codecs of the `anchor` group: built from their nodes, chosen by name, refused in one line."""

import io

import pandas as pd
import pytest
from command import fails, photographs, several
from messages import says
from omegaconf import OmegaConf

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.config.folders import CONF
from jpegai_bench.errors import BenchError

VIDEO = "jpegai_bench.codecs.video.Video"
OWN = sorted((CONF / "anchor").glob("*.yaml"))


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_node_that_ships_is_a_codec_of_its_name(path):
    settings = {"arch": "mbt2018-mean", "checkpoint": "a.pth.tar", "device": "cpu"}
    config = OmegaConf.merge(settings, OmegaConf.load(path))
    node = OmegaConf.to_container(config, resolve=True)[path.stem]
    codec = codec_of(path.stem, node)
    assert codec.name == node.get("name", path.stem) or node["name"] is None
    assert codec.chroma in ("4:2:0", "4:4:4") or path.stem == "jpegai_vtm"
    assert len(codec.qualities) >= 1


def test_a_label_is_the_name_and_null_leaves_a_setting_to_the_codec():
    codec = codec_of("strong", {"_target_": VIDEO, "format": "vvc", "preset": "slow", "qualities": None})
    assert (codec.name, codec.preset, len(codec.qualities)) == ("strong", "slow", 8)


def test_a_text_that_yaml_reads_as_a_number_is_one():
    target = "jpegai_bench.codecs.reference.ReferenceSoftware"
    codec = codec_of("mine", {"_target_": target, "format": "vtm", "encoder": 5})
    with pytest.raises(BenchError, match="5"):
        codec.check()


def test_chroma_without_quotes_is_what_it_looks_like(tmp_path):
    """YAML 1.1 reads 4:4:4 as a number to the base of 60."""
    (tmp_path / "a.yaml").write_text("_target_: " + VIDEO + "\nformat: hevc\nchroma: 4:4:4\n")
    node = OmegaConf.to_container(OmegaConf.load(tmp_path / "a.yaml"))
    assert codec_of("a", node).chroma == "4:4:4"


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (None, "needs a `_target_`"),
        ({"format": "vvc"}, "needs a `_target_`"),
        ({"_target_": 5}, "needs a `_target_`"),
        ({"_target_": VIDEO, "format": "vvc", "preset": ["slow"]}, r"preset=\['slow'\]: give one text"),
        ({"_target_": "my_codec"}, "not an import path"),
        ({"_target_": "no_such_package.Codec"}, "cannot import no_such_package"),
        (
            {"_target_": VIDEO, "format": "vvc", "presett": "slow"},
            r"no setting 'presett' \(did you mean preset",
        ),
        ({"_target_": VIDEO}, "format"),
        ({"_target_": VIDEO, "format": "vcv"}, "choose one of vvc, hevc, av1"),
        ({"_target_": VIDEO, "format": "vvc", "chroma": "4:4:4"}, "choose one of 4:2:0"),
        ({"_target_": VIDEO, "format": "vvc", "qualities": "all"}, "give a list of numbers"),
        ({"_target_": VIDEO, "format": "vvc", "qualities": []}, "at least one"),
    ],
)
def test_a_wrong_node_is_refused_by_its_label(node, told):
    with pytest.raises(BenchError, match=told) as error:
        codec_of("mine", node)
    assert "mine" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_line_measures_what_it_is_told_or_refuses(tmp_path):
    photographs(tmp_path / "photos")
    (tmp_path / "own/anchor").mkdir(parents=True)
    (tmp_path / "own/anchor/jpeg.yaml").write_text("jpeg: {_target_: my_codec.Codec}\n")
    small = ("dataset=folder", "dataset.path=photos", "workers=1")
    chosen, each, absent, shadowed, every = several(
        ["anchor", "codec=jpeg", "qualities=[20,30]", *small, "format=csv"],
        ["anchor", "codec=[jpeg,webp]", "qualities=[20]", *small],
        ["anchor", "codec=[jpeg,nope]", *small],
        ["anchor", "--config-dir", "own", "codec=jpeg", *small],
        ["anchor", "codec=vtm", "anchor.vtm.chroma=4:4:4", "anchor.vtm.timeout=5", *small],
        cwd=tmp_path,
    )
    assert sorted(set(pd.read_csv(io.StringIO(chosen.out)).quality)) == [20, 30]
    fails(each, "qualities: ", "anchor.jpeg.qualities=[…]", code=2)
    fails(absent, "no anchor 'nope'", code=2)
    fails(shadowed, "own/anchor/jpeg.yaml", code=2)
    fails(every, "vtm: ", "EncoderApp")


def test_the_list_of_anchors_fits_100_columns_and_says_all_of_each(tmp_path):
    (tmp_path / "own/anchor").mkdir(parents=True)
    node = f"a_rather_long_name_of_mine: {{_target_: {VIDEO}, format: vvc, preset: slower}}"
    (tmp_path / "own/anchor/mine.yaml").write_text(node)
    alone, every = several(["list", "anchors", "--config-dir", "own"], ["list"], cwd=tmp_path)
    for listed in (alone, every):
        assert max(map(len, listed.out.splitlines())) <= 100
    told = {}
    for line in alone.out.splitlines():
        if not line.startswith(" "):
            label = line.split()[0]
        told[label] = " ".join([told.get(label, ""), *line.removeprefix(label).split()]).strip()
    assert told.keys() == {path.stem for path in OWN} | {"a_rather_long_name_of_mine"}
    assert "vvenc" in told["vvc"]
    assert says(told["vvc"], "qpa off", "kodak, sample")
    assert says(told["vtm"], "cannot be used", "EncoderAppStatic")
    assert told["vtm"].endswith("anchor.vtm.encoder=PATH points ready for: none")
    assert told["jpegai_vtm"].endswith("points ready for: jpegai-test")
    assert "vvenc" in told["a_rather_long_name_of_mine"]
