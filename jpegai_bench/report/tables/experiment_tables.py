"""The tables of an experiment as frames: a row for each variant of each study, the paper's figures in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.config.experiment import Ablation, Experiment
from jpegai_bench.report.gather.missing_variants import Missing
from jpegai_bench.report.gather.published_figures import Figure, PublishedFigures
from jpegai_bench.report.gather.study import kmacs
from jpegai_bench.report.gather.training_noise import MeasuredNoise, Noise, SeedSpread, one_training
from jpegai_bench.report.tables.cells import NOT_TIMED
from jpegai_bench.report.tables.results import Tables

PAPER_SIZE = ("published_kmacs_px", "input_size_kmacs_px", "all_kmacs_px")
"""What is told of the counts at `model=paper`."""


@dataclass(frozen=True)
class Timing:
    """Seconds to decode a picture, and the machine that they hold for."""

    decode_s: float
    machine: str


@dataclass(frozen=True)
class Experimental:
    """An experiment on one data set, at one model preset: all that its tables are made from."""

    experiment: Experiment
    tables: Tables
    """Of all its variants together."""
    figures: PublishedFigures
    missing: tuple[Missing, ...] = ()
    remedy: str = ""
    """The command that makes what is missing."""
    noises: Mapping[str, Noise] = field(default_factory=dict)
    """Of the variants that have several training seeds."""
    measured: Mapping[str, MeasuredNoise] = field(default_factory=dict)
    """Noise of trainings as those of the others, where it is known."""
    spreads: Sequence[SeedSpread] = ()
    """Over the seeds that the store holds, of each variant that has several."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """What the weights are called, by variant."""
    timings: Mapping[str, Timing] = field(default_factory=dict)

    def rows(self, ablation: Ablation) -> list[dict[str, Any]]:
        """For each anchor the study's variants, then the peers, then what the paper says of the study."""
        results: list[Any] = self.tables.results.to_dict("records")
        rows = []
        for anchor in self.tables.study.anchors:
            of_anchor = [row for row in results if row["anchor"] == anchor]
            by_label = {row["variant"]: row for row in of_anchor}
            for variant in ablation.variants:
                row = by_label.get(variant) or self._without_figures(variant, anchor)
                rows.append(self._extended(row, ablation.name))
            rows += [self._extended(row, ablation.name) for row in of_anchor if row["kind"] == "codec"]
            study_figures = self.figures.of_study(ablation.name)
            if study_figures.figures:
                blank = {**_blank(ablation.title, anchor, "", self), "kind": "paper"}
                rows.append(blank | _of_paper(study_figures) | {"study": ablation.name, "status": "paper"})
        return rows

    def frame(self, ablation: Ablation) -> pd.DataFrame:
        """`rows` at full precision, NaN is NA; columns: docs/experiments.md."""
        frame = pd.DataFrame(self.rows(ablation))
        frame.insert(0, "experiment", self.experiment.name)
        first = ["experiment", "study", "variant", "kind", "status"]
        return frame[[*first, *(name for name in frame if name not in first)]]

    def _without_figures(self, variant: str, anchor: str) -> dict[str, Any]:
        reason = next((item.reason for item in self.missing if item.variant == variant), "no figures")
        return {**_blank(variant, anchor, reason, self), "kind": "variant"}

    def _extended(self, row: dict[str, Any], study: str) -> dict[str, Any]:
        label = row["variant"]
        missing = next((item for item in self.missing if item.variant == label), None)
        reason = missing.reason if missing else ""
        of_variant = row["kind"] == "variant"
        extended = {**row, "study": study, "status": missing.status if missing else "done"}
        extended["weights"] = self.weights.get(label, "")
        extended |= self._ratios(row) | self._paper_size(label, reason)
        extended |= self._timing(label, reason) if of_variant else _UNTIMED
        extended |= self._noise(row, reason) if of_variant else _NO_NOISE
        return extended | _of_paper(self.figures.of_variant(label))

    def _ratios(self, row: dict[str, Any]) -> dict[str, Any]:
        base = self.tables.study.base_entry
        ratios = {}
        for name in ("published", "all"):
            count = row[f"{name}_kmacs_px"]
            reference = kmacs(base, f"{name}_kmacs_px") if base else math.nan
            ratios[f"{name}_ratio"] = count / reference if reference else math.nan
        return ratios

    def _paper_size(self, label: str, reason: str) -> dict[str, Any]:
        counts, base = self._counts(label), self._counts(self.experiment.reference)
        row: dict[str, Any] = {f"paper_size_{name}": counts.get(name, math.nan) for name in PAPER_SIZE}
        reference = base.get("published_kmacs_px", math.nan)
        row["paper_size_reduction_percent"] = 100 * (
            1 - counts.get("published_kmacs_px", math.nan) / reference
        )
        row["paper_size_reason"] = ""
        if "published_kmacs_px" not in counts:
            not_counted = "not counted at model=paper; run it again to have it counted"
            row["paper_size_reason"] = reason or counts.get("reason") or not_counted
        return row

    def _counts(self, label: str) -> dict[str, Any]:
        entries = [entry for entry in self.tables.study.variants if entry.label == label]
        return dict((entries[0].complexity or {}).get("paper_size") or {}) if entries else {}

    def _timing(self, label: str, reason: str) -> dict[str, Any]:
        timing, base = self.timings.get(label), self.timings.get(self.experiment.reference)
        if timing is None:
            return {**_UNTIMED, "decode_reason": reason or NOT_TIMED}
        row = {"decode_s": timing.decode_s, "decode_ratio": math.nan, "machine": timing.machine}
        if base is None:
            return {**row, "decode_reason": f"{self.experiment.reference} was not timed"}
        if base.machine != timing.machine:
            return {**row, "decode_reason": f"{self.experiment.reference} was timed on another machine"}
        return {**row, "decode_ratio": timing.decode_s / base.decode_s, "decode_reason": ""}

    def _noise(self, row: dict[str, Any], reason: str) -> dict[str, Any]:
        label = row["variant"]
        if label == self.experiment.reference:
            return _NO_NOISE
        against = Interval(*(row[f"vs_base_{end}"] for end in ("bd_rate", "ci_low", "ci_high")))
        measured = self.measured.get(label)
        noise = self.noises.get(label) or one_training(against, reason or row["vs_base_reason"], measured)
        held = measured.noise if measured and noise.source == "measured" else None
        return {
            "exceeds_noise": noise.exceeds,
            "noise": noise.source,
            "noise_percent": held.of_difference() if held else math.nan,
            "noise_freedom": held.freedom if held else math.nan,
            "noise_reach_percent": held.reach() if held else math.nan,
            "noise_reason": noise.reason,
            "seeds": " ".join(noise.seeds),
            "seed_difference": noise.difference,
            "seed_ci_low": noise.low,
            "seed_ci_high": noise.high,
            "seed_p_value": noise.p_value,
        }


