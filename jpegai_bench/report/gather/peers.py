"""Studies with further codecs beside the variants, or of codecs alone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from jpegai_bench.codecs.anchors import AS_PUBLISHED
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.metrics.asked import asked_of
from jpegai_bench.metrics.backends import backend_of
from jpegai_bench.metrics.catalogue import NAMES, chosen
from jpegai_bench.report.gather.codec_points import (
    MAIN_ANCHOR,
    Conditions,
    chosen_by,
    codec_runs,
    entry_of,
    fitting,
    images_of,
    left_out,
    required,
)
from jpegai_bench.report.gather.remarks import computed_otherwise
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.store.store import Store

Wanted = Sequence[str] | Literal["all"]
"""Labels of the peers, or whatever there is but what follows a published set-up."""


def wanted_peers(value: Any) -> Wanted:
    """What `peers=` says: a label, a list of labels, `all`, or nothing.

    Raises:
        UsageError: what is given is no label.
    """
    words = [] if value is None else value if isinstance(value, list) else [value]
    if any(not isinstance(word, str | int) or isinstance(word, bool) for word in words):
        raise UsageError(f"peers={value}: give labels of codecs, as [hevc,jpeg], or all")
    labels = list(dict.fromkeys(map(str, words)))
    return "all" if "all" in labels else labels


def study_with(
    store: Store,
    variants: Sequence[Entry],
    anchors: Sequence[Entry],
    wanted: Wanted,
    conditions: Conditions,
    **about: Any,
) -> Study:
    """A study of variants, anchors and the peers that are wanted; `about` goes to `Study`.

    Raises:
        BenchError: there are no points of a peer that is named.
    """
    peers, notes = _peers(store, wanted, conditions, [*variants, *anchors])
    labels = wanted if wanted != "all" else [peer.label for peer in peers]
    if len(anchors) == 1 and anchors[0].label in labels:
        raise UsageError(f"peers={anchors[0].label}: that is the anchor already; leave it out")
    unasked = [name for name in NAMES if name not in conditions.asked]
    entries = tuple(
        replace(entry, points=entry.points.drop(columns=unasked, errors="ignore"))
        for entry in (*variants, *anchors, *peers)
    )
    notes += _by_other_versions(entries, conditions)
    notes += [f"{note}." for note in computed_otherwise({e.label: e.run for e in entries if e.run})]
    if backend_of(conditions.metrics) == "piq":
        notes.append(f"MS-SSIM, FSIM, IW-SSIM and VIF by piq {conditions.metrics['piq']}.")
    return Study(
        entries,
        tuple(anchor.label for anchor in anchors),
        dataset=conditions.dataset,
        peers=tuple(labels),
        notes=tuple(notes),
        asked=conditions.asked,
        **about,
    )


def require_peers(store: Store, wanted: Wanted, conditions: Conditions, anchors: Sequence[str]) -> None:
    """Raises BenchError: there are no points of a peer that is named, and it is none of the anchors."""
    if wanted != "all":
        required(codec_runs(store), [label for label in wanted if label not in anchors], conditions)


def codecs_alone(
    store: Store,
    dataset: str,
    anchors: Sequence[str] | None,
    wanted: Wanted,
    only: Sequence[str] | None = None,
    **about: Any,
) -> Study:
    """A study of codecs without any variant, by all metrics of the main anchor, or `only` some.

    `about` goes to `Study`.

    The pictures are those of the main anchor, of its run with the most.

    Raises:
        BenchError: there are no points of an anchor or of a peer that is named, or of no peer at all.
    """
    runs = [run for run in codec_runs(store) if run.manifest.get("dataset") == dataset]
    labels = list(dict.fromkeys(anchors or [MAIN_ANCHOR]))
    of_main = (run for run in runs if run.label == labels[0])
    main = max(of_main, key=lambda run: run.points()["image"].nunique(), default=None)
    if main is None:
        available = ", ".join(sorted({run.label for run in runs}))
        choose = f"choose another with anchor=, there are {available}; or " if available else ""
        raise BenchError(
            f"{store.root}: no points of {labels[0]!r} on {dataset}; {choose}measure it with: "
            f"jpegai-bench anchor codec={labels[0]} {chosen_by(dataset)}"
        )
    measured = set(main.points()["image"])
    images = {name: pixels for name, pixels in images_of(main).items() if name in measured}
    newest = main if main.folder.is_relative_to(store.root) else runs[0]  # what ships is of any version
    asked = chosen(only) if only else asked_of(newest.manifest)
    conditions = Conditions(dataset, images, newest.manifest.get("metrics"), asked=asked)
    entries = [entry_of(store, run, conditions) for run in (main, *required(runs, labels[1:], conditions))]
    study = study_with(store, (), entries, wanted, conditions, **about)
    if not study.rows(labels[0]):
        raise BenchError(
            f"{store.root}: no codec but {labels[0]} was measured on the images of {dataset}; "
            f"jpegai-bench anchor codec=all {chosen_by(dataset)} measures them"
        )
    return study


def _peers(
    store: Store, wanted: Wanted, conditions: Conditions, entries: Sequence[Entry]
) -> tuple[list[Entry], list[str]]:
    """The entries of peers that are not there already, and what to say of those that are not there."""
    runs = codec_runs(store)
    labels = [entry.label for entry in entries]
    if wanted != "all":
        wanted = [label for label in wanted if label not in labels]
        return [entry_of(store, run, conditions) for run in required(runs, wanted, conditions)], []
    passed = [*labels, *AS_PUBLISHED]
    by_label = {label: run for label, run in fitting(runs, conditions).items() if label not in passed}
    notes = [f"Not shown: {why}." for why in left_out(runs, [*passed, *by_label], conditions)]
    if not by_label:
        measure = f"jpegai-bench anchor codec=all {chosen_by(conditions.dataset, conditions.typed)}"
        notes.append(f"No further codec was measured on these images; {measure} does it.")
    return [entry_of(store, by_label[label], conditions) for label in sorted(by_label)], notes


def _by_other_versions(entries: Sequence[Entry], conditions: Conditions) -> list[str]:
    """Codecs whose scores are of other versions than the rest: what ships is taken all the same."""
    own = conditions.metrics
    versions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "codec" and None not in (own, entry.metrics):
            keys = sorted(entry.metrics.keys() | own.keys())
            versions[tuple(key for key in keys if entry.metrics.get(key) != own.get(key))].append(entry.label)
    return [
        f"Measured with other versions of the metrics ({', '.join(differ)}): {', '.join(labels)}."
        for differ, labels in versions.items()
        if differ
    ]
