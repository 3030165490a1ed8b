"""What an import path in a configuration names."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system import console


def search_current_folder_last(*nodes: Any) -> None:
    """Let the current folder be searched, after all others, for what is named and is nowhere else.

    Args:
        nodes: import paths, and nodes of a configuration with the `_target_` of each at any depth.
    """
    current, tops = os.getcwd(), {target.partition(".")[0] for node in nodes for target in _targets(node)}
    if current not in sys.path and any(
        top and top not in sys.modules and find_spec(top) is None for top in tops
    ):
        sys.path.append(current)


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "_target_" or not isinstance(value, str):
            yield from _targets(value)


def locate(target: Any, where: str) -> Callable[..., Any]:
    """The object at an import path such as `my_pkg.my_module.MyClass`.

    Args:
        target: the path, as the configuration has it.
        where: which setting that is; errors begin with it.

    Raises:
        BenchError: it is no import path, or there is nothing.
    """
    search_current_folder_last(target)
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
    except (Exception, SystemExit) as error:  # whatever a module of the user's does
        console.trace(error)
        raise BenchError(f"{where}: cannot import {module} ({type(error).__name__}: {error})") from None
