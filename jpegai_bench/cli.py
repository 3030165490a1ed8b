"""The command line: a subcommand, then Hydra's own override grammar.

This file takes the subcommand and positional words off, lets Hydra compose the rest, and turns every error
that a user can cause into one line on stderr. It imports nothing heavy until a command needs it.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from jpegai_bench import __version__
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.usage import COMMANDS, Command, overview

if TYPE_CHECKING:
    from pathlib import Path

    from omegaconf import DictConfig

    from jpegai_bench.config import Settings


TRACEBACK = "JPEGAI_BENCH_TRACEBACK"
"""Set in the environment, it shows the traceback of an unforeseen error."""

NOT_IN_ALL = ("compressai", "hm", "jpegai_vtm", "vtm")
"""Nodes of the `anchor` group that `codec=all` leaves out: they need weights, programs, or are points."""

_TAKE_A_VALUE = {
    "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--cfg", "-c", "--package", "-p",
    "--experimental-rerun",
}  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Run a command line and exit: 0 done, 1 something failed, 2 the command line is wrong."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _quiet_libraries()
    _open_streams()
    resumes = arguments[:1] in (["run"], ["sweep"], ["train"], ["anchor"])
    try:
        code = _main(arguments)
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
    sys.exit(code)


def _open_streams() -> None:
    """Where stdout or stderr is closed, what goes there is dropped, and nothing else is lost."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  for the whole process


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if arguments[0] == "--version":
        print(f"jpegai-bench {__version__}")
        return 0
    name = arguments.pop(0)
    if name not in COMMANDS:
        return _usage(f"no command {name!r}{_nearest(name, list(COMMANDS))}")
    command = COMMANDS[name]
    if any(word in ("-h", "--help") for word in arguments):
        print(f"jpegai-bench {command.usage}\n\n{command.summary}\n\n{command.details}")
        return 0
    words, overrides = _split(arguments)
    if len(words) > len(command.words):
        extra = words[len(command.words)]
        return _usage(f"{name}: {extra!r} is too much; usage: jpegai-bench {command.usage}")
    if len(words) < len(command.words) and name != "list":
        return _usage(f"{name}: {command.words[len(words)]} is missing; usage: jpegai-bench {command.usage}")
    return _compose(command, words, overrides)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Positional words, and what is Hydra's: overrides first, since its parser takes them in one row only."""
    words, overrides, flags = [], [], []
    waiting = False
    for argument in arguments:
        if waiting or argument.startswith("-"):
            waiting = not waiting and argument in _TAKE_A_VALUE
            flags.append(argument)
        elif ("=" in argument and not os.path.exists(argument)) or argument[:1] in ("+", "~"):
            overrides.append(f"+{argument}" if argument.startswith("variant=") else argument)
        else:
            words.append(argument)
    return words, [*overrides, *flags]


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
        overrides = _codecs_as_anchors(overrides)
    if "anchors" in command.options:
        overrides = [_as_labels(word) for word in overrides]
    if unused := _unused(command, overrides):
        return _usage(f"{command.name} takes no {unused}; usage: jpegai-bench {command.usage}")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, to be said in one line
    sys.path.insert(0, os.getcwd())
    from jpegai_bench.config import validated

    _refuse_names_that_ship(overrides)
    if any(word in ("-m", "--multirun") for word in overrides):
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
    from jpegai_bench import sweep

    overrides, unknown = _known_variants(overrides)
    codes = [_complain(message, UsageError.status) for message in unknown]
    return max([*codes, sweep.carry_out(command.name, command.module, words, overrides, _hydra)])


