"""The main job: configuration, weights, codec, evaluation, store, tables and plots, in that order."""

from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import TYPE_CHECKING, Any

from jpegai_bench import __version__
from jpegai_bench.anchors import AnchorCodec, anchor_codec, shipped_points
from jpegai_bench.codecs.protocol import Codec
from jpegai_bench.config import Settings, Variant, structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.evaluate import Evaluation, evaluate
from jpegai_bench.images.datasets import Dataset, load
from jpegai_bench.progress import progress
from jpegai_bench.report.rebuild import Rebuilt, rebuild
from jpegai_bench.store import Store, content_key, now, process

if TYPE_CHECKING:
    import pandas as pd

SHIPPED = Path(__file__).parent / "weights"
LIBRARIES = ("torch", "compressai", "piq", "pytorch-msssim", "ptflops", "numpy", "pillow", "imageio-ffmpeg")


def run(settings: Settings) -> tuple[Rebuilt, list[str]]:
    """Code, measure, store, and rebuild tables and plots.

    Returns:
        What was rebuilt, and one line for each image that failed.
    """
    variant = variant_of(settings)
    store = Store(settings.results)
    store.prepare()
    dataset = _images(settings)
    codec = learned_codec(settings, variant)
    codec.coder  # noqa: B018  weights that do not fit are an error before any work is begun
    anchor_folder, anchor_failures = run_anchor(settings, dataset, store)
    evaluation = _evaluate(settings, store, codec, dataset, settings.rates, "variant")
    key = content_key([codec.fingerprint(), evaluation.image_hashes, settings.rates, _metrics()])
    manifest = {
        **_manifest(settings, codec, dataset, evaluation, key),
        "model": settings.model.name,
        "weights": settings.weights,
        "anchor": str(anchor_folder.relative_to(store.root)),
        "config": vars(settings) | {name: vars(getattr(settings, name)) for name in _GROUPS},
    }
    folder = store.run_folder("runs", variant.name, key)
    store.write_run(folder, manifest, evaluation.points, complexity_summary(settings, variant))
    if evaluation.points.empty:
        raise BenchError(f"dataset {dataset.name}: no image could be measured")
    failures = {failure.message for failure in evaluation.failures} | set(anchor_failures)
    return rebuild(store, dataset=dataset.name, model=settings.model.name), sorted(failures)


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
        store.write_run(folder, found.manifest, found.points)
        return folder, []
    folder, _, failures = _measure_anchor(settings, codec, qualities, dataset, store)
    return folder, failures


def measure_anchor(settings: Settings) -> tuple[Path, "pd.DataFrame", list[str]]:
    """Code and measure a conventional codec, whatever ships; its folder, its points, and what failed."""
    store = Store(settings.results)
    store.prepare()
    codec = anchor_codec(settings.codec, settings.anchor.preset)
    qualities = settings.anchor.qualities or list(codec.qualities)
    return _measure_anchor(settings, codec, qualities, _images(settings), store)


def _measure_anchor(
    settings: Settings, codec: AnchorCodec, qualities: list[float], dataset: Dataset, store: Store
) -> tuple[Path, "pd.DataFrame", list[str]]:
    evaluation = _evaluate(settings, store, codec, dataset, qualities, "anchor")
    key = content_key([codec.fingerprint(), evaluation.image_hashes, sorted(qualities), _metrics()])
    folder = store.run_folder("anchors", codec.name, key)
    store.write_run(folder, _manifest(settings, codec, dataset, evaluation, key), evaluation.points)
    return folder, evaluation.points, [failure.message for failure in evaluation.failures]


def learned_codec(settings: Settings, variant: Variant) -> Any:
    """The variant as a codec, with the weights that `weights=` names."""
    from jpegai_bench.codecs.learned import LearnedCodec

    return LearnedCodec(
        variant.name,
        settings.model.network_size(),
        variant.modules(),
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
    folder = SHIPPED / settings.model.name if shipped else Path(settings.weights).expanduser()
    if folder.is_file():
        raise BenchError(
            f"weights={folder}: give the folder that holds {SHARED_FILE} and {synthesis_file(variant.name)}; "
            "only safetensors are read, pickled weights (.pt, .pth) are never opened"
        )
    for file in (SHARED_FILE, synthesis_file(variant.name)):
        if not (folder / file).is_file():
            if not shipped:
                raise BenchError(f"weights={folder}: no {file} in it")
            raise BenchError(
                f"no weights are shipped for variant {variant.name} at model={settings.model.name}: "
                "give some with weights=FOLDER, or train them with weights=train training.data=[FOLDER]"
            )
    return folder


def complexity_summary(settings: Settings, variant: Variant) -> dict[str, Any]:
    """The figures of the luma synthesis, and all parts, as plain data."""
    from jpegai_bench.analysis.complexity import measure

    measured = measure(settings.model.network_size(), variant.modules())
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


def _evaluate(
    settings: Settings, store: Store, codec: Codec, dataset: Dataset, qualities: list[float], what: str
) -> Evaluation:
    with progress(f"{what} {codec.name} on {dataset.name}", len(dataset.images), "images") as advance:
        return evaluate(
            codec, dataset.images, qualities, _metrics(), store, settings.worker_count, lambda _: advance()
        )


def _metrics() -> dict[str, str]:
    from jpegai_bench.metrics.fingerprint import fingerprint

    return fingerprint()


def _manifest(
    settings: Settings, codec: Any, dataset: Dataset, evaluation: Evaluation, key: str
) -> dict[str, Any]:
    return {
        "label": codec.name,
        "note": codec.describe(),
        "key": key,
        "status": "done",
        "end": now(),
        **process(),
        "dataset": dataset.name,
        "images": evaluation.image_hashes,
        "images_key": content_key(evaluation.image_hashes),
        "codec": codec.fingerprint(),
        "metrics": _metrics(),
        "hvs": settings.metrics.hvs,
        "bd_method": settings.metrics.bd_method,
        "not_applicable": evaluation.not_applicable,
        "failures": [vars(failure) for failure in evaluation.failures],
        "units_computed": evaluation.computed,
        "versions": {name: version(name) for name in LIBRARIES}
        | {"jpegai-bench": __version__, "python": python_version(), "platform": platform()},
    }
