"""What an import path in a configuration names."""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system import console


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
        return getattr(_imported(module, where), name)
    except AttributeError:
        raise BenchError(f"{where}: {module} has no {name}") from None


def _imported(module: str, where: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or f"{module}.".startswith(f"{error.name}."):
            raise BenchError(
                f"{where}: cannot import {module} ({error}); run from the folder that holds it"
            ) from None
        raise BenchError(f"{where}: {module} imports {error.name}, which is not installed") from None
    except BenchError:
        raise
    except Exception as error:  # whatever a module of the user's does
        console.trace(error)
        raise BenchError(f"{where}: cannot import {module} ({type(error).__name__}: {error})") from None
