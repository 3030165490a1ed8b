"""How messages and tables put numbers into words."""


def count(number: int, noun: str) -> str:
    """Such as `1 image` or `24 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
