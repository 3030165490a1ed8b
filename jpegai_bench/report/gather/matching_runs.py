"""Which runs of the store can be compared: same pictures, metrics' versions, kind of rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegai_bench.analysis.bdrate import FEWEST_POINTS
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.asked import asked_of
from jpegai_bench.metrics.catalogue import chosen
from jpegai_bench.report.gather.codec_points import (
    Conditions,
    chosen_by,
    codec_runs,
    entry_of,
    images_of,
    of_dataset,
    required,
)
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.store.store import Run, Store


@dataclass(frozen=True)
class Choice:
    """What is chosen among the store's runs; None leaves it to the store."""

    dataset: str | None = None
    model: str | None = None
    anchor: str | None = None
    """A codec in the store, or whose points ship; None is what the newest run was made with."""
    anchor_points: str | None = None
    """A file with the anchor's points, or `vvc/kodak` as it ships, whatever the runs were made with."""


def variant_runs(store: Store, labels: Sequence[str], choice: Choice) -> list[Run]:
    """Finished runs of all these variants that can be compared, the newest last.

    Where several sets of pictures, metrics' versions and kind of rates have runs of all, it is the set with
    the newest run.

    Raises:
        BenchError: there is no such set, or there are several data sets or model presets to choose from.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in _by_end(store, "runs", labels):
        key = (str(run.manifest.get("dataset")), str(run.manifest.get("model")))
        groups.setdefault(key, []).append(run)
    names, complete = _names(labels), {key: runs for key, runs in groups.items() if _has_all(runs, labels)}
    chosen = {
        (dataset, model): runs
        for (dataset, model), runs in complete.items()
        if choice.dataset in (None, dataset) and choice.model in (None, model)
    }
    if not chosen:
        selected = {"dataset": choice.dataset, "model": choice.model}
        where = " ".join(f"{name}={value}" for name, value in selected.items() if value)
        raise BenchError(
            f"{store.root}: {names} have no finished runs {f'with {where}' if where else 'in common'}; "
            f"there are {_listed(complete or groups)}"
        )
    if len(chosen) > 1:
        raise BenchError(
            f"{store.root}: {names} were run on several: {_listed(chosen)}; choose with dataset=… and model=…"
        )
    [runs] = chosen.values()
    sets: dict[str, list[Run]] = {}
    for run in runs:
        of_run = run.manifest
        conditions = [run.rates, of_run.get("images_key"), of_run.get("metrics"), asked_of(of_run)]
        sets.setdefault(repr(conditions), []).append(run)
    with_all = [runs for runs in sets.values() if _has_all(runs, labels)]
    if not with_all:
        raise BenchError(
            f"{store.root}: {names} were never measured on the same images with the same kind of rates, "
            "metrics and versions of them; run them again: "
            f"jpegai-bench run -m +variant={','.join(dict.fromkeys(labels))}"
        )
    return max(with_all, key=lambda runs: _end(runs[-1]))


def anchor_runs(store: Store, labels: Sequence[str], dataset: str | None) -> list[Run]:
    """Finished runs of all these conventional codecs on the same pictures, the newest last.

    Raises:
        BenchError: there are none, or there are several data sets to choose from.
    """
    sets: dict[tuple[str, frozenset[str]], list[Run]] = {}
    for run in _by_end(store, "anchors", labels):
        run_dataset = str(run.manifest.get("dataset"))
        if dataset in (None, run_dataset):
            sets.setdefault((run_dataset, frozenset(images_of(run).values())), []).append(run)
    with_all = {key: runs for key, runs in sets.items() if _has_all(runs, labels)}
    if not with_all:
        where = f" of data set {dataset}" if dataset else ""
        raise BenchError(
            f"{store.root}: {_names(labels)} were never measured on the same images{where}; "
            "jpegai-bench anchor measures one"
        )
    datasets = sorted({name for name, _ in with_all})
    if len(datasets) > 1:
        listed = ", ".join(map(chosen_by, datasets))
        raise BenchError(f"{store.root}: {_names(labels)} were measured on several: {listed}; choose one")
    return max(with_all.values(), key=lambda runs: _end(runs[-1]))


def anchors_of(store: Store, run: Run) -> list[Entry]:
    """The anchors that a run was made with, the main one first.

    Raises:
        BenchError: one is not in the store any more.
    """
    entries = _own_anchors(store, run)
    for name in anchor_names(run):
        if name not in entries:
            raise BenchError(
                f"{store.root / name}: the anchor's points are gone; run the variant again, or choose "
                "another anchor with anchor=LABEL"
            )
    return list(entries.values())


def chosen_anchors(
    store: Store, run: Run, labels: Sequence[str], only: Sequence[str] | None = None
) -> list[Entry]:
    """Codecs by their labels, on the pictures of a run: its own anchors, else the newest, else what ships.

    Raises:
        BenchError: there are no points of one.
    """
    made_with = {entry.label: entry for entry in _own_anchors(store, run).values()}
    conditions = conditions_of(run, only)
    required_runs = required(
        codec_runs(store), [label for label in labels if label not in made_with], conditions
    )
    entries = made_with | {
        codec_run.label: entry_of(store, codec_run, conditions) for codec_run in required_runs
    }
    return [entries[label] for label in dict.fromkeys(labels)]


def conditions_of(run: Run, only: Sequence[str] | None = None) -> Conditions:
    """What a codec's points must be of to stand beside a run, by its metrics or `only` some."""
    manifest, asked = run.manifest, chosen(only) if only else asked_of(run.manifest)
    typed = of_dataset([str(word) for word in manifest.get("overrides") or ()])
    return Conditions(str(manifest.get("dataset")), images_of(run), manifest.get("metrics"), typed, asked)


