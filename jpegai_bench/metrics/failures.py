"""Which NA says something of the pictures, and which is a failure: memory, a time limit, a killed program.

Told apart by the reason that stands beside the NA, which is what stores hold.
"""

_OF_THE_PICTURES = (
    "image too small: ",
    "flat ",
    "reference has too little structure",
    "not a finite number: ",
    "VMAF is ",
)
_OF_THE_MACHINE = ("no ffmpeg binary: ",)
"""Lasts, and results of a machine without ffmpeg have keys of their own."""


def is_failure(reason: str) -> bool:
    """Whether measuring again may give a value where this is why there is none."""
    return not reason.startswith(_OF_THE_PICTURES + _OF_THE_MACHINE)
