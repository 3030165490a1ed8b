"""The command line: a subcommand, then Hydra's own override grammar.

This file takes the subcommand off, lets Hydra compose the rest, and turns every error that a user can cause
into one line on stderr. It imports nothing heavy until a command needs it.
"""

import io
import os
import sys
import warnings
from importlib import import_module

from jpegai_bench.cli import arguments
from jpegai_bench.cli.help import help_of, overview
from jpegai_bench.commands import completion
from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.commands.command import Command
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.system import console
from jpegai_bench.system.signals import sigterm_interrupts
from jpegai_bench.version import __version__

_OF_PICTURES = ("run", "sweep", "anchor", "latency")
"""Commands that work on the pictures of `dataset=…`."""


def main(argv: list[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 1 something failed, 2 the command line is wrong."""
    words = list(sys.argv[1:] if argv is None else argv)
    _quiet_libraries()
    _open_streams()
    try:
        words, level = arguments.take_verbosity(words)
    except UsageError as error:
        sys.exit(_complain(str(error), error.status))
    with console.verbosity(level), sigterm_interrupts():
        sys.exit(_exit_status(words))


def _exit_status(words: list[str]) -> int:
    """Run a command line; whatever goes wrong is told, and made an exit status."""
    try:
        code = _run(words)
        sys.stdout.flush()
    except BenchError as error:
        code = _complain(str(error), error.status)
    except KeyboardInterrupt:
        resumes = words[:1] in (["run"], ["sweep"], ["train"], ["anchor"])
        remedy = "; finished work is kept, the same command goes on from there" if resumes else ""
        code = _complain(f"interrupted{remedy}")
    except BrokenPipeError:  # nobody reads stdout any more, as after `| head`: what was asked for is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        from jpegai_bench.config.hydra_errors import explain

        code = _complain(explain(error))
    return code


def _open_streams() -> None:
    """Where stdout or stderr is closed, what goes there is dropped, and nothing else is lost.

    The name of a file that is no UTF-8 goes to stdout byte by byte, as the shell gave it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the whole process
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="surrogateescape")


def _run(words: list[str]) -> int:
    """Print what is asked about the commands, or do one of them."""
    if "--version" in words:
        print(f"jpegai-bench {__version__}")
        return 0
    remaining = [word for word in words if word not in arguments.HELP]
    wants_help = remaining != words or remaining[:1] == ["help"]
    remaining = remaining[1:] if remaining[:1] == ["help"] else remaining
    if not remaining:
        print(overview())
        return 0
    name = remaining.pop(0)
    if name not in COMMANDS:
        raise UsageError(f"no command {name!r}{hint(name, COMMANDS)} {arguments.SEE_HELP}")
    command = COMMANDS[name]
    if wants_help:
        print(help_of(command))
        return 0
    if not command.composes:
        if remaining[:1] == ["answer"] and len(remaining) == 4:
            from jpegai_bench.cli.completion import answer

            return answer(*remaining[1:])
        return completion.command(*remaining)
    return _execute(command, *arguments.split(command, remaining))


def _execute(command: Command, positional: list[str], words: list[str]) -> int:
    """Do a command with the settings that its words give, once or for each job of a multirun."""
    from jpegai_bench.cli.word_steps import is_multirun, prepared
    from jpegai_bench.config.composition import composed

    words = prepared(command, words)
    console.detail(f"jpegai-bench {__version__}, {command.name}: {' '.join(words) or 'no overrides'}")
    if is_multirun(words):
        return _sweep(command, positional, words)

    def do(settings: Settings) -> int:
        return int(import_module(command.module).command(settings, *positional))

    return composed(words, do, command.settings) or 0


def _sweep(command: Command, positional: list[str], words: list[str]) -> int:
    from jpegai_bench.cli.word_steps import known_variants
    from jpegai_bench.sweep import sweep

    if command.name in _OF_PICTURES:
        sweep.require_pictures_and_device(words)
    words, unknown = known_variants(words)
    for message in unknown:
        console.report(message)
    trainer = COMMANDS["train"].module if command.module == COMMANDS["run"].module else ""
    code = sweep.carry_out(command.name, command.module, positional, words, len(unknown), trainer)
    return max([code, *(_complain(message, UsageError.status) for message in unknown)])  # the last word


def _quiet_libraries() -> None:
    """Keep deprecation notes between libraries from the user, here and in worker processes."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit._script")
    ignored = ("ignore::FutureWarning:torch.jit._script", "ignore:resource_tracker:UserWarning")
    os.environ.setdefault("PYTHONWARNINGS", ",".join(ignored))


def _complain(message: str, code: int = 1) -> int:
    console.complain(message)
    return code


if __name__ == "__main__":
    main()
