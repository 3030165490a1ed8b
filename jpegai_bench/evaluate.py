"""A codec on images at rates, under all metrics: one row per image and rate.

Work is spread over processes, an image each. What is finished is kept at once and found again by content, so
a killed evaluation goes on where it was and nothing is measured twice. A target rate becomes a quality first,
which is kept too; the unit of work is the image at that quality, whoever asked for it. Of the first images
the decoded pictures are kept as well; one that is missing is made again, and not measured again.
"""

import math
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.codecs.protocol import Codec, RateCodec
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.images.read import Image8
from jpegai_bench.parallel import spread
from jpegai_bench.pictures import keep, original_path, picture_path
from jpegai_bench.rates import Rates, out_of_reach
from jpegai_bench.store import POINT_COLUMNS, Store, content_key

if TYPE_CHECKING:
    from jpegai_bench.metrics.measure import Reference

_PRELOAD = ("jpegai_bench.metrics.measure", "jpegai_bench.codecs.learned")


@dataclass(frozen=True)
class Failure:
    """An image that could not be measured."""

    image: str
    message: str
    """One line for the person at the keyboard."""
    details: str = ""
    """A traceback, where the failure is a defect rather than bad input."""


@dataclass
class Evaluation:
    """What came out."""

    points: pd.DataFrame
    image_hashes: dict[str, str]
    not_applicable: list[dict[str, Any]] = field(default_factory=list)
    """Each NA with its image, quality, metric and reason."""
    out_of_reach: list[dict[str, Any]] = field(default_factory=list)
    """Each target that the nearest rate misses: image, target_bpp, and that rate's quality and bpp."""
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0
    """Units measured now; the others were found."""


@dataclass(frozen=True)
class _Image:
    """An image under a codec: where its finished work is in the store."""

    file: ImageFile
    hash: str
    fingerprint: dict[str, str]
    metrics: dict[str, str]
    store: Store
    kept: bool
    """Whether its pictures are kept."""

    def unit_key(self, quality: float) -> str:
        return unit_key(self.fingerprint, self.metrics, self.hash, quality)

    def search_key(self, target: float) -> str:
        return search_key(self.fingerprint, self.hash, target)

    def qualities(self, rates: Rates) -> dict[float, float | None]:
        """The quality of each rate; of a target None where it has not been searched for."""
        if rates.kind == "quality":
            return {quality: quality for quality in rates.values}
        return {target: self.store.found_quality(self.search_key(target)) for target in rates.values}

    def is_done(self, rates: Rates) -> bool:
        qualities = self.qualities(rates).values()
        measured = all(q is not None and self.store.unit(self.unit_key(q)) is not None for q in qualities)
        return measured and not (self.kept and self.lacks_picture(qualities))

    def lacks_picture(self, qualities: Iterable[float | None]) -> bool:
        paths = [self.picture_path(quality) for quality in qualities if quality is not None]
        return not all(path.exists() for path in (*paths, self.original_path))

    def picture_path(self, quality: float) -> Path:
        return picture_path(self.store, self.fingerprint, self.hash, quality)

    @property
    def original_path(self) -> Path:
        return original_path(self.store, self.hash)


@dataclass(frozen=True)
class _Task:
    codec: Codec
    image: _Image
    rates: Rates


def unit_key(codec: dict[str, str], metrics: dict[str, str], image_hash: str, quality: float) -> str:
    """The key of one image at one rate; every argument but the quality is content, not a name."""
    return content_key({"codec": codec, "metrics": metrics, "image": image_hash, "quality": float(quality)})


def search_key(codec: dict[str, str], image_hash: str, target_bpp: float) -> str:
    """The key of the quality at which one image meets a target rate."""
    return content_key({"codec": codec, "image": image_hash, "target_bpp": float(target_bpp)})


def evaluate(
    codec: Codec,
    images: Sequence[ImageFile],
    rates: Rates,
    metrics: dict[str, str],
    store: Store,
    workers: int,
    advance: Callable[[str], None],
    pictures: int = 0,
) -> Evaluation:
    """Measure `codec` on every image at every rate.

    Args:
        codec: must be picklable; each worker loads it once. For target rates it must be a `RateCodec`.
        images: a picture that cannot be read becomes a failure; the rest goes on.
        rates: qualities on the codec's own scale, or targets.
        metrics: the metrics' fingerprint; it is part of what names the work.
        store: finished units are looked up in and written to it.
        workers: processes; 1 works in this one.
        advance: called with the image's name when all its rates are there.
        pictures: of how many of the first images the decoded pictures are kept.

    Raises:
        BenchError: target rates are asked of a codec that cannot search for them.
    """
    if rates.kind == "target" and not isinstance(codec, RateCodec):
        raise BenchError(f"{codec.name} cannot meet a target rate; give it qualities of its own")
    fingerprint = codec.fingerprint()
    evaluation = Evaluation(pd.DataFrame(), {})
    known: list[_Image] = []
    tasks = []
    for number, file in enumerate(images):
        try:
            image = _Image(file, file.sha256, fingerprint, metrics, store, kept=number < pictures)
        except BenchError as error:
            evaluation.failures.append(Failure(file.name, str(error)))
            continue
        evaluation.image_hashes[file.name] = image.hash
        known.append(image)
        if image.is_done(rates):
            advance(file.name)
        else:
            tasks.append(_Task(codec, image, rates))
    with closing(spread(_measure, tasks, workers, _PRELOAD)) as work:
        for task, (computed, failure) in work:
            evaluation.computed += computed
            if failure:
                evaluation.failures.append(failure)
            else:
                advance(task.image.file.name)
    _collect(evaluation, known, rates)
    return evaluation


