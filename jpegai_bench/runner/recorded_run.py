"""A codec measured on a data set, on record in the store from start to end."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from platform import platform
from typing import Any, Literal

from jpegai_bench.analysis.bdrate import FEWEST_POINTS
from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.codecs.rates import Rates, of_qualities
from jpegai_bench.codecs.shipped_points import ShippedPoints, shipped_points
from jpegai_bench.config.command_settings import PictureSettings
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.metrics.backends import backend_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.fingerprint import fingerprint
from jpegai_bench.runner.evaluate import Evaluation, evaluate, gather
from jpegai_bench.runner.reason_to_measure import reason_to_measure
from jpegai_bench.runner.work_plan import Plan, plan
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import LOG, Store
from jpegai_bench.system.console import detail, log, logged, report, say
from jpegai_bench.system.progress import progress
from jpegai_bench.system.versions import versions
from jpegai_bench.system.wording import count


@dataclass(frozen=True)
class RunManifest:
    """What is known of a run before it begins: of which codec, on what, under which metrics."""

    kind: Literal["runs", "anchors"]
    """Of a variant, or of an anchor: the folder of the store."""
    plan: Plan
    dataset: str
    hvs: str
    bd_method: str
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else `run.json` says of a variant."""

    @property
    def label(self) -> str:
        """The codec's name."""
        return self.plan.codec.name

    @property
    def title(self) -> str:
        """It in a few words."""
        return f"{'variant' if self.kind == 'runs' else 'anchor'} {self.label} on {self.dataset}"

    @cached_property
    def plain(self) -> dict[str, Any]:
        """As `run.json` begins; `key` names the run by its content."""
        codec: Any = self.plan.codec
        rates, hashes, metrics = self.plan.rates, self.plan.hashes, self.plan.metrics
        made_by = codec.fingerprint()
        only = [] if self.plan.asked == NAMES else [list(self.plan.asked)]
        return {
            "label": self.label,
            "note": codec.describe(),
            # Units are found by content alone; a run is of a data set by its name: one of two would lose it.
            "key": content_key([made_by, self.dataset, hashes, rates.content(), metrics, *only]),
            "dataset": self.dataset,
            "images": hashes,
            "images_key": content_key(hashes),
            "codec": made_by,
            "metrics": metrics,
            "metrics_backend": backend_of(metrics),
            **({"metrics_only": only[0]} if only else {}),
            "rates": rates.kind,
            "targets" if rates.kind == "target" else "qualities": list(rates.values),
            "hvs": self.hvs,
            "bd_method": self.bd_method,
            "versions": versions() | {"platform": platform()},
            **({"chroma": codec.chroma} if self.kind == "anchors" else {}),
            **self.about,
        }


def run_anchor(
    settings: PictureSettings, codec: AnchorCodec, dataset: Dataset, store: Store, workers: int | None
) -> tuple[Path, list[str]]:
    """An anchor's points on a data set: shipped ones where they fit, else coded now.

    Returns:
        The folder of the anchor's run, and one line for each image that failed.
    """
    if ready := shipped(settings, codec, dataset):
        hashes = dataset.hashes()
        key = content_key([ready.manifest["key"], hashes, sorted(codec.qualities)])
        folder = store.run_folder("anchors", codec.name, key)
        own_fields = {"label": codec.name, "status": "done", "dataset": dataset.name, "images": hashes}
        store.write_run(
            folder, {**ready.manifest, **own_fields, "images_key": content_key(hashes)}, ready.points
        )
        return folder, []
    folder, evaluation = measure_anchor(settings, codec, dataset, store, workers)
    return folder, [failure.message for failure in evaluation.failures]


def shipped(settings: Settings, codec: AnchorCodec, dataset: Dataset) -> ShippedPoints | None:
    """Points of an anchor that ship, where they are by the metrics' backend that is wanted: our own."""
    return shipped_points(codec, dataset) if settings.metrics.backend == "own" else None


def measure_anchor(
    settings: PictureSettings, codec: AnchorCodec, dataset: Dataset, store: Store, workers: int | None
) -> tuple[Path, Evaluation]:
    """Code and measure a codec of the `anchor` group, whatever ships; the folder of its run, what came out.

    Raises:
        BenchError: it cannot be used here, or no image could be measured.
    """
    work = anchor_plan(settings, codec, dataset, store)
    if not work.is_done:
        warn_of_few_rates(work.rates, f"anchor {codec.name}")
    if workers and not work.is_done:
        codec.check()
    manifest = RunManifest("anchors", work, dataset.name, settings.metrics.hvs, settings.method)
    return record(store, manifest, workers)


