"""An experiment as configuration: the paper's, and the errors one makes in it."""

import json

import pytest
from command import TINY, fails, settings, several
from messages import refused
from omegaconf import OmegaConf

from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.schema import ExperimentSettings
from jpegai_bench.config.variants import variant_names
from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS
from jpegai_bench.report.gather.published_figures import published_figures
from jpegai_bench.report.gather.replicates import recipe_digest
from jpegai_bench.report.gather.training_noise import read_spreads

PAPER = "experiment=vcip2023"


def test_the_studies_are_every_variant_base_first():
    paper, standard = (experiment_of(settings(f"experiment={name}")) for name in ("vcip2023", "jpegai2025"))
    assert set(paper.variants) | set(standard.variants) == set(variant_names())
    assert set(standard.variants) - set(paper.variants) == {"sop", "bop", "hop"}
    assert standard.variants[0] == standard.reference == "base"


def test_the_papers_studies_are_seven_variants_base_first():
    experiment = experiment_of(settings(PAPER))
    names = [study.name for study in experiment.studies]
    assert names == ["attention", "upsampling", "activation", "combination"]
    assert all(study.variants[0] == "base" for study in experiment.studies)
    assert len(experiment.variants) == 7
    assert experiment.variants[0] == experiment.reference == "base"
    assert experiment.anchors == ("vvc",)


def test_the_noise_that_the_experiment_states_is_the_papers():
    experiment = experiment_of(settings(PAPER))
    [figure] = [one for one in published_figures(experiment).figures if one.quantity == "training noise"]
    assert figure.value == experiment.training_noise


def test_the_measured_noise_that_ships_is_of_the_recipe_of_the_weights_that_ship():
    note = json.loads(weight_files.read(SHIPPED_WEIGHTS / "small/base.safetensors", "synthesis")[1]["note"])
    for spread in read_spreads(experiment_of(settings(PAPER)).measured_noise):
        assert (spread.steps, spread.recipe) == (note["recipe"]["steps"], recipe_digest(note["recipe"]))
        assert spread.seeds >= 3
        assert "seeds" in spread.how


def test_anchors_are_those_of_the_configuration():
    assert experiment_of(settings(PAPER, "anchor=[hevc,jpeg]")).anchors == ("hevc", "jpeg")


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_an_experiment_that_ships_is_named_as_its_file(path):
    assert OmegaConf.load(path).experiment.name == path.stem


def test_none_is_chosen_by_default():
    assert settings().experiment is None
    with pytest.raises(BenchError, match=r"no experiment is chosen.*vcip2023"):
        experiment_of(settings())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("experiment.studies.attention.variants=[attention_xs]",
         ("study attention: ", "'attention_xs'", "attention_ds?")),
        ("experiment.reference=bse", ("variant 'bse'", "base?")),
        ("experiment.studies.attention.variants=[]", ("studies.attention.variants is empty",)),
        ("~experiment.studies", ("experiment.studies: is missing",)),
        ("experiment.name=a/b", ("(it is 'a/b')",)),
        ("experiment.training_noise=-1", ("experiment.training_noise=-1",)),
        ("experiment.training_noise_source=''", ("who measured it",)),
        ("experiment.published=theirs.csv", ("published: theirs.csv",)),
        ("experiment.measured_noise=ours.csv", ("measured_noise: ours.csv",)),
        ("+experiment.anchor=vvc", ("no setting 'experiment.anchor'",)),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_experiment_is_one_line(override, said):
    with refused(*said):
        experiment_of(settings(PAPER, override))


def test_an_experiment_without_a_study_is_none():
    with pytest.raises(BenchError, match="experiment mine: needs a study"):
        ExperimentSettings("mine", {})


def test_a_command_that_would_ignore_an_experiment_says_so(tmp_path):
    [done] = several(["run", PAPER, *TINY], cwd=tmp_path)
    fails(done, "run takes no experiment", code=2)
