"""What the evaluator asks of a codec, learned or conventional."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jpegai_bench.codecs.stopwatch import Stopwatch
from jpegai_bench.images.read import Image8


@dataclass(frozen=True)
class Work:
    """The multiply-accumulate operations of a part of a codec, and what in."""

    kmacs_px: float
    """kMACs per image pixel, matrix products of the attention included; sides that are whole multiples."""
    precision: str = "float32"
    """`float32`, `float64` or `bfloat16`, as torch names it."""


@dataclass(frozen=True)
class Encoded:
    """One image coded at one rate."""

    data: bytes
    """Everything that the decoder needs; its length is the rate."""
    estimated_bits: float | None = None
    """The entropy model's own estimate, with what the container adds, where the codec has one."""


class Codec(Protocol):
    """`encode` an image to real bytes, `decode` real bytes to an image.

    `quality` is the codec's own scale; a higher value need not mean a higher rate. Everything that is
    measured is measured on the decoded image and on the length of the bytes.
    """

    @property
    def name(self) -> str:
        """What tables and plots call it."""
        ...

    def encode(self, image: Image8, quality: float) -> Encoded:
        """Code 8-bit RGB `[H, W, 3]` at `quality`."""
        ...

    def decode(self, data: bytes) -> Image8:
        """Decode to 8-bit RGB `[H, W, 3]`."""
        ...

    def fingerprint(self) -> dict[str, str]:
        """Everything besides image and quality that decides the result: versions, settings, weights."""
        ...


class AnchorCodec(Codec, Protocol):
    """A codec that others are measured against: conventional, or a peer. A node of the `anchor` group."""

    @property
    def chroma(self) -> str:
        """`4:2:0` or `4:4:4`; empty where it is not known."""
        ...

    @property
    def qualities(self) -> tuple[float, ...]:
        """The rates that are measured where none are asked for, on the codec's own scale."""
        ...

    def check(self) -> None:
        """Raises BenchError: it cannot be used on this machine; the message says what to do. Cheap."""
        ...

    def describe(self) -> str:
        """One line for captions: encoder, version, preset, chroma format, depth."""
        ...


@runtime_checkable
class RateCodec(Codec, Protocol):
    """A codec that can also meet a rate."""

    def qualities_for(self, image: Image8, targets: Sequence[float]) -> list[float]:
        """The quality whose rate comes nearest to each target in bpp, on 8-bit RGB `[H, W, 3]`.

        Where a target is out of reach it is the nearest end. A target's quality must not depend on the
        other targets: it is kept, and found again under the target alone.
        """
        ...


@runtime_checkable
class PartedCodec(Codec, Protocol):
    """A codec whose time can be taken by part."""

    device: str
    """Where it computes: `cpu`, or as torch names a GPU."""
    precision: str
    """What its synthesis computes in: `float32` or `bf16`."""
    alignment: int
    """The sides of a picture are padded to multiples of it before the multiplications."""

    def watched(self, watch: Stopwatch) -> AbstractContextManager[None]:
        """While the context lasts, the parts of encoding and decoding are timed by `watch`."""
        ...

    def work(self) -> Mapping[str, Work]:
        """The multiplications of each part that has some.

        Raises:
            BenchError: they cannot be counted.
        """
        ...
