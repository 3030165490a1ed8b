"""The main job: configuration, weights, codec, evaluation, store, tables and plots, in that order."""

import json
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import TYPE_CHECKING, Any

from jpegai_bench import __version__
from jpegai_bench.anchors import anchor_codec, shipped_points
from jpegai_bench.config import SHIPPED_WEIGHTS, Settings, Variant, structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.evaluate import Evaluation, evaluate
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.progress import progress
from jpegai_bench.rates import Rates, of_qualities
from jpegai_bench.report.rebuild import Rebuilt, rebuild
from jpegai_bench.store import Store, content_key

if TYPE_CHECKING:
    import pandas as pd

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
    dataset = _images(settings)
    codec = learned_codec(settings, variant)
    codec.coder  # noqa: B018  weights that do not fit are an error before any work is begun
    complexity = complexity_summary(settings, variant)
    anchor_folder, anchor_failures = run_anchor(settings, dataset, store)
    about = {
        "model": settings.model.name,
        "weights": settings.weights,
        "trained": _trained(codec.folder, variant),
        "anchor": str(anchor_folder.relative_to(store.root)),
        "config": vars(settings) | {name: vars(getattr(settings, name)) for name in _GROUPS},
    }
    _, evaluation = _measure(settings, store, "runs", codec, dataset, rates, about, complexity)
    failures = {failure.message for failure in evaluation.failures} | set(anchor_failures)
    rebuilt = rebuild(
        store,
        dataset.name,
        settings.model.name,
        rates=rates.kind,
        hvs=settings.metrics.hvs,
        method=settings.method,
    )
    return rebuilt, sorted(failures)


_GROUPS = ("model", "dataset", "metrics", "anchor", "training")


def run_anchor(settings: Settings, dataset: Dataset, store: Store) -> tuple[Path, list[str]]:
    """The anchor's points on a data set: shipped ones where they fit, else coded now.

    Returns:
        The folder of the anchor's run, and one line for each image that failed.
    """
    codec = anchor_codec(settings.anchor.codec, settings.anchor.preset)
    qualities = settings.anchor.qualities or list(codec.qualities)
    if found := shipped_points(codec, qualities, dataset):
        key = content_key([found.manifest["key"], dataset.hashes(), sorted(qualities)])
        folder = store.run_folder("anchors", codec.name, key)
        store.write_run(folder, {**found.manifest, "status": "done"}, found.points)
        return folder, []
    folder, evaluation = _measure(settings, store, "anchors", codec, dataset, of_qualities(qualities))
    return folder, [failure.message for failure in evaluation.failures]


def measure_anchor(settings: Settings) -> tuple[Path, "pd.DataFrame", list[str]]:
    """Code and measure a conventional codec, whatever ships; its folder, its points, and what failed."""
    store = Store(settings.results)
    store.prepare()
    codec = anchor_codec(settings.codec, settings.anchor.preset)
    rates = of_qualities(settings.anchor.qualities or codec.qualities)
    folder, evaluation = _measure(settings, store, "anchors", codec, _images(settings), rates)
    return folder, evaluation.points, [failure.message for failure in evaluation.failures]


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


def _images(settings: Settings) -> Dataset:
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
        **(about or {}),
    }
    what = f"{'variant' if kind == 'runs' else 'anchor'} {codec.name} on {dataset.name}"
    with store.recorded(store.run_folder(kind, codec.name, key), manifest) as record:
        with progress(what, len(dataset.images), "images") as advance:
            evaluation = evaluate(
                codec, dataset.images, rates, metrics, store, settings.worker_count, lambda _: advance()
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
