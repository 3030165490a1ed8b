"""Whom `compare` means: two names of the store or two files, and the anchor of both."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jpegai_bench.analysis.paired import Contender
from jpegai_bench.analysis.rdpoints import read_rd
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.codecs.shipped_points import shipped_folder
from jpegai_bench.errors import BenchError, hint
from jpegai_bench.report.gather.codec_points import MAIN_ANCHOR
from jpegai_bench.report.gather.matching_runs import (
    Choice,
    anchor_names,
    anchor_runs,
    anchors_of,
    chosen_anchors,
    run_in,
    shared_qualities,
    variant_runs,
)
from jpegai_bench.report.gather.remarks import computed_otherwise, notes
from jpegai_bench.report.gather.replicates import replicates
from jpegai_bench.report.gather.training_noise import MeasuredNoise, measured_noise, shipped_spreads
from jpegai_bench.store.store import Run, Store, read_points

Kind = Literal["variant", "anchor", "file"]


@dataclass(frozen=True)
class Side:
    """A or B: its points, and where they are from."""

    contender: Contender
    kind: Kind
    seeds: tuple[str, ...] = ("",)
    """Names of the training seeds of its runs; empty text where one is not on record."""
    notes: tuple[str, ...] = ()
    """What the store holds of it besides."""
    run: Run | None = None
    """The newest of its runs, where it is a variant."""


@dataclass(frozen=True)
class Match:
    """Two sides and their anchor, on the same images."""

    a: Side
    b: Side
    anchor: Contender
    anchor_described: str
    """The anchor's name, and what it leaves open."""
    dataset: str
    """Empty where both sides come from files."""
    model: str
    rates: str = "quality"
    """What variants of the store were coded at: `quality`, or `target` rates."""

    @property
    def one_variant(self) -> bool:
        """Whether A and B are one variant of the store, to be looked at over its training seeds."""
        names = {side.contender.label for side in (self.a, self.b)}
        return self.a.kind == self.b.kind == "variant" and len(names) == 1

    @property
    def measured_noise(self) -> MeasuredNoise | None:
        """The noise of such trainings as it ships; None where it is not known."""
        runs = [side.run for side in (self.a, self.b) if side.run]
        return measured_noise(shipped_spreads(), runs) if runs else None


def match(store: Store, a: str, b: str, choice: Choice) -> Match:
    """Find A and B, each a variant or an anchor of the store by name, or else a file or points that ship.

    Of a variant those runs count that `variant_runs` finds comparable, one a training seed as `replicates`
    finds them. The anchor is that of the newest run, of two run folders too; other files need
    `anchor_points`.

    Raises:
        BenchError: a name is neither in the store nor a file, several data sets or model presets fit, A and B
            were never measured alike, or the anchor is not there.
    """
    kinds = {word: _kind(store, word) for word in (a, b)}
    variants, anchors = ([w for w in (a, b) if kinds[w] == kind] for kind in ("variant", "anchor"))
    study: list[Run] = []
    if variants:
        study = variant_runs(store, variants, choice)
    elif anchors:
        study = anchor_runs(store, anchors, choice.dataset)
    side_a, side_b = (_side(store, word, kinds[word], study) for word in (a, b))
    if side_a.contender.label == side_b.contender.label and len(variants) < 2:
        side_a, side_b = (
            replace(side, contender=replace(side.contender, label=f"{side.contender.label} ({letter})"))
            for side, letter in ((side_a, "A"), (side_b, "B"))
        )
    runs = [side.run for side in (side_a, side_b) if side.run]
    if len({run.label for run in runs}) > 1:
        side_a = replace(side_a, notes=(*side_a.notes, *(note.removesuffix(".") for note in notes(runs))))
    anchor, described = _anchor(store, (a, b), study, choice)
    if not study:
        return Match(side_a, side_b, anchor, described, "", "")
    dataset, model = (str(study[-1].manifest.get(name, "")) for name in ("dataset", "model"))
    return Match(side_a, side_b, anchor, described, dataset, model, study[-1].rates)


