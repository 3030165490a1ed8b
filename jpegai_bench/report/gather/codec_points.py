"""Points of codecs on the pictures of a study: those of the store, else those that ship with the package."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from jpegai_bench.codecs.shipped_points import shipped_runs
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.overrides import key_of
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import NAMES as DATASETS
from jpegai_bench.metrics.asked import asked_of, labels_of
from jpegai_bench.metrics.backends import backend_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Run, Store
from jpegai_bench.store.times import decode_seconds
from jpegai_bench.system.files import json_object
from jpegai_bench.system.wording import listed

MAIN_ANCHOR = "vvc"
"""What BD-rates are taken against where neither a run nor the command line says."""


@dataclass(frozen=True)
class Conditions:
    """What the points of a codec must be of to stand in a study."""

    dataset: str
    images: dict[str, str] = field(repr=False)
    """Name and pixel hash of every picture."""
    metrics: Any
    """Versions that decide the scores, as in `run.json`."""
    typed: tuple[str, ...] = field(default=(), compare=False)
    """The overrides that choose the data set, where it is known what was typed."""
    asked: tuple[str, ...] = NAMES
    """The metrics that are shown."""


def codec_runs(store: Store) -> list[Run]:
    """Finished runs of codecs, the first to be preferred: the store's, newest first, then what ships."""
    stored = [run for run in store.runs("anchors") if run.done]
    stored.sort(key=lambda run: str(run.manifest.get("end")), reverse=True)
    return [*stored, *(Run(folder, manifest) for manifest, folder in shipped_runs())]


def fitting(runs: Sequence[Run], conditions: Conditions) -> dict[str, Run]:
    """By label the first run that has points of every picture, by the same versions of the metrics.

    What ships is taken whatever version measured it: it cannot be measured again everywhere.
    """
    by_label: dict[str, Run] = {}
    for run in runs:
        if run.label not in by_label and not _unfit(run, conditions):
            by_label[run.label] = run
    return by_label


def required(runs: Sequence[Run], labels: Sequence[str], conditions: Conditions) -> list[Run]:
    """The run of each label that `fitting` finds.

    Raises:
        BenchError: there is none for a label; what there is, and what measures it.
    """
    by_label = fitting(runs, conditions)
    for label in labels:
        if label not in by_label:
            measure = f"jpegai-bench anchor codec={label} {chosen_by(conditions.dataset, conditions.typed)}"
            if not (CONF / "anchor" / f"{label}.yaml").exists():
                measure += ", where there is such a codec: jpegai-bench list anchors"
            available = ", ".join(sorted(by_label)) or "none"
            raise BenchError(
                f"{why_not(runs, label, conditions)} (there: {available}); measure it with: {measure}"
            )
    return [by_label[label] for label in labels]


def why_not(runs: Sequence[Run], label: str, conditions: Conditions) -> str:
    """What keeps the points of a codec out of a study that has none of it."""
    candidates = [run for run in runs if run.label == label]
    reasons = [_unfit(run, conditions) for run in candidates]
    lack = next((reason for reason in reasons if "lacks" in reason), "")
    if lack and any(_sources(run, conditions) for run in candidates):
        return f"{label} {lack} of {conditions.dataset}"
    for how in ("without ", "by other versions of the metrics", "by another backend of the metrics"):
        if why := next((reason for reason in reasons if reason.startswith(how)), ""):
            return f"{label} on {conditions.dataset} was measured {why}"
    return f"no points of {label!r} on the images of {conditions.dataset}"


def left_out(runs: Sequence[Run], labels: Sequence[str], conditions: Conditions) -> list[str]:
    """Of codecs that were measured on some of the pictures, and are not among the labels: why not."""
    measured = dict.fromkeys(run.label for run in runs if _sources(run, conditions))
    return [why_not(runs, label, conditions) for label in measured if label not in labels]