def _of_experiment(overrides: list[str]) -> list[str]:
    """The variants of the experiment that is chosen, in order; none where none is.

    Raises:
        BenchError: there is no such experiment, or something of it is not there.
    """
    from jpegai_bench.config import experiment_of, validated

    chosen = [word for word in overrides if word.startswith("experiment=") and word != "experiment=null"]
    if not chosen:
        return []
    found: list[str] = []
    trouble: list[BenchError] = []

    def job(config: "DictConfig") -> None:
        try:
            found.extend(experiment_of(validated(config)).variants)
        except BenchError as error:
            trouble.append(error)

    folders = [word for folder in _folders(overrides) for word in ("--config-dir", str(folder))]
    _hydra(job, [*chosen, *folders])
    if trouble:
        raise trouble[0]
    return found


def _hydra(job: Callable[["DictConfig"], None], overrides: list[str]) -> None:
    """Let Hydra call `job` with the configuration that the overrides make, or with each of them.

    Raises:
        BenchError: what Hydra has to say, in one line.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from jpegai_bench.config import CONF

    saved, sys.argv = sys.argv, ["jpegai-bench", *overrides]
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except OSError as error:  # of a folder that Hydra makes for a sweep
        where = error.filename or "results"
        raise BenchError(
            f"{where}: cannot be written ({error.strerror or error}); choose another folder with results=PATH"
        ) from None
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise UsageError(_explain(error)) from None
    finally:
        sys.argv = saved


def _codecs_as_anchors(overrides: list[str]) -> list[str]:
    """`codec=NAME` chooses a node of the `anchor` group, `codec=all` each that needs no settings."""
    chosen = next((word.partition("=")[2] for word in overrides if word.startswith("codec=")), None)
    if chosen is None:
        return overrides
    if chosen == "all":
        names = [name for name in _choices("anchor", overrides) if name not in NOT_IN_ALL]
        return [f"anchor=[{','.join(names)}]", *overrides]
    return [f"anchor={chosen}", *(word for word in overrides if not word.startswith("codec="))]


def _as_labels(word: str) -> str:
    """Where nothing is measured, `anchor=` names what the store holds, whether it has a node or not."""
    key, _, value = word.partition("=")
    if key != "anchor":
        return word
    return f"anchors={value if value.startswith('[') else f'[{value}]'}"


def _unused(command: Command, overrides: list[str]) -> str:
    """A setting that other commands take and this one would ignore, where there is one."""
    special = {option for other in COMMANDS.values() for option in other.options} - set(command.options)
    keys = (word.lstrip("+~").partition("=")[0] for word in overrides if not word.startswith("-"))
    return next((key for key in keys if key in special), "")


def _known_variants(overrides: list[str]) -> tuple[list[str], list[str]]:
    """Take variants that do not exist out of a sweep over several, so that the others go on.

    Returns:
        The overrides without them, and a message for each; where none exists, Hydra is left to say so.
    """
    import re

    sweep = next((word for word in overrides if re.fullmatch(r"\+variant=[\w-]+(,[\w-]+)+", word)), None)
    if sweep is None:
        return overrides, []
    chosen = sweep.removeprefix("+variant=").split(",")
    known = _choices("variant", overrides)
    there = [name for name in chosen if name in known]
    if not there:
        return overrides, []
    kept = [f"+variant={','.join(there)}" if word is sweep else word for word in overrides]
    return kept, [_no_choice("variant", name, known) for name in chosen if name not in known]


def _refuse_names_that_ship(overrides: list[str]) -> None:
    """A file of the user's with the name of one that ships would be passed over without a word."""
    from jpegai_bench.config import CONF

    for folder in _folders(overrides):
        for path in sorted(folder.glob("*/*.yaml")):
            if (CONF / path.parent.name / path.name).exists():
                raise UsageError(
                    f"{path}: one of this name ships in {path.parent.name}/; give yours another name"
                )


def _choices(group: str, overrides: list[str]) -> list[str]:
    """The configurations of a group, here and where `--config-dir` says."""
    from jpegai_bench.config import CONF

    folders = [CONF, *_folders(overrides)]
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _folders(overrides: list[str]) -> list["Path"]:
    """What `--config-dir` names."""
    from pathlib import Path

    named = zip(overrides, [*overrides, ""][1:], strict=True)
    options = ((*word.partition("="), following) for word, following in named)
    return [
        Path(value or following)
        for option, _, value, following in options
        if option in ("--config-dir", "-cd")
    ]


