"""What there is: variants, data sets, anchors, weights, runs; without torch."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

from jpegai_bench.codecs.anchors import codec_of
from jpegai_bench.codecs.shipped_points import shipped_runs
from jpegai_bench.config.command_settings import WeightsSettings
from jpegai_bench.config.setting_names import anchor_nodes, choices
from jpegai_bench.config.variants import variant_names
from jpegai_bench.errors import BenchError
from jpegai_bench.images import datasets
from jpegai_bench.metrics.asked import asked_of, labels_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.network.weight_files import FORMAT, SHIPPED_WEIGHTS, metadata
from jpegai_bench.report.gather.training_remarks import setbacks, stage_of
from jpegai_bench.store.store import Run, Store
from jpegai_bench.store.units_of_run import size_of
from jpegai_bench.system.wording import count

_WIDTH, _COLUMN = 98, 13
"""Of a line, and where what is said of an anchor begins; `list` alone puts two blanks before each line."""


def _variants(settings: WeightsSettings) -> list[str]:
    shipped = variant_names()
    return [*shipped, *(name for name in choices("variant", settings.config_folders) if name not in shipped)]


def _datasets(settings: WeightsSettings) -> list[str]:
    lines = []
    for name in datasets.NAMES:
        try:
            content = count(len(datasets.load(name).images), "image")
        except BenchError as error:
            content = str(error).split(";")[0].removeprefix(f"dataset {name}: ")
        lines.append(f"{name:<11} {content}")
    return lines


def _anchors(settings: WeightsSettings) -> list[str]:
    """Each codec of the `anchor` group: what it is or why it cannot be used here, and its points."""
    ready: dict[str, set[str]] = {}
    for manifest, folder in shipped_runs():
        ready.setdefault(folder.parent.name, set()).add(str(manifest["dataset"]))
    for run in Store(settings.results).runs("anchors"):
        if run.done:
            ready.setdefault(run.label, set()).add(str(run.manifest.get("dataset")))
    lines = []
    for label, node in anchor_nodes(settings.config_folders).items():
        try:
            codec = codec_of(label, node)
            codec.check()
            state = codec.describe()
        except BenchError as error:
            state = f"cannot be used here: {str(error).removeprefix(f'{label}: ')}"
        points = ", ".join(sorted(ready.get(label, ()))) or "none"
        for line, text in enumerate((state, f"points ready for: {points}")):
            lines += wrap(
                text,
                _WIDTH,
                initial_indent=f"{label if line == 0 else '':<{_COLUMN - 1}} ",
                subsequent_indent=" " * _COLUMN,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return lines


def _weights(settings: WeightsSettings) -> list[str]:
    """Those that ship, or those in the folder of `weights=`: size, encoder, training."""
    if settings.weights in ("shipped", "train"):
        paths = {f"{path.parent.name}/{path.stem}": path for path in SHIPPED_WEIGHTS.glob("*/*.safetensors")}
    else:
        folder = Path(settings.weights).expanduser()
        if not folder.is_dir():
            raise BenchError(f"weights={settings.weights}: no such folder")
        paths = {path.stem: path for path in folder.glob("*.safetensors")}
    longest = max(map(len, paths), default=0)
    lines = [
        f"{name:<{longest}} {amount(path.stat().st_size):>8}  {_trained(path)}"
        for name, path in sorted(paths.items())
    ]
    return lines or [f"none in {settings.weights}"]


def _trained(path: Path) -> str:
    """Of what training a weights file is, as far as it says."""
    try:
        meta = metadata(path)
        note = json.loads(meta["note"])
        kind = "" if meta["kind"] == "shared" else "on "
        stage = stage_of(note, meta["kind"])
        if stage is None:
            raise ValueError
        other = "" if meta["format"] == FORMAT else "of another version, which alone reads it"
        encoder = f"{kind}encoder {meta.get('encoder_id', meta['shared_id'])[:8]}"
        broken = "a setback" if setbacks(note) else ""
        words = (encoder, stage.wording, f"seed {note['recipe']['seed']}", broken, other)
        return ", ".join(filter(None, words))
    except BenchError:
        return "not a safetensors file"
    except (KeyError, TypeError, ValueError, RecursionError):
        return "does not say of what training"


def _runs(settings: WeightsSettings) -> list[str]:
    """Those of variants, then those of codecs."""
    store = Store(settings.results)
    kinds = ("runs", "anchors")
    lines = [line_of(store, run) for kind in kinds for run in (*store.runs(kind), *store.damaged(kind))]
    return lines or [f"none in {settings.results}"]


def line_of(store: Store, run: Run) -> str:
    """A run in one line: name, state, age, size with all that is kept for it, key, and what it is of."""
    manifest = run.manifest
    pictures = manifest.get("images")
    images = len(pictures) if isinstance(pictures, dict) else 0
    left_out = len(manifest.get("failures") or ())
    words = [
        str(manifest.get("dataset")),
        f"model {manifest['model']}" if manifest.get("model") else "",
        count(images, "image"),
        f"{left_out} left out" if left_out else "",
        "target rates" if run.rates == "target" else "",
        *_apart(manifest),
        f"process {manifest.get('pid')} on {manifest.get('host')}" if run.state == "running" else "",
    ]
    is_damaged = run.state == "damaged"
    of = "its run.json cannot be read" if is_damaged else ", ".join(filter(None, words))
    began = manifest.get("start") if manifest.get("status") == "running" else manifest.get("end")
    size = amount(size_of(store, run))
    return f"{run.label:<14} {run.state:<7} {_age(began):>7} {size:>9}  {run.folder.name}  {of}"


def _apart(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What sets a run apart from one of the same name: device, precision, encoder's choice, fewer metrics."""
    made_by = manifest.get("codec")
    made_by = made_by if isinstance(made_by, dict) else {}
    for key, text in (("device", "on {}"), ("precision", "in {}"), ("rdo", "rdo")):
        if key in made_by:
            yield text.format(made_by[key])
    if (asked := asked_of(manifest)) != NAMES:
        yield f"by {labels_of(asked)} alone"


def amount(size: int) -> str:
    """Bytes for people, in powers of 1000."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.1f} {unit}"
    return f"{size} B"


def _age(since: Any) -> str:
    """From a time of day in a manifest until now; what happened just now is of this second."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(str(since))).total_seconds()
    except (ValueError, TypeError):
        return "-"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


INVENTORY: dict[str, Callable[[WeightsSettings], list[str]]] = {
    "variants": _variants,
    "datasets": _datasets,
    "anchors": _anchors,
    "weights": _weights,
    "runs": _runs,
}
"""What makes the lines that describe everything of a kind."""
