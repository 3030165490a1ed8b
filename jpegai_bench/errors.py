"""The project's one exception type: a message for the person at the keyboard."""

from jpegai_bench.nearest import hint


class BenchError(Exception):
    """Something is wrong with what the user gave or asked for.

    The message is one line: what is wrong, where, and what to do. It is caught once, in `cli.py`,
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
