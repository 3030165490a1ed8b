"""The main job, top to bottom: config → weights (load | train) → codec → evaluate → store."""

from dataclasses import dataclass
from typing import Any

from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.config.command_settings import RunSettings
from jpegai_bench.config.schema import DERIVED
from jpegai_bench.config.variants import Variant, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.metrics.fingerprint import fingerprint
from jpegai_bench.runner.complexity import counts
from jpegai_bench.runner.inputs import anchor_codecs, images, learned_codec, training_notes
from jpegai_bench.runner.recorded_run import (
    RunManifest,
    anchor_plan,
    carry_out,
    record,
    run_anchor,
    shipped,
    warn_of_few_rates,
)
from jpegai_bench.runner.work_plan import Plan, plan
from jpegai_bench.store.store import Store


@dataclass(frozen=True)
class Measured:
    """A variant that was measured, as plain data: it may have been in another process."""

    dataset: str
    computed: int
    """Units measured now; the others were found."""
    failures: tuple[str, ...]
    """One line for each image that failed."""


def measure_variant(settings: RunSettings) -> Measured:
    """Code a variant and its anchors, measure, store.

    What is in the store already is neither coded nor measured, and where nothing is missing, torch and the
    weights are not loaded.

    Raises:
        BenchError: the variant, weights, data or an anchor are not usable, or no image could be measured.
    """
    run = _prepared(settings)
    if not run.plan.is_done:
        run.codec.coder  # noqa: B018  weights that do not fit are an error before any work is begun
    return _stored(settings, run, settings.worker_count)


def gather(settings: RunSettings) -> Measured:
    """Record the run of a variant from the units that are there; raises as `measure_variant`."""
    return _stored(settings, _prepared(settings), workers=None)


def measure_shard(settings: RunSettings) -> Measured:
    """Measure every `settings.shards`-th image, under anchors too that do not ship; no run is recorded.

    Raises as `measure_variant`.
    """
    run = _prepared(settings)
    if not run.plan.is_done:
        run.codec.coder  # noqa: B018
    anchors = [anchor for anchor in run.anchors if not shipped(settings, anchor, run.dataset)]
    plans = [*(anchor_plan(settings, anchor, run.dataset, run.store) for anchor in anchors), run.plan]
    number, shards = settings.shard or 0, settings.shards
    evaluations = [
        carry_out(
            work.shard(number, shards),
            f"{work.codec.name} on {run.dataset.name}, shard {number + 1} of {shards}",
            settings.worker_count,
        )
        for work in plans
    ]
    failures = {failure.message for evaluation in evaluations for failure in evaluation.failures}
    return Measured(
        run.dataset.name, sum(evaluation.computed for evaluation in evaluations), tuple(sorted(failures))
    )


@dataclass(frozen=True)
class _Run:
    """What a run works on; nothing is measured yet, and of the weights only the hashes were read."""

    variant: Variant
    codec: LearnedCodec
    anchors: list[AnchorCodec]
    dataset: Dataset
    store: Store
    plan: Plan


def _prepared(settings: RunSettings) -> _Run:
    """Configuration → weights (load | train) → codec, and what of its work is in the store."""
    variant, rates = variant_of(settings), settings.chosen_rates
    warn_of_few_rates(rates, f"variant {variant.name}")
    store = Store(settings.results)
    store.prepare()
    dataset = images(settings)
    codec = learned_codec(settings, variant, settings.rdo, settings.device, settings.precision)
    anchors = anchor_codecs(settings)
    pictures, metrics = settings.pictures_of(len(dataset.images)), fingerprint(settings.metrics.backend)
    work = plan(codec, dataset.images, rates, metrics, store, pictures, settings.metrics.asked)
    return _Run(variant, codec, anchors, dataset, store, work)


def _stored(settings: RunSettings, run: _Run, workers: int | None) -> Measured:
    """Codec → evaluate → store, the anchors first; without workers nothing is measured."""
    anchors = [run_anchor(settings, anchor, run.dataset, run.store, workers) for anchor in run.anchors]
    folders = [str(folder.relative_to(run.store.root)) for folder, _ in anchors]
    failures = {line for _, lines in anchors for line in lines}
    about = {
        "model": settings.model.name,
        "weights": settings.weights,
        "trained": training_notes(run.codec.folder, run.variant),
        "sources": run.codec.sources(),
        "anchor": folders[0],
        "anchors": folders,
        "config": _plain(settings),
        "overrides": settings.words_again(),
    }
    complexity = counts(settings, run.variant, run.store)
    manifest = RunManifest("runs", run.plan, run.dataset.name, settings.metrics.hvs, settings.method, about)
    try:
        _, evaluation = record(run.store, manifest, workers, complexity)
    except BenchError as error:
        raise BenchError("; ".join([str(error), *sorted(failures)[:1]])) from None
    failures |= {failure.message for failure in evaluation.failures}
    return Measured(run.dataset.name, evaluation.computed, tuple(sorted(failures)))


def _plain(settings: RunSettings) -> dict[str, Any]:
    """Every setting as the manifest keeps it; of an experiment the name."""
    groups = ("model", "dataset", "metrics", "training")
    plain = vars(settings) | {name: vars(getattr(settings, name)) for name in groups}
    plain = {name: value for name, value in plain.items() if name not in DERIVED}
    return plain | {"experiment": settings.experiment.name if settings.experiment else None}
