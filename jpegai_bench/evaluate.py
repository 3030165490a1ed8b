"""A codec on images at rates, under all metrics: one row per image and rate.

Work is spread over processes, an image each. What is finished is kept at once and found again by content, so
a killed evaluation goes on where it was and nothing is measured twice. A target rate becomes a quality first,
which is kept too; the unit of work is the image at that quality, whoever asked for it. Of the first images
the decoded pictures are kept as well; one that is missing is made again, and not measured again. Several
evaluations on one store share out the images by claims.
"""

import math
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.claims import Holder, claimed, holder_of
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

_PRELOAD = ("jpegai_bench.metrics.measure", "jpegai_bench.network.weights")
_PATIENCE = 1.0
"""Seconds between two looks at images that other processes are measuring."""


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

    def missing(self, rates: Rates) -> int:
        """How many of its units are not there."""
        qualities = self.qualities(rates).values()
        return sum(q is None or self.store.unit(self.unit_key(q)) is None for q in qualities)

    def lacks_pictures(self, rates: Rates) -> bool:
        """Whether one of its pictures is to be kept and is not there."""
        return self.kept and self.lacks_picture(self.qualities(rates).values())

    def lacks_picture(self, qualities: Iterable[float | None]) -> bool:
        paths = [self.picture_path(quality) for quality in qualities if quality is not None]
        return not all(path.exists() for path in (*paths, self.original_path))

    def picture_path(self, quality: float) -> Path:
        return picture_path(self.store, self.fingerprint, self.hash, quality)

    @property
    def original_path(self) -> Path:
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
    images: tuple[_Image, ...]
    failures: tuple[Failure, ...]
    """Pictures that cannot be read."""
    missing: tuple[int, ...]
    """Units that are not there, of each image."""
    undrawn: tuple[bool, ...]
    """Whether a picture is to be kept and is not there, of each image."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to code."""
        return not any(self.missing) and not any(self.undrawn)

    @property
    def hashes(self) -> dict[str, str]:
        """Pixel hash of each image by its name."""
        return {image.file.name: image.hash for image in self.images}

    def shard(self, number: int, shards: int) -> "Plan":
        """Every `shards`-th image, from the one of that number on."""
        chosen = slice(number, None, shards)
        failures = self.failures if number == 0 else ()
        part = {name: getattr(self, name)[chosen] for name in ("images", "missing", "undrawn")}
        return replace(self, failures=failures, **part)


@dataclass(frozen=True)
class _Task:
    codec: Codec
    image: _Image
    rates: Rates

    @property
    def claim_path(self) -> Path:
        return self.image.store.claim_path(self.image.claim())


def unit_key(codec: dict[str, str], metrics: dict[str, str], image_hash: str, quality: float) -> str:
    """The key of one image at one rate; every argument but the quality is content, not a name."""
    return content_key({"codec": codec, "metrics": metrics, "image": image_hash, "quality": float(quality)})


def search_key(codec: dict[str, str], image_hash: str, target_bpp: float) -> str:
    """The key of the quality at which one image meets a target rate."""
    return content_key({"codec": codec, "image": image_hash, "target_bpp": float(target_bpp)})


def plan(
    codec: Codec,
    images: Sequence[ImageFile],
    rates: Rates,
    metrics: dict[str, str],
    store: Store,
    pictures: int = 0,
) -> Plan:
    """Look up what is there already; nothing is measured, and of a learned codec nothing loaded.

    Args:
        codec: for target rates it must be a `RateCodec`.
        images: a picture that cannot be read becomes a failure.
        rates: qualities on the codec's own scale, or targets.
        metrics: the metrics' fingerprint; it is part of what names the work.
        store: where finished units are.
        pictures: of how many of the first images the decoded pictures are kept.

    Raises:
        BenchError: target rates are asked of a codec that cannot search for them.
    """
    if rates.kind == "target" and not isinstance(codec, RateCodec):
        raise BenchError(f"{codec.name} cannot meet a target rate; give it qualities of its own")
    fingerprint = codec.fingerprint()
    known, failures = [], []
    for number, file in enumerate(images):
        try:
            known.append(_Image(file, file.sha256, fingerprint, metrics, store, kept=number < pictures))
        except BenchError as error:
            failures.append(Failure(file.name, str(error)))
    missing = tuple(image.missing(rates) for image in known)
    undrawn = tuple(image.lacks_pictures(rates) for image in known)
    return Plan(codec, rates, metrics, tuple(known), tuple(failures), missing, undrawn)


def evaluate(
    plan: Plan, workers: int, advance: Callable[[str], None], waiting: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Measure what a plan lacks, and gather all of it.

    Args:
        plan: its codec must be picklable; each worker loads it once.
        workers: processes; 1 works in this one.
        advance: called with the image's name when all its rates are there.
        waiting: called with what is waited for, where other processes are measuring the rest.
    """
    evaluation = Evaluation(pd.DataFrame(), plan.hashes, failures=list(plan.failures))
    tasks = []
    for image, missing, undrawn in zip(plan.images, plan.missing, plan.undrawn, strict=True):
        if missing or undrawn:
            tasks.append(_Task(plan.codec, image, plan.rates))
        else:
            advance(image.file.name)
    said: set[str] = set()
    while tasks:
        left = []
        with closing(spread(_measure, tasks, workers, _PRELOAD)) as work:
            for task, done in work:
                evaluation.computed += done.computed
                if done.failure:
                    evaluation.failures.append(done.failure)
                elif done.holder:
                    left.append((task, done.holder))
                else:
                    advance(task.image.file.name)
        for holder in sorted({str(holder) for _, holder in left} - said):
            said.add(holder)
            waiting(holder)
        tasks = [task for task, _ in left]
        while tasks and all(holder_of(task.claim_path) for task in tasks):
            time.sleep(_PATIENCE)
    _collect(evaluation, plan.images, plan.rates)
    return evaluation


def gather(plan: Plan) -> Evaluation:
    """What is in the store of a plan; an image that lacks units is a failure."""
    evaluation = Evaluation(pd.DataFrame(), plan.hashes, failures=list(plan.failures))
    whole = [image for image, missing in zip(plan.images, plan.missing, strict=True) if not missing]
    for image, missing in zip(plan.images, plan.missing, strict=True):
        if missing:
            told = f"{image.file.name}: {missing} of {len(plan.rates.values)} rates were not measured"
            evaluation.failures.append(Failure(image.file.name, told))
    _collect(evaluation, whole, plan.rates)
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


@dataclass
class _Done:
    """What became of a task."""

    computed: int = 0
    """Units that were measured."""
    failure: Failure | None = None
    holder: Holder | None = None
    """Another process that is measuring the image."""


def _measure(task: _Task) -> _Done:
    """Measure one image at the rates that are missing, unless another process does; runs in a worker."""
    done, image = _Done(), task.image
    name = image.file.name
    try:
        with claimed(task.claim_path) as done.holder:
            if done.holder is None and (image.missing(task.rates) or image.lacks_pictures(task.rates)):
                _measure_image(task, done)
    except BenchError as error:
        done.failure = Failure(name, f"{name}: {error}")
    except Exception as error:
        told = f"{name}: {type(error).__name__}: {error}"
        done.failure = Failure(name, told, traceback.format_exc())
    return done


def _measure_image(task: _Task, done: _Done) -> None:
    import torch

    from jpegai_bench.metrics.measure import Reference

    torch.set_num_threads(1)
    image = task.image
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
        if not measured:
            image.store.put_unit(key, _unit(coded, reference))
            done.computed += 1
        if image.kept:
            keep(image.picture_path(quality), coded.decoded)


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
