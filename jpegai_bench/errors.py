"""The project's one exception type: a message for the person at the keyboard, with the nearest right word."""

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """Something is wrong with what the user gave or asked for.

    The message is one line: what is wrong, where, and what to do. It is caught once, in `cli/main.py`,
    which prints it to stderr and exits with `status`.
    """

    status = 1


class UsageError(BenchError):
    """The command line, or a configuration that it names, is wrong whatever the files and the machine.

    A command, word, setting or choice that does not exist, is one too many or is missing; a value of the
    wrong kind or range.
    """

    status = 2


def one_of(key: str, value: str, options: tuple[str, ...]) -> None:
    """Refuse a setting that is none of its options.

    Raises:
        UsageError: which names the setting and the options.
    """
    if value not in options:
        raise UsageError(f"{key}={value}: choose one of {', '.join(options)}{hint(str(value), options)}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` may mean, whatever the case of its letters; None where none is near."""
    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, to stand behind the wrong word; empty where none is near."""
    meant = nearest(word, known)
    return f" (did you mean {meant}?)" if meant else ""
