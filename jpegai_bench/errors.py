"""The project's one exception type: a message for the person at the keyboard."""


class BenchError(Exception):
    """Something is wrong with what the user gave or asked for.

    The message is one line: what is wrong, where, and what to do. It is caught once, in `cli.py`,
    which prints it to stderr and exits with 1.
    """


def one_of(key: str, value: str, options: tuple[str, ...]) -> None:
    """Refuse a setting that is none of its options.

    Raises:
        BenchError: which names the setting and the options.
    """
    if value not in options:
        raise BenchError(f"{key}={value}: choose one of {', '.join(options)}")
