"""Coding times in a results folder: found again by codec and images, as `latency.timing` left them.

results/latency/<codec>/<key>/latency.json
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jpegai_bench.store.store import Run, Store
from jpegai_bench.system.files import json_object


def runs_under_way(store: Store) -> list[Run]:
    """Runs of this results folder that are at work on this machine: nothing can be timed beside them."""
    with_holders = ((run, run.holder) for kind in ("runs", "anchors") for run in store.runs(kind))
    return [run for run, holder in with_holders if holder is not None and holder.is_here]


def latest_times(
    store: Store, fingerprint: Mapping[str, str], images_key: str | None = None
) -> dict[str, Any] | None:
    """What `latency.json` holds that was measured last on an idle machine, or None.

    Args:
        store: where to look.
        fingerprint: the codec's, as it is or as `codec` in the manifest of a run.
        images_key: that of the images, as in the manifest of a run; None: of whatever images.
    """
    return _latest(
        manifest
        for manifest in _idle(store)
        if manifest.get("codec") == dict(fingerprint) and images_key in (None, manifest.get("images_key"))
    )


def latest_of(store: Store, label: str, like: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was measured last on an idle machine of a variant that another can be set against, or None.

    Args:
        store: where to look.
        label: the name of the variant, whose weights may lie elsewhere than those of `like`.
        like: `latency.json` of another variant.
    """
    return _latest(
        manifest
        for manifest in _idle(store)
        if manifest.get("label") == label and manifest.get("decode_parts") and comparable(manifest, like)
    )


def comparable(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two were timed on the same bytes of the same pictures, in one precision, by like machines."""
    alike = all(first.get(key) == second.get(key) for key in ("images_key", "quality", "device", "versions"))
    kept = ("shared_weights", "precision")
    codecs = ([manifest["codec"].get(key) for key in kept] for manifest in (first, second))
    machines = ([manifest["machine"].get(key) for key in ("cpu", "gpus")] for manifest in (first, second))
    return alike and next(codecs) == next(codecs) and next(machines) == next(machines)


def decode_seconds(
    store: Store, fingerprint: Mapping[str, str], images_key: str | None = None
) -> float | None:
    """Seconds to decode a picture, mean over the images of `latest_times`; None where there are none."""
    times = latest_times(store, fingerprint, images_key)
    return None if times is None else float(times["summary"]["decode_s"])


def _idle(store: Store) -> Iterator[dict[str, Any]]:
    """All that was measured while the machine did nothing else."""
    for path in store.root.glob("latency/*/*/latency.json"):
        manifest = json_object(path)
        if manifest and not manifest.get("busy", True):
            yield manifest


def _latest(manifests: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    return max(manifests, key=lambda manifest: str(manifest.get("end")), default=None)
