"""The main job: configuration, weights, codec, evaluation, store, tables and plots, in that order."""

import json
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import Any

from jpegai_bench import __version__
from jpegai_bench.anchors import codec_of, shipped_points
from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.config import SHIPPED_WEIGHTS, Settings, Variant, structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.evaluate import Evaluation, evaluate
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.progress import progress
from jpegai_bench.rates import Rates, of_qualities
from jpegai_bench.report.codec_points import Conditions
from jpegai_bench.report.peers import require_peers, wanted_peers
from jpegai_bench.report.rebuild import Rebuilt, Selection, rebuild
from jpegai_bench.store import Store, content_key

LIBRARIES = ("torch", "compressai", "ptflops", "numpy", "pillow", "imageio-ffmpeg")


def run(settings: Settings) -> tuple[Rebuilt, list[str]]:
    """Code, measure, store, and rebuild tables and plots.

    Returns:
        What was rebuilt, and one line for each image that failed.
    """
    variant = variant_of(settings)
    rates = settings.chosen_rates
    store = Store(settings.results)
    store.prepare()
    dataset = images(settings)
    codec = learned_codec(settings, variant)
    codec.coder  # noqa: B018  weights that do not fit are an error before any work is begun
    complexity = complexity_summary(settings, variant)
    codecs, peers = anchor_codecs(settings), wanted_peers(settings.peers)
    conditions = Conditions(dataset.name, dataset.hashes(), _metrics())
    require_peers(store, peers, conditions, [one.name for one in codecs])
    anchors = [run_anchor(settings, one, dataset, store) for one in codecs]
    anchor_folders = [str(folder.relative_to(store.root)) for folder, _ in anchors]
    about = {
        "model": settings.model.name,
        "weights": settings.weights,
        "trained": _trained(codec.folder, variant),
        "anchor": anchor_folders[0],
        "anchors": anchor_folders,
        "config": vars(settings) | {name: vars(getattr(settings, name)) for name in _GROUPS},
    }
    _, evaluation = _measure(settings, store, "runs", codec, dataset, rates, about, complexity)
    failures = {line for _, lines in anchors for line in lines}
    failures |= {failure.message for failure in evaluation.failures}
    selection = Selection(
        dataset.name,
        settings.model.name,
        rates.kind,
        peers=peers,
        hvs=settings.metrics.hvs,
        method=settings.method,
    )
    rebuilt = rebuild(store, selection)
    return rebuilt, sorted(failures)


_GROUPS = ("model", "dataset", "metrics", "training")


def anchor_codecs(settings: Settings) -> list[AnchorCodec]:
    """The codecs of the `anchor` group, the main one first."""
    codecs = [codec_of(label, node) for label, node in settings.anchor.items()]
    if not codecs:
        raise BenchError("anchor: choose at least one, as anchor=vvc or anchor=[vvc,hevc]")
    labels = [codec.name for codec in codecs]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise BenchError(f"anchor: two are named {twice[0]}; give one of them another `name`")
    return codecs


def run_anchor(
    settings: Settings, codec: AnchorCodec, dataset: Dataset, store: Store
) -> tuple[Path, list[str]]:
    """An anchor's points on a data set: shipped ones where they fit, else coded now.

    Returns:
        The folder of the anchor's run, and one line for each image that failed.
    """
    if found := shipped_points(codec, dataset):
        hashes = dataset.hashes()
        key = content_key([found.manifest["key"], hashes, sorted(codec.qualities)])
        folder = store.run_folder("anchors", codec.name, key)
        own = {"label": codec.name, "status": "done", "dataset": dataset.name, "images": hashes}
        store.write_run(folder, {**found.manifest, **own, "images_key": content_key(hashes)}, found.points)
        return folder, []
    folder, evaluation = measure_anchor(settings, codec, dataset, store)
    return folder, [failure.message for failure in evaluation.failures]


def measure_anchor(
    settings: Settings, codec: AnchorCodec, dataset: Dataset, store: Store
) -> tuple[Path, Evaluation]:
    """Code and measure a codec of the `anchor` group, whatever ships; the folder of its run, what came out.

    Raises:
        BenchError: it cannot be used here, or no image could be measured.
    """
    codec.check()
    return _measure(settings, store, "anchors", codec, dataset, of_qualities(codec.qualities))


def learned_codec(settings: Settings, variant: Variant) -> Any:
    """The variant as a codec, with the weights that `weights=` names."""
    from jpegai_bench.codecs.learned import LearnedCodec

    size = settings.model.network_size()
    return LearnedCodec(
        variant.name,
        size,
        variant.modules(size),
        structure_of(settings, variant),
        weights_folder(settings, variant),
    )