_UNTIMED = {"decode_s": math.nan, "decode_ratio": math.nan, "machine": "", "decode_reason": NOT_TIMED}
_NO_NOISE = {
    "exceeds_noise": "",
    "noise": "",
    "noise_percent": math.nan,
    "noise_freedom": math.nan,
    "noise_reach_percent": math.nan,
    "noise_reason": "",
    "seeds": "",
    "seed_difference": math.nan,
    "seed_ci_low": math.nan,
    "seed_ci_high": math.nan,
    "seed_p_value": math.nan,
}


def _blank(label: str, anchor: str, reason: str, part: Experimental) -> dict[str, Any]:
    """A row as in `Tables.results` without a figure, each NA for that reason."""
    like: dict[Any, Any] = part.tables.results.iloc[0].to_dict()
    row: dict[str, Any] = dict.fromkeys(like, math.nan) | {"complexity_reason": reason}
    for name in (*part.tables.study.shown, "mean", "vs_base"):
        row[f"{name}_reason"] = reason
    for name in part.tables.study.shown:
        row |= {f"{name}_vs_base_reason": reason, f"{name}_images": 0}
    entry = part.tables.study.entry(anchor)
    return row | {
        "variant": label, "note": "", "chroma": "", "model": like["model"], "dataset": like["dataset"],
        "anchor": anchor, "anchor_note": entry.note, "anchor_chroma": entry.chroma, "hvs": like["hvs"],
        "method": like["method"], "images_fewest": 0, "images_most": 0,
    }  # fmt: skip


def by_column(figures: PublishedFigures) -> dict[str, Sequence[Figure]]:
    """The paper's figures of a row, by the column that holds them."""
    return {
        "paper_kmacs_px": figures.complexity,
        "paper_reduction_percent": figures.reduction,
        "paper_mean_bd_rate": figures.against_anchor,
        "paper_vs_base_bd_rate": figures.against_reference,
    }


def _of_paper(figures: PublishedFigures) -> dict[str, Any]:
    """The first figure of each kind, and all of them as text."""
    row: dict[str, Any] = {}
    for name, chosen in by_column(figures).items():
        row[name] = chosen[0].value if chosen else math.nan
        row[f"{name}_told"] = "; ".join(figure.with_place for figure in chosen)
    row["paper_anchor"] = " ".join(figures.anchors)
    return row
