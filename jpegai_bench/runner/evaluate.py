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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.codecs.protocol import Codec, RateCodec
from jpegai_bench.codecs.rates import Rates, out_of_reach
from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics.backends import backend_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.failures import is_failure
from jpegai_bench.network import places
from jpegai_bench.runner.work_plan import Failure, Plan, PlannedImage
from jpegai_bench.store.leases import Holder, claimed, holder_of
from jpegai_bench.store.pictures import keep
from jpegai_bench.store.store import POINT_COLUMNS
from jpegai_bench.system.devices import computing
from jpegai_bench.system.processes import spread

if TYPE_CHECKING:
    from jpegai_bench.metrics.measure import Reference

_PRELOAD = ("jpegai_bench.metrics.measure", "jpegai_bench.network.weights")
_PATIENCE = 1.0
"""Seconds between two looks at images that processes are measuring."""


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
class _Task:
    codec: Codec
    image: PlannedImage
    rates: Rates

    @property
    def claim_path(self) -> Path:
        return self.image.store.claim_path(self.image.claim())


def evaluate(
    plan: Plan, workers: int, advance: Callable[[int], None], waiting: Callable[[str], None] = lambda _: None
) -> Evaluation:
    """Measure what a plan lacks, and gather all of it.

    Args:
        plan: its codec must be picklable; each worker loads it once.
        workers: processes; 1 works in this one.
        advance: called with how many units are there, also while an image is being measured.
        waiting: called with what is waited for, where other processes are measuring the rest.
    """
    evaluation = Evaluation(pd.DataFrame(), plan.hashes, failures=list(plan.failures))
    tasks = [
        _Task(plan.codec, image, plan.rates)
        for image, missing, lacks_pictures in zip(plan.images, plan.missing, plan.lacks_pictures, strict=True)
        if missing or lacks_pictures
    ]
    with _watched(plan, tasks, advance) as ended:
        _work_off(evaluation, tasks, workers, ended, waiting)
    _collect(evaluation, plan.images, plan.rates)
    return evaluation


def _work_off(
    evaluation: Evaluation,
    tasks: Sequence[_Task],
    workers: int,
    ended: Callable[[_Task], None],
    waiting: Callable[[str], None],
) -> None:
    """Measure the images of all tasks, or wait until other processes have."""
    holders_named: set[str] = set()
    while tasks:
        held = []
        with closing(spread(_measure, tasks, workers, _PRELOAD)) as work:
            for task, result in work:
                evaluation.computed += result.computed
                if result.failure:
                    evaluation.failures.append(result.failure)
                if result.holder:
                    held.append((task, result.holder))
                else:
                    ended(task)
        for holder in sorted({str(holder) for _, holder in held} - holders_named):
            holders_named.add(holder)
            waiting(holder)
        tasks = [task for task, _ in held]
        while tasks and all(holder_of(task.claim_path) for task in tasks):
            time.sleep(_PATIENCE)


@contextmanager
def _watched(
    plan: Plan, tasks: Sequence[_Task], advance: Callable[[int], None]
) -> Iterator[Callable[[_Task], None]]:
    """Tell how many units of a plan are there; what is yielded is called with each task that has ended.

    In between a thread looks which units have come of the images that some process is at work on.
    """
    total = len(plan.images) * len(plan.rates.values)
    missing = {id(task): task.image.missing(plan.rates) for task in tasks}
    lock, over = Lock(), Event()

    def look(at: Iterable[_Task]) -> None:
        with lock:
            missing.update((id(task), task.image.missing(plan.rates)) for task in at)
            advance(total - sum(missing.values()))

    def follow() -> None:
        while not over.wait(_PATIENCE):
            look(task for task in tasks if task.claim_path.exists())

    thread = Thread(target=follow, daemon=True)
    look(())
    thread.start()
    try:
        yield lambda task: look([task])
    finally:
        over.set()
        thread.join()


def gather(plan: Plan) -> Evaluation:
    """What is in the store of a plan; an image that lacks units is a failure."""
    evaluation = Evaluation(pd.DataFrame(), plan.hashes, failures=list(plan.failures))
    complete = [image for image, missing in zip(plan.images, plan.missing, strict=True) if not missing]
    for image, missing in zip(plan.images, plan.missing, strict=True):
        if missing:
            message = f"{image.file.name}: {missing} of {len(plan.rates.values)} rates were not measured"
            evaluation.failures.append(Failure(image.file.name, message))
    _collect(evaluation, complete, plan.rates)
    return evaluation


