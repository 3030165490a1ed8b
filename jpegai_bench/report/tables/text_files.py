"""Tables as text files: figures without the noise of binary arithmetic, NA as `NA`."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from jpegai_bench.system.files import make_folder, write_bytes

DIGITS = 12
"""Significant digits: sums in binary are off in the fifteenth or so, no figure here is known to the tenth."""


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every number at `DIGITS`: 55.692, where arithmetic leaves 55.69200000000001."""
    return frame.map(lambda value: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value)


def to_csv(frame: pd.DataFrame) -> str:
    """A frame at `DIGITS`; NA is written as `NA`."""
    return rounded(frame).to_csv(index=False, na_rep="NA", lineterminator="\n")


def write_texts(texts: Mapping[str, str], folder: str | Path, prefix: str = "") -> list[Path]:
    """Write each text to the file of its name in `folder`, `prefix` before the name; return the paths.

    Raises:
        BenchError: the folder cannot be written.
    """
    paths = {make_folder(folder) / f"{prefix}{name}": text for name, text in texts.items()}
    for path, text in paths.items():
        write_bytes(path, text.encode())
    return list(paths)
