"""From the words that a user types to those that Hydra reads: pure steps, one after the other."""

import re
from collections.abc import Callable, Sequence

from jpegai_bench.cli.arguments import misused
from jpegai_bench.commands.catalogue import options_of_others
from jpegai_bench.commands.command import Command
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.hydra_errors import in_one_line, no_choice
from jpegai_bench.config.overrides import folder_words, folders_of, key_of, parted, quoted
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.setting_names import choices, unreadable
from jpegai_bench.errors import UsageError

Step = Callable[[Command, list[str]], list[str]]

NOT_IN_ALL = ("compressai", "hm", "jpegai_vtm", "vtm")
"""Nodes of the `anchor` group that `codec=all` leaves out: they need weights, programs, or are points."""

_MULTIRUN = ("-m", "--multirun")
_SEVERAL_VARIANTS = r"\+variant=(glob\(\*\)|[\w-]+(,[\w-]+)+)"


def prepared(command: Command, words: list[str]) -> list[str]:
    """The words as Hydra reads them: overrides, then flags.

    Raises:
        BenchError: one of them is not for this command, cannot be read, or names what is not there.
    """
    with in_one_line(words):
        for step in STEPS:
            words = step(command, words)
    return words


def quote_for_hydra(command: Command, words: list[str]) -> list[str]:
    """Letters beyond ASCII and signs that Hydra reads in quotes alone are put into them."""
    overrides, flags = parted(words)
    return [*map(quoted, overrides), *flags]


def refuse_unreadable(command: Command, words: list[str]) -> list[str]:
    """A chosen file of the user's that is no YAML of settings; of several variants the others go on."""
    folders = folders_of(words)
    for word in words if folders else ():
        if match := re.fullmatch(r"\+?([\w/]+)=(?:([\w-]+)|\[([\w,-]+)\])", word):
            wrong = unreadable(match[1], folders)
            for name in (match[2] or match[3]).split(","):
                if name in wrong:
                    raise UsageError(wrong[name])
    return words


def no_experiment(command: Command, words: list[str]) -> list[str]:
    """`experiment=null` chooses none, as the default does; of Hydra's groups none takes it."""
    return [word for word in words if word != "experiment=null"]


def choose_variants(command: Command, words: list[str]) -> list[str]:
    """Where none is named, the variants of the chosen experiment, or those that the command means."""
    if not command.variant or any(word.startswith("+variant=") for word in words):
        return words
    return [f"+variant={_of_experiment(command, words) or command.variant}", *words]


def _of_experiment(command: Command, words: list[str]) -> str:
    chosen = [word for word in words if word.startswith("experiment=")]
    if not chosen or not command.experiment:
        return ""
    from jpegai_bench.config.composition import composed
    from jpegai_bench.config.experiment import experiment_of

    experiment = composed([*chosen, *folder_words(words)], experiment_of, Settings)
    return ",".join(experiment.variants) if experiment else ""


def refuse_variants(command: Command, words: list[str]) -> list[str]:
    """A variant is no word of a command that takes none; a list of them is no variant."""
    if command.variant is None and any(word.startswith("+variant") for word in words):
        raise misused(command, f"{command.name} takes no variant")
    for word in words:
        if match := re.fullmatch(r"\+?variant=\[(.*,.*)\]", word):
            raise UsageError(
                f"{word}: for several variants, one job each, add -m and write +variant={match[1]}"
            )
    return words


def several_jobs(command: Command, words: list[str]) -> list[str]:
    """`sweep` means `-m`."""
    return [*words, "-m"] if command.name == "sweep" and not is_multirun(words) else words


def codecs_as_anchors(command: Command, words: list[str]) -> list[str]:
    """`codec=NAME` chooses a node of the `anchor` group, `codec=all` each that needs no settings."""
    chosen = next((word.partition("=")[2] for word in words if word.startswith("codec=")), None)
    if chosen is None or "codec" not in command.options:
        return words
    if chosen == "all":
        names = [name for name in choices("anchor", folders_of(words)) if name not in NOT_IN_ALL]
        return [f"anchor=[{','.join(names)}]", *words]
    return [f"anchor={chosen}", *(word for word in words if not word.startswith("codec="))]


def anchors_as_labels(command: Command, words: list[str]) -> list[str]:
    """Where nothing is measured, `anchor=` names what the store holds, whether it has a node or not."""
    if "anchors" not in command.options:
        return words
    return [re.sub(r"^anchor=(?:\[(.*)\]|(.*))$", r"anchors=[\1\2]", word) for word in words]


def refuse_unused(command: Command, words: list[str]) -> list[str]:
    """A setting that other commands take, and this one would ignore, is refused."""
    foreign = options_of_others(command)
    for key in map(key_of, parted(words)[0]):
        if (first := key.partition(".")[0]) in foreign:
            raise misused(command, f"{command.name} takes no {first}")
    return words


def refuse_names_that_ship(command: Command, words: list[str]) -> list[str]:
    """A file of the user's with the name of one that ships would be passed over without a word."""
    for folder in folders_of(words):
        for path in sorted(folder.glob("*/*.yaml")):
            if (CONF / path.parent.name / path.name).exists():
                raise UsageError(
                    f"{path}: one of this name ships in {path.parent.name}/; give yours another name"
                )
    return words


def show_one_job(command: Command, words: list[str]) -> list[str]:
    """`--cfg` and `--info` show the first of several jobs.

    Raises:
        HydraException: an override cannot be read.
    """
    if not any(word in ("--cfg", "-c", "--info", "-i") for word in words):
        return words
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Glob

    overrides, flags = parted(words)
    chosen = []
    for override in OverridesParser.create().parse_overrides(overrides):
        value: str | None = None
        if override.is_sweep_override():
            if isinstance(sweep := override.value(), Glob):
                value = next(iter(sweep.filter(choices(override.key_or_group, folders_of(words)))), "")
            else:
                value = next(override.sweep_string_iterator())
        line = str(override.input_line)
        sign = line[: len(line) - len(line.lstrip("+~"))]
        chosen.append(line if value is None else f"{sign}{override.key_or_group}={value}")
    return [*chosen, *(word for word in flags if word not in _MULTIRUN)]


STEPS: tuple[Step, ...] = (
    quote_for_hydra,
    refuse_unreadable,
    no_experiment,
    choose_variants,
    refuse_variants,
    several_jobs,
    codecs_as_anchors,
    anchors_as_labels,
    refuse_unused,
    refuse_names_that_ship,
    show_one_job,
)


def is_multirun(words: Sequence[str]) -> bool:
    """Whether the words make several jobs."""
    return any(word in _MULTIRUN for word in words)


def known_variants(words: list[str]) -> tuple[list[str], list[str]]:
    """Take variants that do not exist or cannot be read out of a sweep over several: the others go on.

    Returns:
        The words without them, and a message for each.

    Raises:
        UsageError: none is left.
    """
    sweep = next((word for word in words if re.fullmatch(_SEVERAL_VARIANTS, word)), None)
    if sweep is None:
        return words, []
    folders = folders_of(words)
    known, wrong = choices("variant", folders), unreadable("variant", folders)
    chosen = known if sweep.endswith("=glob(*)") else sweep.removeprefix("+variant=").split(",")
    wrong |= {name: no_choice("variant", name, known) for name in chosen if name not in known}
    usable = [name for name in chosen if name not in wrong]
    messages = [wrong[name] for name in chosen if name in wrong]
    if not usable:
        raise UsageError(messages[0])
    return [f"+variant={','.join(usable)}" if word is sweep else word for word in words], messages
