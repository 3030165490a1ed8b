"""The command line: a subcommand, then Hydra's own override grammar.

This file takes the subcommand off, lets Hydra compose the rest, and turns every error that a user can cause
into one line on stderr. It imports nothing heavy until a command needs it.
"""

import os
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from jpegai_bench.cli import arguments
from jpegai_bench.cli.help import help_of, overview
from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.commands.command import Command
from jpegai_bench.config.overrides import folders_of
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.system import console
from jpegai_bench.version import __version__

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from jpegai_bench.config.schema import Settings

Answer = TypeVar("Answer")

_OF_PICTURES = ("run", "anchor", "latency")
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
    with console.verbosity(level):
        sys.exit(_told(words))


def _told(words: list[str]) -> int:
    """Run a command line; whatever goes wrong is told, and made an exit status."""
    resumes = words[:1] in (["run"], ["sweep"], ["train"], ["anchor"])
    try:
        code = _main(words)
        sys.stdout.flush()
    except BenchError as error:
        code = _complain(str(error), error.status)
    except KeyboardInterrupt:
        kept = "; finished work is kept, the same command goes on from there" if resumes else ""
        code = _complain(f"interrupted{kept}")
    except BrokenPipeError:
        code = _unread()
    except Exception as error:
        code = _complain(explain(error))
    return code


