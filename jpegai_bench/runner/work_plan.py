"""What an evaluation is of, and how much of it is in the store already: nothing is measured here.

A unit of work is one image at one quality under one codec; its key is a hash of contents. Of a target rate
the quality is looked up that a search found, where there was one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jpegai_bench.codecs.protocol import Codec, RateCodec
from jpegai_bench.codecs.rates import Rates
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.failures import is_failure
from jpegai_bench.store.keys import content_key, search_key, unit_key
from jpegai_bench.store.pictures import original_path, picture_path
from jpegai_bench.store.store import Store


@dataclass(frozen=True)
class Failure:
    """An image that could not be measured."""

    image: str
    message: str
    """One line for the person at the keyboard."""
    details: str = ""
    """A traceback, where the failure is a defect rather than bad input."""


@dataclass(frozen=True)
class PlannedImage:
    """An image under a codec: where its finished work is in the store."""

    file: ImageFile
    hash: str
    fingerprint: dict[str, str]
    metrics: dict[str, str]
    store: Store
    keeps_pictures: bool
    """Whether its pictures are kept."""
    asked: tuple[str, ...]
    """The metrics that are asked for; a unit may hold more, and where it holds fewer it is completed."""

    def unit_key(self, quality: float) -> str:
        """Where its scores at a quality are in the store."""
        return unit_key(self.fingerprint, self.metrics, self.hash, quality)

    def search_key(self, target: float) -> str:
        """Where the quality that meets a target is in the store."""
        return search_key(self.fingerprint, self.hash, target)

    def qualities(self, rates: Rates) -> dict[float, float | None]:
        """The quality of each rate; of a target None where it has not been searched for."""
        if rates.kind == "quality":
            return {quality: quality for quality in rates.values}
        return {target: self.store.found_quality(self.search_key(target)) for target in rates.values}

    def missing(self, rates: Rates) -> int:
        """How many of its units are not there, or lack a metric that is asked for."""
        qualities = self.qualities(rates).values()
        return sum(quality is None or bool(self.lacking(quality)) for quality in qualities)

    def lacking(self, quality: float) -> tuple[str, ...]:
        """The metrics that are asked for and not in its unit, or there as a failure."""
        unit = self.store.unit(self.unit_key(quality)) or {}
        reasons = unit.get("reasons", {})
        return tuple(
            name for name in self.asked if name not in unit or (name in reasons and is_failure(reasons[name]))
        )

    def lacks_pictures(self, rates: Rates) -> bool:
        """Whether one of its pictures is to be kept and is not there."""
        return self.keeps_pictures and self.lacks_picture(self.qualities(rates).values())

    def lacks_picture(self, qualities: Iterable[float | None]) -> bool:
        """Whether the original or a decoded picture of these qualities is not there."""
        paths = [self.picture_path(quality) for quality in qualities if quality is not None]
        return not all(path.exists() for path in (*paths, self.original_path))

    def picture_path(self, quality: float) -> Path:
        """Where its decoded picture of a quality is."""
        return picture_path(self.store, self.fingerprint, self.hash, quality)

    @property
    def original_path(self) -> Path:
        """Where the original is."""
        return original_path(self.store, self.hash)

    def claim(self) -> str:
        """What a process claims that measures it, at whatever rates."""
        return content_key({"codec": self.fingerprint, "metrics": self.metrics, "image": self.hash})


@dataclass(frozen=True)
class Plan:
    """What an evaluation is of, and how much of it is not in the store yet."""

    codec: Codec
    rates: Rates
    metrics: dict[str, str]
    asked: tuple[str, ...]
    images: tuple[PlannedImage, ...]
    failures: tuple[Failure, ...]
    """Pictures that cannot be read."""
    missing: tuple[int, ...]
    """Units that are not there, of each image."""
    lacks_pictures: tuple[bool, ...]
    """Whether a picture is to be kept and is not there, of each image."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to code."""
        return not any(self.missing) and not any(self.lacks_pictures)

    @property
    def hashes(self) -> dict[str, str]:
        """Pixel hash of each image by its name."""
        return {image.file.name: image.hash for image in self.images}

    def shard(self, number: int, shards: int) -> "Plan":
        """Every `shards`-th image, from the one of that number on."""
        selected = slice(number, None, shards)
        failures = self.failures if number == 0 else ()
        part = {name: getattr(self, name)[selected] for name in ("images", "missing", "lacks_pictures")}
        return replace(self, failures=failures, **part)


def plan(
    codec: Codec,
    images: Sequence[ImageFile],
    rates: Rates,
    metrics: dict[str, str],
    store: Store,
    pictures: int = 0,
    asked: tuple[str, ...] = NAMES,
) -> Plan:
    """Look up what is there already; nothing is measured, and of a learned codec nothing loaded.

    Args:
        codec: for target rates it must be a `RateCodec`.
        images: a picture that cannot be read becomes a failure.
        rates: qualities on the codec's own scale, or targets.
        metrics: the metrics' fingerprint; it is part of what names the work.
        store: where finished units are.
        pictures: of how many of the first images the decoded pictures are kept.
        asked: the metrics that are wanted.

    Raises:
        BenchError: target rates are asked of a codec that cannot search for them.
    """
    if rates.kind == "target" and not isinstance(codec, RateCodec):
        raise BenchError(f"{codec.name} cannot meet a target rate; give it qualities of its own")
    fingerprint = codec.fingerprint()
    planned, failures = [], []
    for number, file in enumerate(images):
        try:
            planned.append(
                PlannedImage(
                    file,
                    file.sha256,
                    fingerprint,
                    metrics,
                    store,
                    keeps_pictures=number < pictures,
                    asked=asked,
                )
            )
        except BenchError as error:
            failures.append(Failure(file.name, str(error)))
    missing = tuple(image.missing(rates) for image in planned)
    lacks_pictures = tuple(image.lacks_pictures(rates) for image in planned)
    return Plan(codec, rates, metrics, asked, tuple(planned), tuple(failures), missing, lacks_pictures)
