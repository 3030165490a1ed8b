"""A codec on images at rates, under all metrics: one row per image and rate.

Work is spread over processes, an image each. What is finished is kept at once and found again by content, so
a killed evaluation goes on where it was and nothing is measured twice.
"""

import math
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from jpegai_bench.codecs.protocol import Codec
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import ImageFile
from jpegai_bench.parallel import spread
from jpegai_bench.store import POINT_COLUMNS, Store, content_key

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
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0
    """Units measured now; the others were found."""


@dataclass(frozen=True)
class _Task:
    codec: Codec
    image: ImageFile
    missing: tuple[tuple[float, str], ...]
    store: Store


def unit_key(codec: dict[str, str], metrics: dict[str, str], image_hash: str, quality: float) -> str:
    """The key of one image at one rate; every argument but the quality is content, not a name."""
    return content_key({"codec": codec, "metrics": metrics, "image": image_hash, "quality": float(quality)})


def evaluate(
    codec: Codec,
    images: Sequence[ImageFile],
    qualities: Sequence[float],
    metrics: dict[str, str],
    store: Store,
    workers: int,
    advance: Callable[[str], None],
) -> Evaluation:
    """Measure `codec` on every image at every quality.

    Args:
        codec: must be picklable; each worker loads it once.
        images: a picture that cannot be read becomes a failure; the rest goes on.
        qualities: on the codec's own scale.
        metrics: the metrics' fingerprint; it is part of what names the work.
        store: finished units are looked up in and written to it.
        workers: processes; 1 works in this one.
        advance: called with the image's name when all its rates are there.
    """
    fingerprint = codec.fingerprint()
    evaluation = Evaluation(pd.DataFrame(), {})
    keys: dict[str, dict[float, str]] = {}
    tasks = []
    for image in images:
        try:
            image_hash = image.sha256
        except BenchError as error:
            evaluation.failures.append(Failure(image.name, str(error)))
            continue
        evaluation.image_hashes[image.name] = image_hash
        keys[image.name] = {q: unit_key(fingerprint, metrics, image_hash, q) for q in qualities}
        missing = tuple((q, key) for q, key in keys[image.name].items() if store.unit(key) is None)
        if missing:
            tasks.append(_Task(codec, image, missing, store))
        else:
            advance(image.name)
    evaluation.computed = sum(len(task.missing) for task in tasks)
    with closing(spread(_measure, tasks, workers, _PRELOAD)) as work:
        for task, failure in work:
            if failure:
                evaluation.failures.append(failure)
            else:
                advance(task.image.name)
    rows = []
    for name, units in keys.items():
        for quality, key in units.items():
            unit = store.unit(key)
            if unit is not None:
                rows.append({**unit, "image": name, "quality": quality})
                evaluation.not_applicable += [
                    {"image": name, "quality": quality, "metric": metric, "reason": reason}
                    for metric, reason in unit.get("reasons", {}).items()
                ]
    evaluation.points = pd.DataFrame(rows, columns=list(POINT_COLUMNS))
    return evaluation


def _measure(task: _Task) -> Failure | None:
    """Measure one image at its missing rates; runs in a worker."""
    import torch

    from jpegai_bench.metrics.measure import Reference

    torch.set_num_threads(1)
    name = task.image.name
    try:
        image = task.image.read()
        reference = Reference(image)
        height, width = image.shape[:2]
        for quality, key in task.missing:
            start = time.perf_counter()
            encoded = task.codec.encode(image, quality)
            middle = time.perf_counter()
            decoded = task.codec.decode(encoded.data)
            end = time.perf_counter()
            scores = reference.compare(decoded)
            estimate = encoded.estimated_bits
            task.store.put_unit(
                key,
                {
                    "width": width,
                    "height": height,
                    "bpp": 8 * len(encoded.data) / (width * height),
                    "estimated_bpp": None if estimate is None else estimate / (width * height),
                    **{k: None if math.isnan(v) else v for k, v in scores.values.items()},
                    "reasons": scores.reasons,
                    "encode_s": middle - start,
                    "decode_s": end - middle,
                },
            )
    except BenchError as error:
        return Failure(name, f"{name}: {error}")
    except Exception as error:
        return Failure(name, f"{name}: {type(error).__name__}: {error}", traceback.format_exc())
    return None
