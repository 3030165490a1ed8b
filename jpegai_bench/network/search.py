"""The step of a scale at which a file comes nearest to a wanted length."""

import math
from collections.abc import Callable
from itertools import count

CLOSE = 0.002
"""A length that differs by no more than this share is near enough to stop at."""


def nearest_step(length_of: Callable[[int], int], wanted: float, lowest: int, highest: int) -> int:
    """The step in [lowest, highest] whose length is nearest to `wanted`; an end where it is beyond it.

    Brackets the wanted length and interpolates the logarithm of lengths, which must rise with the steps but
    for tiny wiggles, until one is `CLOSE` or two steps next to each other are left. Asks for a length as
    often as it needs one: keep them where they are dear.
    """
    low, high = lowest, highest
    if length_of(low) >= wanted:
        return low
    if length_of(high) <= wanted:
        return high
    for turn in count():
        if high - low <= 1:
            break
        least, most = length_of(low), length_of(high)
        share = math.log(wanted / least) / math.log(most / least)
        if turn % 3 == 2:  # on a strongly bent curve one end would stay where it is
            share = 0.5
        step = min(max(low + round(share * (high - low)), low + 1), high - 1)
        length = length_of(step)
        if abs(length - wanted) <= CLOSE * wanted:
            return step
        if length < wanted:
            low = step
        else:
            high = step
    return min((low, high), key=lambda step: abs(length_of(step) - wanted))