def entry_of(store: Store, run: Run, conditions: Conditions | None) -> Entry:
    """A codec's points on the pictures of a study, under the names that the study has for them, and its time.

    Without conditions they are as they are. The time is of the store, where it was measured on the pictures.
    """
    points = run.points() if conditions is None else _renamed(run, conditions)
    note = str(run.manifest.get("note", ""))
    match = re.search(r"4:[024]:[024]", note)  # older runs say it there alone
    chroma = str(run.manifest.get("chroma") or (match[0] if match else ""))
    images_key = run.manifest.get("images_key") if conditions is None else content_key(conditions.images)
    times = (decode_seconds(store, made_by, images_key) for made_by in _timed_fingerprints(store, run))
    seconds = next((time for time in times if time is not None), None)
    metrics = run.manifest.get("metrics")
    return Entry(run.label, "codec", points, None, seconds, note, chroma=chroma, metrics=metrics, run=run)


def chosen_by(dataset: str, typed: Sequence[str] = ()) -> str:
    """The overrides that choose a data set, to be pasted: as they were typed, where that is known."""
    return " ".join(map(shlex.quote, typed or by_name(dataset)))


def of_dataset(overrides: Sequence[str]) -> tuple[str, ...]:
    """Those of them that choose the data set."""
    return tuple(word for word in overrides if key_of(word).partition(".")[0] == "dataset")


def by_name(dataset: str) -> list[str]:
    """Of a folder nobody knows here where it is: what only reads the store needs no more than its name."""
    return [f"dataset={dataset}"] if dataset in DATASETS else ["dataset=folder", f"dataset.path={dataset}"]


def images_of(run: Run) -> dict[str, str]:
    """Name and pixel hash of the pictures of a run."""
    return dict(run.manifest.get("images") or {})


def _unfit(run: Run, conditions: Conditions) -> str:
    """Why a run does not meet the conditions; empty where it does."""
    if backend_of(run.manifest.get("metrics")) != backend_of(conditions.metrics):
        return "by another backend of the metrics"
    if run.manifest.get("metrics") != conditions.metrics and run.manifest.get("key") not in _shipped_keys():
        return "by other versions of the metrics"
    if lacking := set(conditions.asked) - set(asked_of(run.manifest)):
        return f"without {labels_of(lacking)}"
    sources = _sources(run, conditions)
    missing = [name for name in conditions.images if name not in sources]
    if not missing:
        failed = {str(failure.get("image")) for failure in run.manifest.get("failures", ())}
        measured = set(run.points()["image"]) | failed
        missing = [name for name, source in sources.items() if source not in measured]
    return f"lacks {listed(missing, 1)}" if missing else ""


@cache
def _shipped_keys() -> frozenset[str]:
    """Of runs that ship; their copies in a store have them too."""
    return frozenset(str(manifest.get("key")) for manifest, _ in shipped_runs())


def _timed_fingerprints(store: Store, run: Run) -> Iterator[dict[str, str]]:
    """Fingerprints under which a codec's times may be kept: its own.

    Of what ships also those that differ in the hash of our own source, which it was measured with long ago;
    settings and versions of encoder and decoder are the same.
    """
    made_by = run.manifest.get("codec")
    if made_by:
        yield made_by
    if made_by and run.manifest.get("key") in _shipped_keys():
        for path in sorted((store.root / "latency" / run.label).glob("*/latency.json")):
            fingerprint = (json_object(path) or {}).get("codec")
            if isinstance(fingerprint, dict) and {**fingerprint, "source": ""} == {**made_by, "source": ""}:
                yield fingerprint


def _sources(run: Run, conditions: Conditions) -> dict[str, str]:
    """For each picture that a run has, the name that the run has for it: its own, where that is the same."""
    hashes = images_of(run)
    if run.manifest.get("found_by") == "name and size":  # nobody here has seen its pixels
        is_same_set = run.manifest.get("dataset") == conditions.dataset
        return {name: name for name in conditions.images if is_same_set and name in hashes}
    by_pixels = {pixels: name for name, pixels in hashes.items()}
    sources = {name: by_pixels[pixels] for name, pixels in conditions.images.items() if pixels in by_pixels}
    return {name: name if hashes.get(name) == conditions.images[name] else sources[name] for name in sources}


def _renamed(run: Run, conditions: Conditions) -> pd.DataFrame:
    points, sources = run.points(), _sources(run, conditions)
    names = {str(name) for name in points["image"].unique()}
    if not sources or names <= {name for name, source in sources.items() if name == source}:
        return points
    mapping = pd.DataFrame(sources.items(), columns=["image", "source"])
    return mapping.merge(points.rename(columns={"image": "source"}), on="source")[list(points)]
