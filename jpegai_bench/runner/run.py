"""The main job: configuration, weights, codec, evaluation, store, tables and plots, in that order."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.fingerprint import sources
from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.codecs.rates import of_qualities
from jpegai_bench.codecs.shipped_points import shipped_points
from jpegai_bench.config.schema import FOUND, Settings
from jpegai_bench.config.variants import Variant, structure_of, variant_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.fingerprint.dependencies import users_files
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.metrics.fingerprint import fingerprint as metrics_fingerprint
from jpegai_bench.network.weight_files import SHARED_FILE, SHIPPED_WEIGHTS, read, synthesis_file
from jpegai_bench.report.gather.codec_points import Conditions
from jpegai_bench.report.gather.peers import require_peers, wanted_peers
from jpegai_bench.report.rebuild import Selection
from jpegai_bench.runner.complexity import counts
from jpegai_bench.runner.recorded_run import carried_out, measure_codec, run_anchor
from jpegai_bench.runner.work_plan import Plan, plan
from jpegai_bench.store.store import Store
from jpegai_bench.system.console import say


@dataclass(frozen=True)
class Measured:
    """A variant that was measured, as plain data: it may have been in another process."""

    variant: str
    selection: Selection
    """What tables and plots it belongs to."""
    computed: int
    """Units measured now; the others were found."""
    failures: tuple[str, ...]
    """One line for each image that failed."""


def measure(settings: Settings, how: Literal["all", "shard", "gather"] = "all") -> Measured:
    """Code a variant and its anchors, measure, store.

    What is in the store already is neither coded nor measured, and where nothing is missing, torch and the
    weights are not loaded.

    Args:
        settings: the variant, and on what.
        how: measure all images; only those of `settings.shard`, which leaves units and no run; or nothing,
            and record the run from the units that are there.

    Raises:
        BenchError: the variant, weights, data or an anchor are not usable, or no image could be measured.
    """
    variant = variant_of(settings)
    rates = settings.chosen_rates
    store = Store(settings.results)
    store.prepare()
    dataset = images(settings)
    codec = learned_codec(settings, variant)
    metrics = metrics_fingerprint()
    codecs, peers = anchor_codecs(settings), wanted_peers(settings.peers)
    conditions = Conditions(dataset.name, dataset.hashes(), metrics)
    require_peers(store, peers, conditions, [one.name for one in codecs])
    whole = plan(codec, dataset.images, rates, metrics, store, settings.pictures_of(len(dataset.images)))
    if not whole.is_done and how != "gather":
        codec.coder  # noqa: B018  weights that do not fit are an error before any work is begun
    selection = Selection(
        dataset.name,
        settings.model.name,
        rates.kind,
        peers=peers,
        hvs=settings.metrics.hvs,
        method=settings.method,
    )
    if how == "shard":
        computed, lines = _measure_shard(settings, codecs, whole, dataset, store)
        return Measured(variant.name, selection, computed, lines)
    anchors = [run_anchor(settings, one, dataset, store, how == "gather") for one in codecs]
    anchor_folders = [str(folder.relative_to(store.root)) for folder, _ in anchors]
    about = {
        "model": settings.model.name,
        "weights": settings.weights,
        "trained": _trained(codec.folder, variant),
        "sources": codec.sources(),
        "anchor": anchor_folders[0],
        "anchors": anchor_folders,
        "config": _plain(settings),
    }
    complexity = counts(settings, variant, store)
    failures = {line for _, lines in anchors for line in lines}
    try:
        _, evaluation = measure_codec(
            settings, store, "runs", whole, dataset, about, complexity, how == "gather"
        )
    except BenchError as error:
        raise BenchError("; ".join([str(error), *sorted(failures)[:1]])) from None
    failures |= {failure.message for failure in evaluation.failures}
    return Measured(variant.name, selection, evaluation.computed, tuple(sorted(failures)))


_GROUPS = ("model", "dataset", "metrics", "training")


def _measure_shard(
    settings: Settings, anchors: list[AnchorCodec], whole: Plan, dataset: Dataset, store: Store
) -> tuple[int, tuple[str, ...]]:
    """Measure every `settings.shards`-th image, under anchors too that do not ship; no run is recorded.

    Returns:
        How many units were measured, and one line for each image that failed.
    """
    pictures = settings.pictures_of(len(dataset.images))
    plans = [
        plan(anchor, dataset.images, of_qualities(anchor.qualities), whole.metrics, store, pictures)
        for anchor in anchors
        if not shipped_points(anchor, dataset)
    ]
    computed, failures = 0, set()
    number, shards = settings.shard or 0, settings.shards
    for one in (*plans, whole):
        what = f"{one.codec.name} on {dataset.name}, shard {number + 1} of {shards}"
        evaluation = carried_out(one.shard(number, shards), what, settings.worker_count)
        computed += evaluation.computed
        failures |= {failure.message for failure in evaluation.failures}
    return computed, tuple(sorted(failures))


def _plain(settings: Settings) -> dict[str, Any]:
    """Every setting as the manifest keeps it; of an experiment the name."""
    plain = vars(settings) | {name: vars(getattr(settings, name)) for name in _GROUPS}
    plain = {name: value for name, value in plain.items() if name not in FOUND}
    return plain | {"experiment": settings.experiment.name if settings.experiment else None}


def anchor_codecs(settings: Settings) -> list[AnchorCodec]:
    """The codecs of the `anchor` group, the main one first."""
    codecs = [codec_of(label, node) for label, node in settings.anchor.items()]
    if not codecs:
        raise UsageError("anchor: choose at least one, as anchor=vvc or anchor=[vvc,hevc]")
    labels = [codec.name for codec in codecs]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise UsageError(f"anchor: two are named {twice[0]}; give one of them another `name`")
    return codecs


def learned_codec(settings: Settings, variant: Variant) -> LearnedCodec:
    """The variant as a codec, with the weights that `weights=` names."""
    structure, folder = structure_of(settings, variant), weights_folder(settings, variant)
    _tell_of_other_code(folder, variant, structure)
    network = partial(variant.network, settings.model)
    return LearnedCodec(variant.name, network, structure, folder, settings.rdo)


def _tell_of_other_code(folder: Path, variant: Variant, structure: dict[str, Any]) -> None:
    """Say where modules of the user's own are other ones than those that the weights were trained with."""
    was = _noted(folder / synthesis_file(variant.name), "synthesis").get("own_source")
    if not isinstance(was, dict) or not was:
        return
    now = users_files(sources(structure))
    if was != now:
        files = ", ".join(sorted(name for name in {*was, *now} if was.get(name) != now.get(name)))
        say(f"the weights in {folder} were trained with other code in {files}")


