"""The subcommands by name, from what each file beside this one says of its own."""

from importlib import import_module
from itertools import chain

from jpegai_bench.commands.command import Command

GROUPS = {
    "Measure": ("run", "sweep", "anchor", "metrics", "latency", "complexity"),
    "Compare": ("compare", "bdrate", "tables"),
    "Train": ("train",),
    "Look": ("plots", "report", "list", "doctor"),
    "Files": ("encode", "decode", "data", "export", "runs", "completion"),
}
"""The commands by what a reader is about to do."""

COMMANDS: dict[str, Command] = {
    name: import_module(f"jpegai_bench.commands.{name}").USAGE for name in chain(*GROUPS.values())
}


def options_of_others(command: Command) -> set[str]:
    """Settings that other commands take, and this one does not."""
    return {option for other in COMMANDS.values() for option in other.options} - set(command.options)
