"""Where the package's own configurations and the figures of published studies are."""

from pathlib import Path

CONF = Path(__file__).parent / "conf"
"""The package's own configurations."""
PUBLISHED = Path(__file__).parent / "experiments"
"""Where the figures of published studies are that ship."""
