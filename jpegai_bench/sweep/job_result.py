"""What a command tells the sweep that it is a job of."""

from dataclasses import dataclass
from typing import Any, Literal

How = Literal["all", "shard", "gather"]
"""What a job does of its command's work: all, with a share of the images, or from what shares have left."""


@dataclass(frozen=True)
class Result:
    """What a job leaves to the end of its sweep."""

    value: Any = None
    """Plain data, for whoever puts the jobs' results together."""
    cached: bool = False
    """Whether all of it was there already."""
    failures: tuple[str, ...] = ()
    """One line for each part that failed while the rest went on."""
