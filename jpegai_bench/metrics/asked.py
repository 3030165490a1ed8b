"""Which metrics a run was asked for, by `metrics.only`. Free of torch."""

from collections.abc import Collection, Mapping
from typing import Any

from jpegai_bench.metrics.catalogue import METRICS, NAMES


def asked_of(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics that a run was asked for, by its `run.json`; all where it does not say."""
    only = manifest.get("metrics_only")
    return tuple(name for name in NAMES if name in only) if isinstance(only, list) and only else NAMES


def labels_of(names: Collection[str]) -> str:
    """What tables call these metrics, in their order."""
    return ", ".join(metric.label for metric in METRICS if metric.name in names)
