"""Each command has a class of its own settings; all together they are the settings of conf/config.yaml."""

from dataclasses import fields

import pytest
from command import settings

from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.config.schema import DERIVED, Settings
from jpegai_bench.config.setting_names import of_all_commands

GROUPS = {"model", "dataset", "metrics", "training", "experiment", "variant", "anchor"}


def test_every_setting_has_its_default_in_the_yaml_and_a_command_that_takes_it():
    taken = {item.name for command in COMMANDS.values() for item in fields(command.settings)}
    assert set(of_all_commands()) == taken - set(DERIVED) - GROUPS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_gets_its_own_settings_alone(name):
    kind = COMMANDS[name].settings
    chosen = settings(kind=kind)
    assert type(chosen) is kind
    assert set(vars(chosen)) == {item.name for item in fields(kind)}


def test_a_setting_of_another_command_is_passed_over_and_an_unknown_one_is_not():
    assert not hasattr(settings("repeats=nonsense", kind=Settings), "repeats")
    with pytest.raises(Exception, match="nosuch"):
        settings("+nosuch=1", kind=Settings)