def _collect(evaluation: Evaluation, images: Sequence[PlannedImage], rates: Rates) -> None:
    """Gather the finished units of all images, and what failed in one of them."""
    rows = []
    for image in images:
        name = image.file.name
        noted = set()
        for rate, quality in image.qualities(rates).items():
            unit = None if quality is None else image.store.unit(image.unit_key(quality))
            if unit is None:
                continue
            aim = {"target_bpp": rate} if rates.kind == "target" else {}
            asked = {key: value for key, value in unit.items() if key not in NAMES or key in image.asked}
            rows.append({**asked, "image": name, "quality": quality, **aim})
            if quality not in noted:
                evaluation.not_applicable += [
                    {"image": name, "quality": quality, "metric": metric, "reason": reason}
                    for metric, reason in unit.get("reasons", {}).items()
                    if metric in image.asked
                ]
            noted.add(quality)
    evaluation.failures += _failed_metrics(evaluation.not_applicable)
    evaluation.points = pd.DataFrame(rows, columns=list(POINT_COLUMNS))
    evaluation.out_of_reach = out_of_reach(evaluation.points)


def _failed_metrics(not_applicable: Sequence[Mapping[str, Any]]) -> list[Failure]:
    """A failure for each image and metric that may have a value another time."""
    failed: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for case in not_applicable:
        if is_failure(case["reason"]):
            failed.setdefault((case["image"], case["metric"]), []).append(case)
    return [
        Failure(
            image,
            f"{image}: {metric} failed at {len(cases)} rates: {cases[0]['reason']}; "
            "the same command tries it again",
        )
        for (image, metric), cases in failed.items()
    ]


@dataclass
class _Result:
    """What became of a task."""

    computed: int = 0
    """Units that were measured."""
    failure: Failure | None = None
    holder: Holder | None = None
    """Another process that is measuring the image."""


def _measure(task: _Task) -> _Result:
    """Measure one image at the rates that are missing, unless another process does; runs in a worker."""
    result, image = _Result(), task.image
    name = image.file.name
    try:
        with computing(), claimed(task.claim_path) as result.holder:
            if result.holder is None and (image.missing(task.rates) or image.lacks_pictures(task.rates)):
                _measure_image(task, result)
    except BenchError as error:
        result.failure = Failure(name, f"{name}: {error}")
    except Exception as error:
        message = f"{name}: {places.in_one_line(error)}"
        result.failure = Failure(name, message, traceback.format_exc())
    return result


def _measure_image(task: _Task, result: _Result) -> None:
    import torch

    from jpegai_bench.metrics.by_piq import reference_of

    torch.set_num_threads(1)
    image = task.image
    pixels = image.file.read()
    reference_for = cache(partial(reference_of(backend_of(image.metrics)), pixels))
    if image.keeps_pictures:
        keep(image.original_path, pixels)
    for quality in _searched(task, pixels):
        lacking = image.lacking(quality)
        if not lacking and not (image.keeps_pictures and image.lacks_picture([quality])):
            continue
        coded = _code(task.codec, pixels, quality)
        if lacking:
            _complete(image, quality, lacking, coded, reference_for)
            result.computed += 1
        if image.keeps_pictures:
            keep(image.picture_path(quality), coded.decoded)


def _complete(
    image: PlannedImage,
    quality: float,
    lacking: tuple[str, ...],
    coded: "_Coded",
    reference_for: "Callable[[tuple[str, ...]], Reference]",
) -> None:
    """Measure what a unit lacks; all that is asked for where the bits are others than those of the unit."""
    key, pixels = image.unit_key(quality), coded.decoded.shape[0] * coded.decoded.shape[1]
    before = image.store.unit(key) or {}
    same_bits = before.get("bpp") == coded.bits / pixels
    names = lacking if same_bits else image.asked
    unit = _unit(coded, reference_for(names))
    if same_bits:
        reasons = {name: why for name, why in before.get("reasons", {}).items() if name not in names}
        unit = {**before, **unit, "reasons": reasons | unit["reasons"]}
    image.store.put_unit(key, unit)


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
        size, decoded_size = (f"{shape[1]}x{shape[0]}" for shape in (pixels.shape, decoded.shape))
        raise BenchError(f"{codec.name}: decodes a picture of {size} pixels to {decoded_size}")
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