def _open_streams() -> None:
    """Where stdout or stderr is closed, what goes there is dropped, and nothing else is lost."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the whole process


def _main(words: list[str]) -> int:
    if "--version" in words:
        print(f"jpegai-bench {__version__}")
        return 0
    named = [word for word in words if word not in arguments.HELP]
    wants_help = named != words or named[:1] == ["help"]
    named = named[1:] if named[:1] == ["help"] else named
    if not named:
        print(overview())
        return 0
    name = named.pop(0)
    if name not in COMMANDS:
        return _usage(f"no command {name!r}{hint(name, COMMANDS)}")
    command = COMMANDS[name]
    if wants_help:
        print(help_of(command))
        return 0
    if not command.composes:
        from jpegai_bench.cli.shell_scripts import command as print_completion

        return print_completion(*named)
    given = arguments.split(named)
    positional, most = given.positional, len(command.words)
    if len(positional) > most and not command.repeats:
        return _usage(f"{name}: {positional[most]!r} is too much; usage: jpegai-bench {command.usage}")
    if len(positional) < most - command.optional:
        return _usage(
            f"{name}: {command.words[len(positional)]} is missing; usage: jpegai-bench {command.usage}"
        )
    return _compose(command, positional, given.overrides)


def _compose(command: Command, words: list[str], overrides: list[str]) -> int:
    """Let Hydra compose the configuration, once or for each job of a multirun, and do the command with it."""
    if command.variant and not any(word.startswith("+variant=") for word in overrides):
        named = "experiment" in command.options and _of_experiment(overrides)
        overrides.insert(0, f"+variant={','.join(named) if named else command.variant}")
    if command.variant is None and any(word.startswith("+variant") for word in overrides):
        return _usage(f"{command.name} takes no variant; usage: jpegai-bench {command.usage}")
    if command.name == "sweep" and not any(word in ("-m", "--multirun") for word in overrides):
        overrides.append("-m")
    if "codec" in command.options:
        overrides = arguments.codecs_as_anchors(overrides)
    if "anchors" in command.options:
        overrides = [arguments.as_labels(word) for word in overrides]
    if unused := arguments.unused(command, overrides):
        return _usage(f"{command.name} takes no {unused}; usage: jpegai-bench {command.usage}")
    sys.path.insert(0, os.getcwd())
    from jpegai_bench.config.validation import validated

    arguments.refuse_names_that_ship(overrides)
    console.detail(f"jpegai-bench {__version__}, {command.name}: {' '.join(overrides) or 'no overrides'}")
    several = any(word in ("-m", "--multirun") for word in overrides)
    if several and not arguments.shows_only(overrides):
        return _sweep(command, words, overrides)
    codes: list[int] = []

    def job(config: "DictConfig") -> None:
        try:
            codes.append(_do(command, words, validated(config)))
        except BrokenPipeError:
            codes.append(_unread())
        except Exception as error:  # caught here, for Hydra would print words of its own first
            codes.append(_complain(explain(error), getattr(error, "status", 1)))

    _hydra(job, overrides)
    return max(codes, default=0)


def _sweep(command: Command, words: list[str], overrides: list[str]) -> int:
    from jpegai_bench.sweep import sweep

    if command.module in _OF_PICTURES:
        _require_pictures(overrides)
    overrides, unknown = arguments.known_variants(overrides)
    for message in unknown:
        console.report(message)
    code = sweep.carry_out(command.name, command.module, words, overrides, _hydra, len(unknown))
    return max([code, *(_complain(message, UsageError.status) for message in unknown)])  # the last word


def _of_experiment(overrides: list[str]) -> list[str]:
    """The variants of the experiment that is chosen, in order; none where none is.

    Raises:
        BenchError: there is no such experiment, or something of it is not there.
    """
    from jpegai_bench.config.experiment import experiment_of

    chosen = [word for word in overrides if word.startswith("experiment=") and word != "experiment=null"]
    return list(_asked(chosen, overrides, experiment_of).variants) if chosen else []


def _require_pictures(overrides: list[str]) -> None:
    """Look for the pictures that all jobs of a sweep have in common: one word for all, before any begins.

    Raises:
        BenchError: they are not there.
    """
    from jpegai_bench.images.datasets import load

    chosen = arguments.common(overrides, "dataset")
    if chosen is None or "hydra/launcher=slurm" in overrides:  # whose disks may be others
        return
    _asked(chosen, overrides, lambda settings: load(settings.dataset.name, settings.dataset.path))


def _asked(chosen: list[str], overrides: list[str], ask: Callable[["Settings"], Answer]) -> Answer:
    """What `ask` makes of the settings that some of the overrides give by themselves.

    Raises:
        BenchError: its own, or they give none.
    """
    from jpegai_bench.config.validation import validated

    found: list[Answer] = []
    trouble: list[BenchError] = []

    def job(config: "DictConfig") -> None:
        try:
            found.append(ask(validated(config)))
        except BenchError as error:
            trouble.append(error)

    folders = [word for folder in folders_of(overrides) for word in ("--config-dir", str(folder))]
    _hydra(job, [*chosen, *folders])
    if trouble:
        raise trouble[0]
    return found[0]


def _hydra(job: Callable[["DictConfig"], None], overrides: list[str]) -> None:
    """Let Hydra call `job` with the configuration that the overrides make, or with each of them.

    Raises:
        BenchError: what Hydra has to say, in one line.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from jpegai_bench.config import hydra_errors
    from jpegai_bench.config.folders import CONF

    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, to be said in one line
    saved = sys.argv
    try:
        if arguments.shows_only(overrides):
            overrides = arguments.first_job(overrides)
        sys.argv = ["jpegai-bench", *overrides]
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        folders = folders_of(overrides)
        raise UsageError(hydra_errors.of_hydra(error, overrides, folders)) from None
    except OSError as error:  # of a folder that Hydra makes for a sweep
        where = error.filename or "results"
        raise BenchError(
            f"{where}: cannot be written ({error.strerror or error}); choose another folder with results=PATH"
        ) from None
    finally:
        sys.argv = saved


def _unread() -> int:
    """Nobody reads stdout any more, as after `| head`: what was asked for is done all the same."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _do(command: Command, words: list[str], settings: "Settings") -> int:
    from importlib import import_module

    action: Callable[..., int] = import_module(f"jpegai_bench.commands.{command.module}").command
    return action(settings, *words)


def explain(error: Exception) -> str:
    """One line for any error."""
    from jpegai_bench.config import hydra_errors

    return hydra_errors.explain(error)


def _quiet_libraries() -> None:
    """Keep deprecation notes between libraries from the user, here and in worker processes."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit._script")
    ignored = ("ignore::FutureWarning:torch.jit._script", "ignore:resource_tracker:UserWarning")
    os.environ.setdefault("PYTHONWARNINGS", ",".join(ignored))


def _complain(message: str, code: int = 1) -> int:
    console.complain(message)
    return code


def _usage(message: str) -> int:
    return _complain(f"{message} (jpegai-bench --help lists the commands)", UsageError.status)


if __name__ == "__main__":
    main()
