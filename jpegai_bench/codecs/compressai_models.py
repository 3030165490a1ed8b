"""CompressAI's models for images, in half the time of its own import.

The other half goes into PyTorch Geometric, for its point clouds, and into torchvision, for a list of
transforms; no model needs either. Where one of them is not loaded yet, CompressAI finds classes without
content in its place, which are gone afterwards: who wants its point clouds or that list in the same process
imports them before.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_UNUSED = ("torch_geometric", "torchvision")


class _Nothing:
    """What each name is in them: a class to inherit from, or a decorator with a name."""

    def __init__(self, *_: Any) -> None:
        pass

    def __call__(self, decorated: type) -> type:
        return decorated


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


class _EmptyPackages(MetaPathFinder, Loader):
    """Finds packages, and whatever is imported from them, before Python looks for files."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """The module's, if it is of these packages."""
        return ModuleSpec(name, self, is_package=True) if self.has(name) else None

    def has(self, module: str) -> bool:
        """Whether it is of these packages."""
        return module.partition(".")[0] in self.names

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """One without content."""
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


@contextmanager
def _without_the_unused() -> Iterator[None]:
    finder = _EmptyPackages([name for name in _UNUSED if name not in sys.modules])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in filter(finder.has, list(sys.modules)):
            del sys.modules[name]


with _without_the_unused():
    import compressai.models  # noqa: F401  (fills the registry)
    from compressai.ops import compute_padding as compute_padding
    from compressai.registry import MODELS as MODELS
