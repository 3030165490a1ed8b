"""Where the package's own configurations and the figures of published studies are."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def _shipped_folder(name: str) -> Path:
    """Inside the package, as an installation has it, or beside it, as a checkout and an editable one have."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


CONF = _shipped_folder("conf")
"""The package's own configurations."""
PUBLISHED = _shipped_folder("experiments")
"""Where the figures of published studies are that ship."""
