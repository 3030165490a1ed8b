"""What `--help` prints: the overview of all commands, and the page of each, from what each says of itself."""

from jpegai_bench.commands.catalogue import COMMANDS, GROUPS
from jpegai_bench.commands.command import Command


def overview() -> str:
    """What `jpegai-bench --help` prints."""
    width = max(map(len, COMMANDS))
    lines = []
    for title, names in GROUPS.items():
        lines += [f"{title}:", *(f"  {name:<{width}}  {COMMANDS[name].summary}" for name in names), ""]
    return "\n".join(
        [
            "jpegai-bench: the lab bench for learned image codecs",
            "",
            "usage: jpegai-bench COMMAND [words] [overrides]",
            "",
            *lines,
            "Settings are Hydra overrides: dataset=kodak model=paper results=PATH; -m for several at once,",
            "--cfg job to see them all, --config-dir DIR for configurations of your own.",
            "Results go to ./results; figures to stdout, progress to stderr: -q shows only errors, -v tells",
            "more. The exit status is 0 when all is done, 1 when something failed, 2 when the command",
            "line is wrong by itself. jpegai-bench COMMAND --help shows examples.",
        ]
    )


def help_of(command: Command) -> str:
    """What `jpegai-bench COMMAND --help` prints."""
    common = "Every setting: --cfg job. Less and more on stderr: -q, -v." if command.composes else ""
    parts = (
        f"jpegai-bench {command.usage}",
        command.summary,
        command.details,
        f"Results: {command.results}",
        common,
    )
    return "\n\n".join(part for part in parts if part)