def weights_folder(settings: Settings, variant: Variant) -> Path:
    """Where the weights are; `weights=train` trains them first."""
    from jpegai_bench.network.weights import SHARED_FILE, synthesis_file

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
            raise BenchError(
                f"no weights are shipped for variant {variant.name} at model={settings.model.name}: "
                "give some with weights=FOLDER, or train them with weights=train training.data=[FOLDER]"
            )
    return folder


def _trained(folder: Path, variant: Variant) -> dict[str, Any]:
    """What encoder and synthesis in `folder` note of their training: recipe with seed, photographs.

    Not from the configuration: its training group is not what made weights that were shipped or given.
    """
    from jpegai_bench.network.weights import SHARED_FILE, read, synthesis_file

    files = {"shared": SHARED_FILE, "synthesis": synthesis_file(variant.name)}
    return {kind: json.loads(read(folder / file, kind)[1].get("note", "{}")) for kind, file in files.items()}


def complexity_summary(settings: Settings, variant: Variant) -> dict[str, Any]:
    """The figures of the luma synthesis, and all parts, as plain data."""
    from jpegai_bench.analysis.complexity import measure

    size = settings.model.network_size()
    measured = measure(size, variant.modules(size))
    luma = measured.luma_synthesis
    return {
        "variant": variant.name,
        "model": settings.model.name,
        "published_kmacs_px": luma.published,
        "input_size_kmacs_px": luma.input_size,
        "all_kmacs_px": luma.all,
        "elementwise_kops_px": luma.elementwise,
        "params_m": luma.params / 1e6,
        "paper_kmacs_px": variant.paper_kmacs_px if settings.model.name == "paper" else None,
        "parts": {name: counts.published for name, counts in measured.luma.items()},
        "detail": measured.as_dict(),
    }


def images(settings: Settings) -> Dataset:
    """The data set of `dataset=…`, the first `dataset.limit` of its images."""
    dataset = load(settings.dataset.name, settings.dataset.path)
    return Dataset(dataset.name, dataset.images[: settings.dataset.limit])


def _measure(
    settings: Settings,
    store: Store,
    kind: str,
    codec: Any,
    dataset: Dataset,
    rates: Rates,
    about: dict[str, Any] | None = None,
    complexity: dict[str, Any] | None = None,
) -> tuple[Path, Evaluation]:
    """Measure a codec, on record from its start to its end in a folder of `runs` or `anchors`."""
    hashes = dataset.hashes()
    if not hashes:
        dataset.images[0].read()  # raises, and says what is wrong with it
    fingerprint, metrics = codec.fingerprint(), _metrics()
    key = content_key([fingerprint, hashes, rates.content(), metrics])
    manifest = {
        "label": codec.name,
        "note": codec.describe(),
        "key": key,
        "dataset": dataset.name,
        "images": hashes,
        "images_key": content_key(hashes),
        "codec": fingerprint,
        "metrics": metrics,
        "rates": rates.kind,
        "targets" if rates.kind == "target" else "qualities": rates.values,
        "hvs": settings.metrics.hvs,
        "bd_method": settings.method,
        "versions": {name: version(name) for name in LIBRARIES}
        | {"jpegai-bench": __version__, "python": python_version(), "platform": platform()},
        **({"chroma": codec.chroma} if kind == "anchors" else {}),
        **(about or {}),
    }
    what = f"{'variant' if kind == 'runs' else 'anchor'} {codec.name} on {dataset.name}"
    with store.recorded(store.run_folder(kind, codec.name, key), manifest) as record:
        with progress(what, len(dataset.images), "images") as advance:
            evaluation = evaluate(
                codec,
                dataset.images,
                rates,
                metrics,
                store,
                settings.worker_count,
                lambda _: advance(),
                pictures=len(dataset.images) if settings.pictures == "all" else settings.pictures,
            )
        if evaluation.points.empty:
            first = evaluation.failures[0].message
            raise BenchError(f"{codec.name} on {dataset.name}: no image could be measured; {first}")
        outcome = {
            "not_applicable": evaluation.not_applicable,
            "out_of_reach": evaluation.out_of_reach,
            "failures": [vars(failure) for failure in evaluation.failures],
            "units_computed": evaluation.computed,
        }
        record.finish(outcome, evaluation.points, complexity)
    return record.folder, evaluation


def _metrics() -> dict[str, str]:
    from jpegai_bench.metrics.fingerprint import fingerprint

    return fingerprint()
