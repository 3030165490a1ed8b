"""Frames for programs: figures without the noise of binary arithmetic, NA as `NA`."""

from pathlib import Path
from typing import Any

import pandas as pd

from jpegai_bench.system.files import make_folder, write_bytes

DIGITS = 12
"""Significant digits: sums in binary are off in the fifteenth or so, no figure here is known to the tenth."""


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every number at `DIGITS`: 55.692, where arithmetic leaves 55.69200000000001."""
    return frame.map(_rounded)


def to_csv(frame: pd.DataFrame) -> str:
    """A frame at `DIGITS`; NA is written as `NA`."""
    return rounded(frame).to_csv(index=False, na_rep="NA", lineterminator="\n")


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a frame as `to_csv` has it.

    Raises:
        BenchError: the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    write_bytes(path, to_csv(frame).encode())
    return path


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