def _kind(store: Store, word: str) -> Kind:
    runs, anchors = store.runs("runs"), store.runs("anchors")
    if any(run.label == word and run.done for run in runs):
        return "variant"
    if any(run.label == word and run.done for run in anchors):
        return "anchor"
    if Path(word).expanduser().exists() or shipped_folder(word):
        return "file"
    if any(run.label == word for run in runs):
        again = f"run it again: jpegai-bench run +variant={word}"
        raise BenchError(f"{store.root}: holds no finished run of {word}; {again}")
    labels = sorted({run.label for run in (*runs, *anchors) if run.done})
    available = f"there are {', '.join(labels)}" if labels else "it holds no finished run"
    raise BenchError(
        f"{word}: no variant or anchor in {store.root}{hint(word, labels)}, {available}; and no such file"
    )


def _side(store: Store, word: str, kind: Kind, study: list[Run]) -> Side:
    if kind == "file":
        return _from_file(word)
    if kind == "anchor":
        [entry] = chosen_anchors(store, study[-1], [word])
        return Side(Contender(word, (entry.points,)), kind)
    trainings = replicates([run for run in study if run.label == word])
    qualities, quality_notes = shared_qualities(study)
    points = [run.points() for run in trainings.runs]
    if qualities is not None:
        points = [frame[frame["quality"].isin(qualities)] for frame in points]
    contender = Contender(word, tuple(coded_once(frame) for frame in points))
    newest = trainings.runs[-1]
    side_notes = (*trainings.notes, *quality_notes, *computed_otherwise({word: newest}))
    return Side(contender, kind, trainings.seeds, side_notes, newest)


def _anchor(store: Store, words: tuple[str, str], study: list[Run], choice: Choice) -> tuple[Contender, str]:
    """The anchor's points, and its name with what it leaves open."""
    if choice.anchor_points:
        contender = _from_file(choice.anchor_points).contender
        return contender, contender.label
    newest = study[-1] if study else None
    if newest is None:
        store, newest = _newer_of(words)
    if choice.anchor or not anchor_names(newest):
        [entry] = chosen_anchors(store, newest, [choice.anchor or MAIN_ANCHOR])
    else:
        entry = anchors_of(store, newest)[0]
    return Contender(entry.label, (entry.points,)), entry.described


def _newer_of(words: tuple[str, str]) -> tuple[Store, Run]:
    """Of two run folders the newer run, and its store."""
    pairs = [run_in(Path(word)) for word in words]
    owned = [pair for pair in pairs if pair is not None and anchor_names(pair[1])]
    if len(owned) < 2:
        raise BenchError(
            f"{words[0]} and {words[1]} are points of no run here: give the anchor's points with "
            "anchor_points=FILE, or those that ship, as anchor_points=vvc/kodak; without an anchor: "
            "jpegai-bench bdrate A B"
        )
    return max(owned, key=lambda pair: str(pair[1].manifest.get("end")))


def _from_file(word: str) -> Side:
    """Points of a file, of a run folder or that ship, called after it."""
    if shipped := shipped_folder(word):
        return Side(Contender(word, (coded_once(read_points(shipped / "points.csv")),)), "file")
    path = Path(word).expanduser()
    owner = run_in(path if path.is_dir() else path.parent)
    if owner:
        run = owner[1]
        label = f"{run.label}@{run.folder.name[:6]}"
        side_notes = tuple(computed_otherwise({label: run}))
        return Side(Contender(label, (coded_once(run.points()),)), "file", notes=side_notes)
    points = read_rd(path)
    one_curve = f"{path.name} names no images: its one curve counts as one image"
    side_notes = (one_curve,) if points.one_curve else ()
    return Side(Contender(path.stem, (points.frame,), points.metrics), "file", notes=side_notes)