def _collect(evaluation: Evaluation, images: Sequence[_Image], rates: Rates) -> None:
    """Gather the finished units of all images."""
    rows = []
    for image in images:
        name = image.file.name
        told = set()
        for rate, quality in image.qualities(rates).items():
            unit = None if quality is None else image.store.unit(image.unit_key(quality))
            if unit is None:
                continue
            aim = {"target_bpp": rate} if rates.kind == "target" else {}
            rows.append({**unit, "image": name, "quality": quality, **aim})
            if quality not in told:
                evaluation.not_applicable += [
                    {"image": name, "quality": quality, "metric": metric, "reason": reason}
                    for metric, reason in unit.get("reasons", {}).items()
                ]
            told.add(quality)
    evaluation.points = pd.DataFrame(rows, columns=list(POINT_COLUMNS))
    evaluation.out_of_reach = out_of_reach(evaluation.points)


def _measure(task: _Task) -> tuple[int, Failure | None]:
    """Measure one image at the rates that are missing; runs in a worker.

    Returns:
        How many units were measured, and what went wrong.
    """
    import torch

    from jpegai_bench.metrics.measure import Reference

    torch.set_num_threads(1)
    image, computed = task.image, 0
    name = image.file.name
    try:
        pixels = image.file.read()
        reference = Reference(pixels)
        if image.kept:
            keep(image.original_path, pixels)
        for quality in _searched(task, pixels):
            key = image.unit_key(quality)
            measured = image.store.unit(key) is not None
            if measured and not (image.kept and image.lacks_picture([quality])):
                continue
            coded = _code(task.codec, pixels, quality)
            if image.kept:
                keep(image.picture_path(quality), coded.decoded)
            if not measured:
                image.store.put_unit(key, _unit(coded, reference))
                computed += 1
    except BenchError as error:
        return computed, Failure(name, f"{name}: {error}")
    except Exception as error:
        return computed, Failure(name, f"{name}: {type(error).__name__}: {error}", traceback.format_exc())
    return computed, None


def _searched(task: _Task, pixels: Image8) -> list[float]:
    """The qualities of the task's rates; those of targets that nobody searched for yet are found and kept."""
    image = task.image
    qualities = image.qualities(task.rates)
    missing = [target for target, quality in qualities.items() if quality is None]
    if missing:
        assert isinstance(task.codec, RateCodec)
        for target, quality in zip(missing, task.codec.qualities_for(pixels, missing), strict=True):
            image.store.put_found_quality(image.search_key(target), quality)
            qualities[target] = quality
    return [quality for quality in qualities.values() if quality is not None]


@dataclass(frozen=True)
class _Coded:
    """One image at one quality, coded and decoded."""

    bits: int
    estimated_bits: float | None
    decoded: Image8
    encode_s: float
    decode_s: float


def _code(codec: Codec, pixels: Image8, quality: float) -> _Coded:
    start = time.perf_counter()
    encoded = codec.encode(pixels, quality)
    middle = time.perf_counter()
    decoded = codec.decode(encoded.data)
    end = time.perf_counter()
    if decoded.shape != pixels.shape:
        size, made = (f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, decoded.shape))
        raise BenchError(f"{codec.name}: decodes a picture of {size} pixels to {made}")
    return _Coded(8 * len(encoded.data), encoded.estimated_bits, decoded, middle - start, end - middle)


def _unit(coded: _Coded, reference: "Reference") -> dict[str, Any]:
    """Measure what was decoded."""
    height, width = coded.decoded.shape[:2]
    scores = reference.compare(coded.decoded)
    estimate = coded.estimated_bits
    return {
        "width": width,
        "height": height,
        "bpp": coded.bits / (width * height),
        "estimated_bpp": None if estimate is None else estimate / (width * height),
        **{k: None if math.isnan(v) else v for k, v in scores.values.items()},
        "reasons": scores.reasons,
        "encode_s": coded.encode_s,
        "decode_s": coded.decode_s,
    }
