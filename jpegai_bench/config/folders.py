"""Where the package's own configurations and the figures of published studies are."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def _that_ships(name: str) -> Path:
    """Inside the package, as an installation has it, or beside it, as a checkout and an editable one have."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


CONF = _that_ships("conf")
"""The package's own configurations."""
PUBLISHED = _that_ships("experiments")
"""Where the figures of published studies are that ship."""
