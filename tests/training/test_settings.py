import copy
from dataclasses import fields

import pytest
from command import settings
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from messages import refused
from omegaconf import OmegaConf

from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.training import TrainingSettings
from jpegai_bench.config.validation import validated
from jpegai_bench.config.variants import complete
from jpegai_bench.training.recipe import Operation, Recipe


@pytest.fixture(scope="module")
def composed():
    """The configuration as it ships; composing it takes longer than the check of a setting."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return complete(compose("config"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train=decoder"], ("training.train=decoder", "all, synthesis")),
        (["precision=fp16"], ("training.precision=fp16", "auto, bf16, float32")),
        (["accelerator=tpu"], ("training.accelerator=tpu", "auto, cpu, gpu")),
        (["loggers=[csv,wandb]"], ("training.loggers=wandb", "csv, tensorboard, mlflow")),
        (["train=synthesis"], ("training.train=synthesis", "training.init_from=FOLDER")),
        (["crop=100"], ("training.crop=100", "a multiple of 64")),
        (["crop=0"], ("training.crop=0", "a multiple of 64")),
        (["crop=-64"], ("training.crop=-64", "a multiple of 64")),
        (["steps=0"], ("training.steps=0", "at least 1")),
        (["batch_size=0"], ("training.batch_size=0", "at least 1")),
        (["log_every=0"], ("training.log_every=0", "at least 1")),
        (["validate_every=0"], ("training.validate_every=0", "at least 1")),
        (["devices=0"], ("training.devices=0", "at least 1")),
        (["threads=0"], ("training.threads=0", "at least 1")),
        (["learning_rate=0"], ("training.learning_rate=0.0", "above 0, and finite")),
        (["learning_rate=nan"], ("training.learning_rate=nan", "above 0, and finite")),
        (["final_learning_rate=-1"], ("training.final_learning_rate=-1.0", "above 0, and finite")),
        (["beta_lowest=0"], ("training.beta_lowest=0.0", "above 0, and finite")),
        (["beta_highest=inf"], ("training.beta_highest=inf", "above 0, and finite")),
        (
            ["beta_lowest=0.2"],
            ("training.beta_lowest=0.2", "training.beta_highest, which is 0.18"),
        ),
        (["attention_rate=0"], ("training.attention_rate=0.0", "above 0")),
        (["attention_from_step=-1"], ("training.attention_from_step=-1", "at least 0")),
        (["steps=300", "attention_from_step=300"], ("training.attention_from_step=300", "below")),
        (
            ["ms_ssim_share=0.5", "ms_ssim_from_step=300", "steps=300"],
            ("training.ms_ssim_from_step=300", "below"),
        ),
        (
            ["final_learning_rate=1"],
            ("training.final_learning_rate=1", "training.learning_rate"),
        ),
        (["steps=99999999999999999999"], ("training.steps=99999999999999999999", "at most 2147483647")),
        (["data=[[photos]]"], ("training.data", "texts, as [A,B]")),
        (["data=null"], ("training.data", "have a value")),
        (["gradient_clip=0"], ("training.gradient_clip=0.0", "above 0, and finite")),
        (["max_minutes=0"], ("training.max_minutes=0.0", "above 0, and finite")),
        (["held_out=-1"], ("training.held_out=-1", "at least 0")),
        (["warmup_steps=-1"], ("training.warmup_steps=-1", "at least 0")),
        (["steps=199"], ("training.warmup_steps=200", "training.steps, which is 199")),
        (["ms_ssim_from_step=-1"], ("training.ms_ssim_from_step=-1", "at least 0")),
        (["data_workers=-1"], ("training.data_workers=-1", "at least 0")),
        (["cache_gb=-1"], ("training.cache_gb=-1.0", "at least 0")),
        (["checkpoint_seconds=nan"], ("training.checkpoint_seconds=nan", "at least 0")),
        (["ms_ssim_share=1.1"], ("training.ms_ssim_share=1.1", "from 0 to 1")),
        (["ema=-0.1"], ("training.ema=-0.1", "at least 0 and below 1")),
        (["ema=1"], ("training.ema=1.0", "at least 0 and below 1")),
        (["seed=-1"], ("training.seed=-1", "from 0 to 4294967295")),
        (["seed=4294967296"], ("training.seed=4294967296", "from 0 to 4294967295")),
        (["reduction=[0.5]"], ("training.reduction", "above 0 and at most 1")),
        (["reduction=[0,0.5]"], ("training.reduction", "above 0 and at most 1")),
        (["reduction=[0.7,0.5]"], ("training.reduction", "above 0 and at most 1")),
        (["reduction=[0.7,1.5]"], ("training.reduction", "above 0 and at most 1")),
        (["batch_size=3", "devices=2"], ("training.batch_size=3", "a multiple of training.devices")),
        (["steps=many"], ("training.steps", "Value 'many'")),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(words, said, composed):
    config = copy.deepcopy(composed)
    for typed in OverridesParser.create().parse_overrides(words):
        OmegaConf.update(config.training, typed.key_or_group, typed.value())
    with refused(*said):
        validated(config, RunSettings)


def test_a_warm_up_may_take_the_whole_training():
    assert settings("training.steps=200").training.warmup_steps == 200


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_range_of_seeds_can_be_trained_with(seed, photographs, tmp_path):
    from dataclasses import replace

    from trainings import RECIPE, train

    assert settings(f"training.seed={seed}").training.seed == seed
    _, trace, _ = train(photographs, tmp_path, replace(RECIPE, steps=1, seed=seed))
    assert len(trace) == 1


def test_recipe_and_operation_are_configured_whole_and_nothing_else_is():
    configured = {item.name for item in fields(TrainingSettings)}
    parts = {item.name for part in (Recipe, Operation) for item in fields(part)}
    start = {"data", "validation", "held_out", "init_from", "init_variant", "folder", "threads"}
    assert configured == parts | start
    assert not parts & start
