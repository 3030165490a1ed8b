"""A codec measured on a data set, on record in the store from start to end."""

from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from platform import platform, python_version
from typing import Any

from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.codecs.rates import of_qualities
from jpegai_bench.codecs.shipped_points import shipped_points
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import Dataset
from jpegai_bench.metrics.fingerprint import fingerprint as metrics_fingerprint
from jpegai_bench.runner.evaluate import Evaluation, evaluate, gather
from jpegai_bench.runner.why_again import why
from jpegai_bench.runner.work_plan import Plan, plan
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import LOG, Store
from jpegai_bench.system.console import detail, log, logged, report
from jpegai_bench.system.progress import progress
from jpegai_bench.version import __version__

LIBRARIES = ("torch", "compressai", "ptflops", "numpy", "pillow", "imageio-ffmpeg")


def run_anchor(
    settings: Settings, codec: AnchorCodec, dataset: Dataset, store: Store, gather_only: bool = False
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
    folder, evaluation = measure_anchor(settings, codec, dataset, store, gather_only)
    return folder, [failure.message for failure in evaluation.failures]


def measure_anchor(
    settings: Settings, codec: AnchorCodec, dataset: Dataset, store: Store, gather_only: bool = False
) -> tuple[Path, Evaluation]:
    """Code and measure a codec of the `anchor` group, whatever ships; the folder of its run, what came out.

    Raises:
        BenchError: it cannot be used here, or no image could be measured.
    """
    pictures = settings.pictures_of(len(dataset.images))
    rates = of_qualities(codec.qualities)
    whole = plan(codec, dataset.images, rates, metrics_fingerprint(), store, pictures)
    if not whole.is_done and not gather_only:
        codec.check()
    return measure_codec(settings, store, "anchors", whole, dataset, gather_only=gather_only)


def measure_codec(
    settings: Settings,
    store: Store,
    kind: str,
    whole: Plan,
    dataset: Dataset,
    about: dict[str, Any] | None = None,
    complexity: dict[str, Any] | None = None,
    gather_only: bool = False,
) -> tuple[Path, Evaluation]:
    """Measure what a plan lacks, on record from its start to its end in a folder of `runs` or `anchors`."""
    codec: Any = whole.codec
    rates, hashes = whole.rates, whole.hashes
    if not hashes:
        dataset.images[0].read()  # raises, and says what is wrong with it
    fingerprint, metrics = codec.fingerprint(), metrics_fingerprint()
    # Units are found by content alone; a run is of a data set by its name, or one of two would lose it.
    key = content_key([fingerprint, dataset.name, hashes, rates.content(), metrics])
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
        "targets" if rates.kind == "target" else "qualities": list(rates.values),
        "hvs": settings.metrics.hvs,
        "bd_method": settings.method,
        "versions": {name: version(name) for name in LIBRARIES}
        | {"jpegai-bench": __version__, "python": python_version(), "platform": platform()},
        **({"chroma": codec.chroma} if kind == "anchors" else {}),
        **(about or {}),
    }
    what = f"{'variant' if kind == 'runs' else 'anchor'} {codec.name} on {dataset.name}"
    folder = store.run_folder(kind, codec.name, key)
    with logged(folder / LOG) if not whole.is_done and not gather_only else nullcontext():
        _tell(store, kind, whole, manifest, what)
        with store.recorded(folder, manifest) as record:
            evaluation = gather(whole) if gather_only else carried_out(whole, what, settings.worker_count)
            if evaluation.points.empty:
                first = evaluation.failures[0].message
                raise BenchError(f"{codec.name} on {dataset.name}: no image could be measured; {first}")
            for failure in evaluation.failures:
                log(f"left out: {failure.message}\n{failure.details}".rstrip())
            outcome = {
                "not_applicable": evaluation.not_applicable,
                "out_of_reach": evaluation.out_of_reach,
                "failures": [vars(failure) for failure in evaluation.failures],
                "units_computed": evaluation.computed,
            }
            record.finish(outcome, evaluation.points, complexity)
    return record.folder, evaluation


def _tell(store: Store, kind: str, whole: Plan, manifest: dict[str, Any], what: str) -> None:
    """How much there is to measure and why; the reason goes into the manifest too."""
    folder = store.run_folder(kind, whole.codec.name, manifest["key"])
    missing, units = sum(whole.missing), len(whole.images) * len(whole.rates.values)
    if missing:
        manifest["why"] = why(manifest, _earlier(store, kind, whole.codec.name, manifest["dataset"]))
        report(f"{what}: {missing} of {units} units to measure: {manifest['why']}")
        lacking = [
            f"{image.file.name} ({count})"
            for image, count in zip(whole.images, whole.missing, strict=True)
            if count
        ]
        detail(f"{what}: units to measure, by image: {', '.join(lacking)}")
    elif undrawn := sum(whole.undrawn):
        report(f"{what}: pictures of {undrawn} images to keep, nothing to measure")
    else:
        detail(f"{what}: all {units} units are in the store")
    if manifest.get("weights"):
        detail(f"{what}: weights={manifest['weights']}, model={manifest['model']}")
    detail(f"{what}: {manifest['note']}; into {folder}")
    detail("versions: " + ", ".join(f"{name} {number}" for name, number in manifest["versions"].items()))


def carried_out(whole: Plan, what: str, workers: int) -> Evaluation:
    """Measure what a plan lacks, with its progress on stderr; `what` says what it is."""
    with progress(what, len(whole.images), "images") as advance:
        return evaluate(
            whole,
            workers,
            lambda _: advance(),
            lambda holder: report(f"{what}: {holder} is measuring the rest; waiting for it"),
        )


def _earlier(store: Store, kind: str, label: str, dataset: str) -> list[dict[str, Any]]:
    """Manifests of a codec on a data set, by their start, with the state that each run is in."""
    runs = [r for r in store.runs(kind) if r.label == label and r.manifest.get("dataset") == dataset]
    told = [{**run.manifest, "status": run.state, "holder": str(run.holder)} for run in runs]
    return sorted(told, key=lambda one: str(one.get("start")))
