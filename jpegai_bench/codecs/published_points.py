"""Points that others measured, as an anchor: there is no codec to run."""

from dataclasses import dataclass
from typing import NoReturn

from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8


@dataclass(frozen=True)
class Published:
    """Points of one data set that ship with the package; `quality` is the target rate in bpp."""

    source: str
    """What made them, for captions and as the name under which they ship."""
    dataset: str
    """The data set that they are of."""
    qualities: tuple[float, ...]
    chroma: str = ""
    """Empty where the source does not state it."""
    name: str = "published"

    def check(self) -> NoReturn:
        """Raises BenchError: nothing can be coded."""
        raise BenchError(
            f"{self.name}: points of {self.dataset} alone, nothing can be coded; "
            f"choose dataset={self.dataset} with its own pictures, or another anchor"
        )

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Raises BenchError, as `check`."""
        self.check()

    def decode(self, data: bytes) -> Image8:
        """Raises BenchError, as `check`."""
        self.check()

    def fingerprint(self) -> dict[str, str]:
        """What made them."""
        return {"codec": "published", "settings": self.source}

    def describe(self) -> str:
        """What made them."""
        return self.source
