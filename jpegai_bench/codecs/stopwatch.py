"""Where the time of a call goes: seconds of its parts, by hooks on modules and around functions.

Nothing that is timed knows of it, and nothing is computed otherwise while it is.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def no_wait() -> None:
    """On a CPU what returns has been done."""


class Stopwatch:
    """Adds up the seconds of each part until they are taken.

    Of a part inside a part only the outer one is timed.
    """

    def __init__(self, wait: Callable[[], None] = no_wait) -> None:
        """`wait` returns when all that was asked for is done: a GPU is asked for work and does it later."""
        self._wait = wait
        self._seconds: dict[str, float] = {}
        self._depth = 0
        self._start = 0.0

    def take(self) -> dict[str, float]:
        """Seconds of each part since they were last taken, in the order in which the parts first ended."""
        taken, self._seconds, self._depth = self._seconds, {}, 0
        return taken

    @contextmanager
    def module(self, part: str, module: "nn.Module") -> Iterator[None]:
        """While the context lasts, what `module` is called for counts as `part`."""
        handles = [
            module.register_forward_pre_hook(lambda *_: self._begin(), prepend=True),
            module.register_forward_hook(lambda *_: self._end(part)),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def function(self, part: str, owner: Any, name: str) -> Iterator[None]:
        """While the context lasts, calls of `owner.name` count as `part`; `owner`: a module, an object."""
        was_own, function = name in vars(owner), getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._begin()
            try:
                return function(*args, **kwargs)
            finally:
                self._end(part)

        setattr(owner, name, timed)
        try:
            yield
        finally:
            if was_own:
                setattr(owner, name, function)
            else:
                delattr(owner, name)

    def _begin(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._wait()
            self._start = time.perf_counter()

    def _end(self, part: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._wait()
            seconds = time.perf_counter() - self._start
            self._seconds[part] = self._seconds.get(part, 0.0) + seconds
