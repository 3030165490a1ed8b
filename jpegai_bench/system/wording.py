"""How messages and tables put numbers into words."""

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Such as `1 image` or `24 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """Such as `a, b` or, where there are more than `most`, `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