def shared_qualities(runs: Sequence[Run]) -> tuple[set[float] | None, list[str]]:
    """The qualities that count where runs were not coded at the same ones, and what is said of it.

    Curves through other points are other curves: a difference of some percent would be theirs alone.
    """
    sets = {run.label: {float(q) for q in run.manifest.get("qualities") or ()} for run in runs}
    if len({frozenset(qualities) for qualities in sets.values()}) < 2 or not all(sets.values()):
        return None, []
    shared = set.intersection(*sets.values())
    if len(shared) < FEWEST_POINTS:
        listed = "; ".join(f"{label} {_numbers(qualities)}" for label, qualities in sets.items())
        return None, [f"Variants were coded at different qualities, which moves BD-rates: {listed}."]
    coded_at_more = ", ".join(label for label, qualities in sets.items() if qualities != shared)
    return shared, [
        f"Only qualities {_numbers(shared)} count, at which all were coded; {coded_at_more} had more."
    ]


def _numbers(qualities: set[float]) -> str:
    return ", ".join(f"{quality:g}" for quality in sorted(qualities))


def _own_anchors(store: Store, run: Run) -> dict[str, Entry]:
    """By folder the anchors that a run was made with, and that are still there.

    Their points are as they are: they were made for the run, and call the pictures what it calls them.
    """
    by_folder = {anchor.folder: anchor for anchor in store.runs("anchors") if anchor.done}
    entries = {}
    for name in anchor_names(run):
        anchor = by_folder.get(store.root / name)
        if anchor is not None:
            entries[name] = entry_of(store, anchor, None)
    return entries


def anchor_names(run: Run) -> list[str]:
    """Folders in the store of the anchors that a run was made with; runs of old have one."""
    names = run.manifest.get("anchors") or [run.manifest.get("anchor")]
    return [str(name) for name in names if name]


def run_in(folder: Path) -> tuple[Store, Run] | None:
    """The run whose folder this is, and its store; None where it is none."""
    path = folder.expanduser().resolve()
    if len(path.parts) < 4 or not (path / "run.json").is_file():
        return None
    store = Store(path.parents[2])
    run = next((run for run in store.runs(path.parents[1].name) if run.folder == path), None)
    return (store, run) if run else None


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
        f"{', '.join(sorted({run.label for run in runs}))} on {chosen_by(dataset)} model={model}"
        for (dataset, model), runs in sorted(groups.items())
    )
