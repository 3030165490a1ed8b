"""The project's one exception type: a message for the person at the keyboard."""


class BenchError(Exception):
    """Something is wrong with what the user gave or asked for.

    The message is one line: what is wrong, where, and what to do. It is caught once, in `cli.py`,
    which prints it to stderr and exits with 1.
    """
