"""Comparable runs of the store together: a study for each data set, model preset and kind of rates."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jpegai_bench.config.experiment import BASE
from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.asked import asked_of, labels_of
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.report.gather.codec_points import chosen_by, images_of
from jpegai_bench.report.gather.matching_runs import (
    anchors_of,
    chosen_anchors,
    conditions_of,
    shared_qualities,
)
from jpegai_bench.report.gather.peers import Wanted, codecs_alone, study_with
from jpegai_bench.report.gather.remarks import in_order, notes, remarks
from jpegai_bench.report.gather.reproduce import run_command
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.store.store import Run, Store
from jpegai_bench.store.times import decode_seconds
from jpegai_bench.system.files import file_name


@dataclass(frozen=True)
class Selection:
    """What is rebuilt, and how it is compared; None leaves it to the store."""

    dataset: str | None = None
    model: str | None = None
    rates: str | None = None
    """The kind: `quality` or `target`."""
    anchors: Sequence[str] | None = None
    """Labels of codecs; None are those that the newest run was made with."""
    peers: Wanted = ()
    hvs: str = "hvs_m"
    """As in `Study`: points hold both metrics, so a table may take either."""
    only: Sequence[str] | None = None
    """The metrics that are shown; None are those that the newest run was asked for."""
    method: str = "pchip"

    @property
    def words(self) -> list[str]:
        """The overrides that choose its data set and its model."""
        model = [f"model={self.model}"] if self.model else []
        return [chosen_by(self.dataset), *model] if self.dataset else model


def studies(store: Store, selection: Selection) -> list[tuple[Study, str]]:
    """Comparable runs together: a study for each data set, model preset and kind of rates, and its prefix.

    For each, the newest run decides on images and versions of the metrics; of each variant the newest run on
    them counts. The prefix begins the names of a study's files.
    """
    groups, finished = (
        finished_groups(store, choice) for choice in (selection, replace(selection, only=None))
    )
    if groups:
        return [
            (_study(store, runs, finished[key], selection), prefix_of(*key))
            for key, runs in sorted(groups.items())
        ]
    if selection.dataset and selection.model is None and selection.peers:
        study = codecs_alone(
            store,
            selection.dataset,
            selection.anchors,
            selection.peers,
            base=BASE,
            only=selection.only,
            hvs=selection.hvs,
            method=selection.method,
        )
        return [(study, prefix_of(selection.dataset, "codecs"))]
    raise _nothing_finished(store, selection, [run for runs in finished.values() for run in runs])


def _nothing_finished(store: Store, selection: Selection, others: Sequence[Run]) -> BenchError:
    """The store has nothing to make a table from; `others` would fit but for their metrics."""
    if others:
        newest = max(others, key=lambda run: str(run.manifest["end"]))
        asked = asked_of(newest.manifest)
        lacking = [name for name in selection.only or () if name not in asked]
        wanted = f"metrics.only=[{','.join(name for name in NAMES if name in (*asked, *lacking))}]"
        again = run_command(newest, str(store.root), without=("metrics.only",))
        return BenchError(
            f"metrics.only=[{','.join(selection.only or ())}]: {', '.join(lacking)} of {newest.label} on "
            f"{newest.manifest.get('dataset')}, the newest run, was not measured, nor of another beside all "
            f"that is asked for; measure it with: {again} '{wanted}'"
        )
    fits = " that fits" if any(run.done for run in store.runs("runs")) else ""
    alone = "" if selection.dataset else ", or choose a data set with dataset=" if selection.peers else ""
    words = " ".join(["+variant=combined", *selection.words])
    return BenchError(
        f"{store.root}: holds no finished run{fits}; make one with: jpegai-bench run {words}{alone}"
    )


def prefix_of(dataset: str, model: str, rates: str = "quality") -> str:
    """How the names of a study's files begin."""
    return f"{file_name(dataset)}-{file_name(model)}-{'target-' if rates == 'target' else ''}"


