"""The right word that a wrong one is nearest to."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` may mean, whatever the case of its letters; None where none is near."""
    by_lower = {one.lower(): one for one in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)`, to stand behind the wrong word; empty where none is near."""
    meant = nearest(word, known)
    return f" (did you mean {meant}?)" if meant else ""