def _unread() -> int:
    """Nobody reads stdout any more, as after `| head`: what was asked for is done all the same."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _do(command: Command, words: list[str], settings: "Settings") -> int:
    from importlib import import_module

    action: Callable[..., int] = import_module(f"jpegai_bench.commands.{command.module}").command
    return action(settings, *words)


def _explain(error: Exception) -> str:
    """Hydra's message in one line, with the nearest right word."""
    import re

    from jpegai_bench.config import CONF

    text = str(error)
    if found := re.search(r"hydra/launcher/([\w-]+)'", text):
        extra = "parallel" if "joblib" in found[1] else "slurm"
        return f"hydra/launcher={found[1]}: is not installed; pip install 'jpegai-bench[{extra}]'"
    if found := re.search(r"Could not find '([\w-]+)/([^']+)'", text):
        group, name = found.groups()
        known = re.findall(r"^\t([\w-]+)$", text, re.MULTILINE)
        known = known or sorted(path.stem for path in (CONF / group).glob("*.yaml"))
        return _no_choice(group, name, known)
    if found := re.search(r"Could not load '([\w-]+)/([^']+)'", text):
        group, name = found.groups()
        return _no_choice(group, name, sorted(path.stem for path in (CONF / group).glob("*.yaml")))
    for pattern in (
        r"Key '[\w-]+' is not in struct\s+full_key: ([\w.-]+)",
        r"Could not (?:override|append to config|find override) '([^']+)'",
    ):
        if found := re.search(pattern, text):
            return f"no setting {found[1]!r}{_right_key(found[1])}"
    if found := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return f"{found.group(1)}: for several values, one job each, add -m; for a list, write key=[a,b]"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cause = error.__cause__
    if cause is not None and str(cause).splitlines():
        lines.append(str(cause).splitlines()[0])
    return ": ".join(dict.fromkeys(lines[:2])) or type(error).__name__


def _no_choice(group: str, name: str, known: list[str]) -> str:
    told = f"no {group} {name!r}{_nearest(name, known)}; there are {', '.join(known)}"
    return f"{told}; a file is given with anchor_points=FILE" if group == "anchor" and "." in name else told


def explain(error: Exception) -> str:
    """One line for any error: our own say what to do, others are defects and say where to look."""
    if isinstance(error, BenchError):
        return str(error)
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    told = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, OSError):
        return f"{told}; {TRACEBACK}=1 shows where"
    return f"{told}; a defect of jpegai-bench or of a module of yours: {TRACEBACK}=1 shows where"


def _right_key(full: str) -> str:
    """A hint at the setting that a dotted key may mean."""
    import typing

    from jpegai_bench.config import Settings

    level: Any = Settings
    parts = full.split(".")
    for number, part in enumerate(parts):
        known = list(getattr(level, "__dataclass_fields__", ()))
        if part not in known:
            close = get_close_matches(part, known, n=1, cutoff=0.5)
            meant = ".".join([*parts[:number], *close, *parts[number + 1 :]])
            return f" (did you mean {meant}?)" if close else ""
        level = typing.get_type_hints(level).get(part)
    return ""


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def _quiet_libraries() -> None:
    """Keep deprecation notes between libraries from the user, here and in worker processes."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit._script")
    ignored = ("ignore::FutureWarning:torch.jit._script", "ignore:resource_tracker:UserWarning")
    os.environ.setdefault("PYTHONWARNINGS", ",".join(ignored))


def _complain(message: str, code: int = 1) -> int:
    print(f"jpegai-bench: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code


def _usage(message: str) -> int:
    return _complain(f"{message} (jpegai-bench --help lists the commands)", UsageError.status)


if __name__ == "__main__":
    main()
