"""Which runs of the store can be compared: same pictures, metrics' versions, kind of rates, one anchor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.errors import BenchError
from jpegai_bench.images.datasets import NAMES
from jpegai_bench.store import Run, Store


@dataclass(frozen=True)
class Choice:
    """What is chosen among the store's runs; None leaves it to the store."""

    dataset: str | None = None
    model: str | None = None
    anchor: str | None = None
    """An anchor codec in the store; None is the one that the runs were made with."""
    anchor_points: str | None = None
    """A file with the anchor's points, whatever the runs were made with."""


def variant_runs(store: Store, labels: Sequence[str], choice: Choice) -> list[Run]:
    """Finished runs of all these variants that can be compared, the newest last.

    Where several sets of pictures, metrics' versions, kind of rates and (unless one is chosen) anchor have
    runs of all, it is the set with the newest run.

    Raises:
        BenchError: there is no such set, or there are several data sets or model presets to choose from.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in _by_end(store, "runs", labels):
        key = (str(run.manifest.get("dataset")), str(run.manifest.get("model")))
        groups.setdefault(key, []).append(run)
    both, complete = _names(labels), {key: runs for key, runs in groups.items() if _has_all(runs, labels)}
    chosen = {
        (dataset, model): runs
        for (dataset, model), runs in complete.items()
        if choice.dataset in (None, dataset) and choice.model in (None, model)
    }
    if not chosen:
        asked = {"dataset": choice.dataset, "model": choice.model}
        where = " ".join(f"{name}={value}" for name, value in asked.items() if value)
        raise BenchError(
            f"{store.root}: {both} have no finished runs {f'with {where}' if where else 'in common'}; "
            f"there are {_listed(complete or groups)}"
        )
    if len(chosen) > 1:
        raise BenchError(
            f"{store.root}: {both} were run on several: {_listed(chosen)}; choose with dataset=… and model=…"
        )
    [runs] = chosen.values()
    same = ["images_key", "metrics", *([] if choice.anchor or choice.anchor_points else ["anchor"])]
    sets: dict[str, list[Run]] = {}
    for run in runs:
        sets.setdefault(repr([run.rates, *map(run.manifest.get, same)]), []).append(run)
    fit = [runs for runs in sets.values() if _has_all(runs, labels)]
    if not fit:
        raise BenchError(
            f"{store.root}: {both} were never measured on the same images with the same anchor, kind of "
            "rates and versions of the metrics; run them again: "
            f"jpegai-bench run -m +variant={','.join(dict.fromkeys(labels))}"
        )
    return max(fit, key=lambda runs: _end(runs[-1]))


def anchor_runs(store: Store, labels: Sequence[str], dataset: str | None) -> list[Run]:
    """Finished runs of all these conventional codecs on the same pictures, the newest last.

    Raises:
        BenchError: there are none, or there are several data sets to choose from.
    """
    sets: dict[tuple[str, frozenset[str]], list[Run]] = {}
    for run in _by_end(store, "anchors", labels):
        on = str(run.manifest.get("dataset"))
        if dataset in (None, on):
            sets.setdefault((on, _pixels(run)), []).append(run)
    fit = {key: runs for key, runs in sets.items() if _has_all(runs, labels)}
    if not fit:
        where = f" of data set {dataset}" if dataset else ""
        raise BenchError(
            f"{store.root}: {_names(labels)} were never measured on the same images{where}; "
            "jpegai-bench anchor measures one"
        )
    there = sorted({on for on, _ in fit})
    if len(there) > 1:
        told = ", ".join(map(_chosen_by, there))
        raise BenchError(f"{store.root}: {_names(labels)} were measured on several: {told}; choose one")
    return max(fit.values(), key=lambda runs: _end(runs[-1]))


def anchor_of(store: Store, run: Run) -> Run:
    """The anchor that a run was made with.

    Raises:
        BenchError: it is not in the store any more.
    """
    folder = store.root / str(run.manifest.get("anchor"))
    found = next((anchor for anchor in store.runs("anchors") if anchor.folder == folder), None)
    if found is None:
        raise BenchError(
            f"{folder}: the anchor's points are gone; run the variant again, or give anchor_points=FILE"
        )
    return found


def anchor_on(store: Store, label: str, like: Run) -> Run:
    """The run of a conventional codec on all pictures of `like`: its own anchor, or the newest.

    Raises:
        BenchError: there is none.
    """
    fit = [run for run in _by_end(store, "anchors", [label]) if _pixels(like) <= _pixels(run)]
    if not fit:
        there = ", ".join(sorted({run.label for run in store.runs("anchors") if run.done})) or "none"
        raise BenchError(
            f"{store.root}: no points of {label!r} on the images of {like.manifest.get('dataset')} "
            f"(anchors there: {there}); measure it with jpegai-bench anchor codec={label}, "
            "or give anchor_points=FILE"
        )
    own = [run for run in fit if run.folder == store.root / str(like.manifest.get("anchor"))]
    return (own or fit)[-1]


def run_in(folder: Path) -> tuple[Store, Run] | None:
    """The run whose folder this is, and its store; None where it is none."""
    path = folder.expanduser().resolve()
    if len(path.parts) < 4 or not (path / "run.json").is_file():
        return None
    store = Store(path.parents[2])
    found = next((run for run in store.runs(path.parents[1].name) if run.folder == path), None)
    return (store, found) if found else None


def _by_end(store: Store, kind: str, labels: Sequence[str]) -> list[Run]:
    return sorted((run for run in store.runs(kind) if run.done and run.label in labels), key=_end)


def _end(run: Run) -> str:
    return str(run.manifest.get("end"))


def _has_all(runs: Sequence[Run], labels: Sequence[str]) -> bool:
    return {run.label for run in runs} == set(labels)


def _names(labels: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(labels))


def _listed(groups: dict[tuple[str, str], list[Run]]) -> str:
    return "; ".join(
        f"{', '.join(sorted({run.label for run in runs}))} on {_chosen_by(dataset)} model={model}"
        for (dataset, model), runs in sorted(groups.items())
    )


def _chosen_by(dataset: str) -> str:
    """The override that chooses a data set; a folder is a data set of its own name."""
    return f"dataset={dataset}" if dataset in NAMES else f"dataset=folder dataset.path=…/{dataset}"


def _pixels(run: Run) -> frozenset[str]:
    images = run.manifest.get("images")
    return frozenset(images.values() if isinstance(images, dict) else ())
