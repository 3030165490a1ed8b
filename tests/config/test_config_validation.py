"""Names that become files and tell results apart are checked before anything begins, whatever they name."""

import pytest
from command import bench, fails

GLOBAL = "# @package _global_\n"
JPEG = "{_target_: jpegai_bench.codecs.pillow.Pillow, format: jpeg, qualities: [10]"


@pytest.fixture
def conf(tmp_path):
    for file, text in {
        "variant/mine": "name: base\nactivation: {_target_: torch.nn.Identity}",
        "variant/heir": "defaults: [combined]\nactivation: {_target_: torch.nn.Identity}",
        "variant/fine": "name: fine",
        "variant/encoder": "name: shared",
        "variant/parts": "name: a/b",
        "variant/truth": "name: on",
        "model/mine": "defaults: [small]\nluma: 32",
        "model/parts": "defaults: [small]\nname: a/b",
        "experiment/mine": f"{GLOBAL}experiment: {{name: vcip2023, studies: {{one: {{variants: [base]}}}}}}",
        "experiment/parts": f"{GLOBAL}experiment: {{name: own, studies: {{a/b: {{variants: [base]}}}}}}",
        "anchor/other": f"vvc: {JPEG}}}",
        "anchor/called": f"called: {JPEG}, name: vvc}}",
        "anchor/parts": f"parts: {JPEG}, name: a/b}}",
        "anchor/label": f"a/b: {JPEG}}}",
        "anchor/above": f"above: {JPEG}, name: ..}}",
        "anchor/again": f"again: {JPEG}, name: jpeg}}",
    }.items():
        path = tmp_path / f"conf/{file}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("+variant=mine", ("variant base", "ships")),
        ("+variant=heir", ("variant combined", "ships")),
        ("+variant=encoder", ("variant shared", "shared.safetensors")),
        ("+variant=parts", ("variant", "'a/b'")),
        ("+variant=truth", ("variant", "True")),
        ("model=mine", ("model small", "ships")),
        ("model=parts", ("model", "'a/b'")),
        ("experiment=mine", ("experiment vcip2023", "ships")),
        ("experiment=parts", ("experiment.studies", "'a/b'")),
    ],
)
def test_a_name_that_is_none_or_another_ones_is_refused(conf, word, said):
    command = "tables" if word.startswith("experiment") else "complexity"
    fails(bench(command, word, "--config-dir", "conf", cwd=conf), *said, code=2)


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("other", ("anchor vvc", "ships")),
        ("called", ("anchor vvc", "ships")),
        ("parts", ("anchor parts", "'a/b'")),
        ("label", ("anchor a/b", "'a/b'")),
        ("above", ("anchor above", "'..'")),
    ],
)
def test_a_codec_of_such_a_name_is_refused_before_it_is_measured(conf, codec, said):
    fails(bench("anchor", f"codec={codec}", "--config-dir", "conf", cwd=conf), *said, code=2)
    assert not (conf / "results").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("complexity", ("+variant=fine",)),
        ("complexity", ("+variant=base", "variant.name=own")),
        ("anchor", ("codec=again", "--cfg=job")),
        ("anchor", ("codec=[jpeg,vvc]", "anchor.vvc.preset=slow", "--cfg=job")),
    ],
)
def test_other_names_pass(conf, command, words):
    done = bench(command, *words, "--config-dir", "conf", cwd=conf)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dataset.path=photos", ("dataset.path=photos", "dataset=folder")),
        ("results=", ("results=",)),
        ("weights=", ("weights=",)),
        ("training.data=['']", ("training.data=",)),
    ],
)
def test_a_path_that_nothing_takes_or_that_is_empty_is_refused(tmp_path, word, said):
    fails(bench("run", word, cwd=tmp_path), *said, code=2)
    fails(bench("latency", word, cwd=tmp_path), *said, code=2)
    assert not list(tmp_path.iterdir())
