"""Everything that can be typed, frozen: what a user's scripts hold does not vanish unnoticed.

A list that is meant to change is written anew by `python tests/cli/test_commands_and_settings.py`.
"""

from pathlib import Path

from jpegai_bench.cli.arguments import FLAGS
from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.config.setting_names import choices, groups, settings

FROZEN = Path(__file__).with_name("commands_and_settings.txt")


def typed() -> str:
    """Commands with the settings that only some take, flags, groups with their choices, settings."""
    lines = [
        *(f"command {name}: {' '.join((*it.words, *sorted(it.options)))}" for name, it in COMMANDS.items()),
        *(f"flag {name}" for name in FLAGS),
        *(f"group {group}: {' '.join(choices(group))}" for group in groups()),
        *(f"setting {key}" for key in settings()),
    ]
    return "".join(f"{line.rstrip()}\n" for line in sorted(lines))


def test_what_can_be_typed_is_what_is_frozen():
    assert typed() == FROZEN.read_text()


if __name__ == "__main__":
    FROZEN.write_text(typed())
