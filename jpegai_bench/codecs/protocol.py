"""What the evaluator asks of a codec, learned or conventional."""

from dataclasses import dataclass
from typing import Protocol

from jpegai_bench.images.read import Image8


@dataclass(frozen=True)
class Encoded:
    """One image coded at one rate."""

    data: bytes
    """Everything that the decoder needs; its length is the rate."""
    estimated_bits: float | None = None
    """The entropy model's own estimate, where the codec has one."""


class Codec(Protocol):
    """`encode` an image to real bytes, `decode` real bytes to an image.

    `quality` is the codec's own scale; a higher value need not mean a higher rate. Everything that is
    measured is measured on the decoded image and on the length of the bytes.
    """

    name: str
    """What tables and plots call it."""

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at `quality`."""
        ...

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """Everything besides image and quality that decides the result: versions, settings, weights."""
        ...
