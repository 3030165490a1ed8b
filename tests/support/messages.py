"""What a message must hold, whatever its words: names of settings, values, paths, commands."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jpegai_bench.errors import BenchError


def says(text: str, *facts: str) -> bool:
    """Whether one line holds all of the facts."""
    return any(all(fact in line for fact in facts) for line in text.splitlines())


@contextmanager
def refused(*facts: str) -> Iterator[pytest.ExceptionInfo[BenchError]]:
    """The block raises a `BenchError` of one line that holds all of the facts."""
    with pytest.raises(BenchError) as caught:
        yield caught
    message = str(caught.value)
    assert "\n" not in message, message
    assert says(message, *facts), message
