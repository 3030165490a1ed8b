"""Lightning Fabric without torchmetrics, of which it asks the version alone and which takes 2 s to load."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _as_if_not_installed(package: str) -> Iterator[None]:
    """While it lasts an import of `package` fails, unless it is loaded already."""
    is_loaded = package in sys.modules
    if not is_loaded:
        sys.modules[package] = None  # type: ignore[assignment]  # the import system's word for it
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[package]


with _as_if_not_installed("torchmetrics"):
    from lightning_fabric import Fabric
    from lightning_fabric.loggers import TensorBoardLogger
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

__all__ = ["DDPStrategy", "Fabric", "LightningEnvironment", "TensorBoardLogger"]
