"""Recipes and operations of trainings: those of `conf/training/small.yaml`, but for what a test changes."""

from dataclasses import fields

from omegaconf import OmegaConf

from jpegai_bench.config.folders import CONF
from jpegai_bench.training.recipe import Operation, Recipe

SMALL = OmegaConf.to_container(OmegaConf.load(CONF / "training/small.yaml"))


def small_recipe(**changed) -> Recipe:
    return Recipe(**{item.name: SMALL[item.name] for item in fields(Recipe)} | changed)


def small_operation(**changed) -> Operation:
    small = {item.name: SMALL[item.name] for item in fields(Operation)}
    return Operation(**small | {"accelerator": "cpu", "data_workers": 0} | changed)
