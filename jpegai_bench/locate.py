"""What an import path in a configuration names."""

import importlib
from collections.abc import Callable
from typing import Any

from jpegai_bench.errors import BenchError, UsageError


def locate(target: Any, where: str) -> Callable[..., Any]:
    """The object at an import path such as `my_pkg.my_module.MyClass`.

    Args:
        target: the path, as the configuration has it.
        where: which setting that is; errors begin with it.

    Raises:
        BenchError: it is no import path, or there is nothing.
    """
    module, _, name = str(target).rpartition(".")
    if not module:
        raise UsageError(f"{where}: {target!r} is not an import path such as my_pkg.my_module.MyClass")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise BenchError(
            f"{where}: cannot import {module} ({error}); run from the folder that holds it"
        ) from None
    except AttributeError:
        raise BenchError(f"{where}: {module} has no {name}") from None