def finished_groups(store: Store, selection: Selection) -> dict[tuple[str, str, str], list[Run]]:
    """The finished runs that fit, by data set, model preset and kind of rates."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    choices = (selection.dataset, selection.model, selection.rates)
    for run in store.runs("runs"):
        key = (str(run.manifest.get("dataset")), str(run.manifest.get("model")), run.rates)
        fits = all(choice in (None, value) for choice, value in zip(choices, key, strict=True))
        if run.done and fits and set(selection.only or ()) <= set(asked_of(run.manifest)):
            groups.setdefault(key, []).append(run)
    return groups


def measured_alike(runs: Sequence[Run], only: Sequence[str] | None = None) -> list[Run]:
    """Those on the images and by the versions of the metrics of the newest, which is the last.

    Each has the metrics that are shown: `only`, which all of the runs have, or else those of the newest.
    """
    runs = sorted(runs, key=lambda run: str(run.manifest["end"]))
    conditions = {key: runs[-1].manifest.get(key) for key in ("images_key", "metrics")}
    shown = set(only or asked_of(runs[-1].manifest))
    return [
        run
        for run in runs
        if {key: run.manifest.get(key) for key in conditions} == conditions
        and shown <= set(asked_of(run.manifest))
    ]


def of_other_pictures(runs: Sequence[Run], newest: Run) -> list[str]:
    """What is said of runs on a data set of the same name that shares no picture with that of the newest."""
    pixels = set(images_of(newest).values())
    excluded = {run.label for run in runs if pixels.isdisjoint(images_of(run).values())}
    name, labels = newest.manifest.get("dataset"), ", ".join(sorted(excluded))
    note = f"Left out is what was run on other pictures by the name {name}: {labels}; run again, it is apart."
    return [note] if excluded else []


def study_of(
    store: Store,
    runs: Sequence[Run],
    anchors: Sequence[Entry],
    selection: Selection,
    base: str = BASE,
    more_notes: Sequence[str] = (),
) -> Study:
    """A study of runs that are alike, one a variant, in their order."""
    asked_by_all = [name for name in NAMES if all(name in asked_of(run.manifest) for run in runs)]
    conditions = conditions_of(runs[0], selection.only or asked_by_all)
    shared, quality_notes = shared_qualities(runs)
    remark_by_label = remarks(runs)
    variants = [_variant(store, run, shared, remark_by_label[run.label]) for run in runs]
    title = f"{conditions.dataset} at target rates" if runs[0].rates == "target" else ""
    study = study_with(
        store, variants, anchors, selection.peers, conditions,
        base=base, title=title, hvs=selection.hvs, method=selection.method,
    )  # fmt: skip
    return replace(study, notes=(*more_notes, *quality_notes, *notes(runs), *study.notes))


def left_out(runs: Sequence[Run], compared: Sequence[Run], only: Sequence[str] | None) -> list[str]:
    """What is said of variants that have runs, and none that was measured as those in `compared` were."""
    newest, shown = compared[-1], only or asked_of(compared[-1].manifest)
    labels, pixels = {run.label for run in compared}, set(images_of(newest).values())
    by_reason: dict[str, set[str]] = defaultdict(set)
    for run in sorted(runs, key=lambda run: str(run.manifest["end"])):
        if run.label not in labels and not pixels.isdisjoint(images_of(run).values()):
            for names in by_reason.values():
                names.discard(run.label)  # its newest run is the one to tell of
            by_reason[_unlike(run, newest, shown)].add(run.label)
    return [
        f"Left out is what was measured {reason}: {', '.join(sorted(names))}; run again, it stands beside."
        for reason, names in by_reason.items()
        if names
    ]


def _unlike(run: Run, newest: Run, shown: Sequence[str]) -> str:
    """What a run was measured by or on that keeps it from standing beside the newest."""
    if run.manifest.get("images_key") != newest.manifest.get("images_key"):
        return "on other pictures of the data set"
    if run.manifest.get("metrics") != newest.manifest.get("metrics"):
        return "by other versions of the metrics"
    asked = asked_of(run.manifest)
    common = [name for name in shown if name in asked]
    beside = f" (metrics.only=[{','.join(common)}] shows both)" if common else ""
    return f"without {labels_of(set(shown) - set(asked))}{beside}"


def _study(store: Store, runs: list[Run], finished: Sequence[Run], selection: Selection) -> Study:
    comparable = measured_alike(runs, selection.only)
    order = in_order(list({run.label: run for run in comparable}.values()))
    if selection.anchors:
        anchors = chosen_anchors(store, comparable[-1], selection.anchors, selection.only)
    else:
        anchors = anchors_of(store, comparable[-1])
    on_what_is_absent = [
        *of_other_pictures(runs, comparable[-1]),
        *left_out(finished, comparable, selection.only),
    ]
    return study_of(store, order, anchors, selection, more_notes=on_what_is_absent)


def _variant(store: Store, run: Run, qualities: set[float] | None, note: str) -> Entry:
    made_by, points = run.manifest.get("codec"), run.points()
    seconds = decode_seconds(store, made_by, run.manifest.get("images_key")) if made_by else None
    if qualities is not None:
        points = points[points["quality"].isin(qualities)]
    model = str(run.manifest.get("model"))
    return Entry(run.label, "variant", points, run.complexity(), seconds, note, model, run=run)
