"""An error that nobody foresaw, in one line: what it says, and where in the user's own code it was raised."""

import re
import sysconfig
import traceback
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
_INSTALLED = {"site-packages", "dist-packages"}
_TWO_DEVICES = re.compile(r"same device|expected device|cuda\.\w*Tensor")
"""In what torch says of tensors that do not lie on one device."""


def first_line(error: BaseException) -> str:
    """What kind of error it is, and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def in_one_line(error: BaseException) -> str:
    """Its `first_line`, and the last place it passed that is no package's: a user's module."""
    message, place = first_line(error), _place(error)
    if not place:
        return message
    remedy = "; make tensors on the device of what forward takes, as device=x.device"
    return f"{message} ({place}{remedy if _TWO_DEVICES.search(message) else ''})"


def _place(error: BaseException) -> str:
    """As `my_codec/activation.py, line 12, in forward`; empty where only packages are in the traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        packaged = not _INSTALLED.isdisjoint(path.parts) or {_PACKAGE, _STANDARD} & set(path.parents)
        if path.suffix == ".py" and not packaged:
            short = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            return f"{short}, line {frame.lineno}, in {frame.name}"
    return ""