def weights_folder(settings: Settings, variant: Variant) -> Path:
    """Where the weights are; `weights=train` trains them first."""
    if settings.weights == "train":
        from jpegai_bench.training.run import train_variant

        return train_variant(settings, variant)
    shipped = settings.weights == "shipped"
    folder = SHIPPED_WEIGHTS / settings.model.name if shipped else Path(settings.weights).expanduser()
    if folder.is_file():
        raise BenchError(
            f"weights={folder}: give the folder that holds {SHARED_FILE} and {synthesis_file(variant.name)}; "
            "only safetensors are read, pickled weights (.pt, .pth) are never opened"
        )
    if not shipped and not folder.is_dir():
        raise BenchError(f"weights={folder}: no such folder")
    for file in (SHARED_FILE, synthesis_file(variant.name)):
        if not (folder / file).is_file():
            if not shipped:
                raise BenchError(f"weights={folder}: no {file} in it")
            variant.modules(settings.model.network_size())  # what does not fit is the first to be told
            raise BenchError(
                f"no weights are shipped for variant {variant.name} at model={settings.model.name}: "
                "give some with weights=FOLDER, or train them with weights=train training.data=[FOLDER]"
            )
    return folder


def _trained(folder: Path, variant: Variant) -> dict[str, Any]:
    """What encoder and synthesis in `folder` note of their training: recipe with seed, photographs.

    Not from the configuration: its training group is not what made weights that were shipped or given.
    """
    files = {"shared": SHARED_FILE, "synthesis": synthesis_file(variant.name)}
    return {kind: _noted(folder / file, kind) for kind, file in files.items()}


def _noted(path: Path, kind: str) -> dict[str, Any]:
    try:
        note = json.loads(read(path, kind)[1].get("note", "{}"))
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def images(settings: Settings) -> Dataset:
    """The data set of `dataset=…`, the first `dataset.limit` of its images."""
    dataset = load(settings.dataset.name, settings.dataset.path)
    return Dataset(dataset.name, dataset.images[: settings.dataset.limit])