def anchor_plan(settings: PictureSettings, codec: AnchorCodec, dataset: Dataset, store: Store) -> Plan:
    """An anchor's work on a data set, at its own qualities."""
    pictures, metrics = settings.pictures_of(len(dataset.images)), fingerprint(settings.metrics.backend)
    rates, asked = of_qualities(codec.qualities), settings.metrics.asked
    return plan(codec, dataset.images, rates, metrics, store, pictures, asked)


def warn_of_few_rates(rates: Rates, subject: str) -> None:
    """Say before any work that these rates are too few for a BD-rate."""
    number = len(rates.values)
    if number < FEWEST_POINTS:
        listed = ",".join(f"{value:g}" for value in rates.values)
        setting = "targets" if rates.kind == "target" else "qualities"
        needed = f"{number} of the {FEWEST_POINTS} rates that a BD-rate takes"
        say(f"{subject}: {setting}=[{listed}] has {needed}: NA")


def record(
    store: Store, run: RunManifest, workers: int | None, complexity: dict[str, Any] | None = None
) -> tuple[Path, Evaluation]:
    """Measure what a run lacks, on record from its start to its end; without workers only gather.

    Returns:
        The folder of the run, and what came out.
    """
    work = run.plan
    if not work.hashes:
        raise BenchError(work.failures[0].message)
    folder = store.run_folder(run.kind, run.label, run.plain["key"])
    with logged(folder / LOG) if workers and not work.is_done else nullcontext():
        reason = _report_work(store, run, folder)
        with store.recorded(folder, {**run.plain, **reason}) as recorded:
            evaluation = carry_out(work, run.title, workers) if workers else gather(work)
            if evaluation.points.empty:
                first = evaluation.failures[0].message
                raise BenchError(f"{run.label} on {run.dataset}: no image could be measured; {first}")
            for failure in evaluation.failures:
                log(f"left out: {failure.message}\n{failure.details}".rstrip())
            outcome = {
                "not_applicable": evaluation.not_applicable,
                "out_of_reach": evaluation.out_of_reach,
                "failures": [vars(failure) for failure in evaluation.failures],
                "units_computed": evaluation.computed,
            }
            recorded.finish(outcome, evaluation.points, complexity)
    return folder, evaluation


def _report_work(store: Store, run: RunManifest, folder: Path) -> dict[str, str]:
    """Say how much there is to measure, and why; the reason, for `run.json`, as `why`."""
    work, manifest, subject, reason = run.plan, run.plain, run.title, {}
    missing, units = sum(work.missing), len(work.images) * len(work.rates.values)
    if missing:
        reason = {"why": reason_to_measure(manifest, _earlier(store, run))}
        report(f"{subject}: {missing} of {units} units to measure: {reason['why']}")
        lacking = [
            f"{image.file.name} ({count})"
            for image, count in zip(work.images, work.missing, strict=True)
            if count
        ]
        detail(f"{subject}: units to measure, by image: {', '.join(lacking)}")
    elif lacks_pictures := sum(work.lacks_pictures):
        report(f"{subject}: pictures of {count(lacks_pictures, 'image')} to keep, nothing to measure")
    else:
        detail(f"{subject}: all {units} units are in the store")
    if manifest.get("weights"):
        detail(f"{subject}: weights={manifest['weights']}, model={manifest['model']}")
    detail(f"{subject}: {manifest['note']}; into {folder}")
    detail("versions: " + ", ".join(f"{name} {number}" for name, number in manifest["versions"].items()))
    return reason


def carry_out(work: Plan, subject: str, workers: int) -> Evaluation:
    """Measure what a plan lacks, with its progress on stderr; `subject` says what it is."""
    with progress(subject, len(work.images) * len(work.rates.values), "units") as advance:
        advance(completed=len(work.images) * len(work.rates.values) - sum(work.missing), resumed=True)
        return evaluate(
            work,
            workers,
            lambda units: advance(completed=units),
            lambda holder: report(f"{subject}: {holder} is measuring the rest; waiting for it"),
        )


def _earlier(store: Store, run: RunManifest) -> list[dict[str, Any]]:
    """Manifests of a run's codec on its data set, by their start, with the state that each is in."""
    manifests = [
        {**stored.manifest, "status": stored.state, "holder": str(stored.holder)}
        for stored in store.runs(run.kind)
        if stored.label == run.label and stored.manifest.get("dataset") == run.dataset
    ]
    return sorted(manifests, key=lambda manifest: str(manifest.get("start")))
