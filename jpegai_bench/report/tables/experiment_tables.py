"""The tables of an experiment as frames: a row for each variant of each study, the paper's figures in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from jpegai_bench.analysis.significance import TrainingNoise
from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.config.experiment import Ablation, Experiment
from jpegai_bench.report.gather.missing_variants import Missing
from jpegai_bench.report.gather.published_figures import PublishedFigures
from jpegai_bench.report.gather.study import kmacs
from jpegai_bench.report.gather.training_noise import MeasuredNoise, Noise, SeedSpread, one_training
from jpegai_bench.report.tables.results import Tables
from jpegai_bench.report.tables.sheets import NOT_TIMED

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
    missing: Mapping[str, Missing] = field(default_factory=dict)
    """Of the variants without a row of figures."""
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
                reason = self.missing[variant].reason if variant in self.missing else "no figures"
                row = by_label.get(variant) or _blank(variant, anchor, reason, self)
                rows.append(self._extended(row, ablation.name))
            rows += [self._extended(row, ablation.name) for row in of_anchor if row["kind"] == "codec"]
            study_figures = self.figures.of_study(ablation.name)
            if study_figures.figures:
                study_columns = {"kind": "paper", "study": ablation.name, "status": "paper"}
                rows.append(
                    _blank(ablation.title, anchor, "", self) | study_columns | _of_paper(study_figures)
                )
        return rows

    def frame(self, ablation: Ablation) -> pd.DataFrame:
        """`rows` at full precision, NaN is NA; columns: docs/experiments.md."""
        frame = pd.DataFrame(self.rows(ablation))
        frame.insert(0, "experiment", self.experiment.name)
        first = ["experiment", "study", "variant", "kind", "status"]
        return frame[[*first, *(name for name in frame if name not in first)]]

    def _extended(self, row: dict[str, Any], study: str) -> dict[str, Any]:
        label, of_variant = row["variant"], row["kind"] == "variant"
        missing = self.missing.get(label, Missing("done", ""))
        study_columns = {"study": study, "status": missing.status, "weights": self.weights.get(label, "")}
        extended = {**row, **study_columns, **self._ratios(row), **self._paper_size(label, missing.reason)}
        extended |= self._timing(label, missing.reason) if of_variant else _UNTIMED
        if of_variant and label != self.experiment.reference:
            extended |= self._noise(row, missing.reason)
        else:
            extended |= _noise_columns(Noise("", ""), None)
        return extended | _of_paper(self.figures.of_variant(label))

    def _ratios(self, row: dict[str, Any]) -> dict[str, Any]:
        """kMACs/pixel by those of the reference."""
        base, names = self.tables.study.base_entry, ("published", "all")
        references = {name: kmacs(base, f"{name}_kmacs_px") if base else math.nan for name in names}
        return {
            f"{name}_ratio": row[f"{name}_kmacs_px"] / reference if reference else math.nan
            for name, reference in references.items()
        }

    def _paper_size(self, label: str, reason: str) -> dict[str, Any]:
        counts, base = self._counts(label), self._counts(self.experiment.reference)
        share = counts.get("published_kmacs_px", math.nan) / base.get("published_kmacs_px", math.nan)
        not_counted = "not counted at model=paper; run it again to have it counted"
        known = "published_kmacs_px" in counts
        return {
            **{f"paper_size_{name}": counts.get(name, math.nan) for name in PAPER_SIZE},
            "paper_size_reduction_percent": 100 * (1 - share),
            "paper_size_reason": "" if known else reason or counts.get("reason") or not_counted,
        }

    def _counts(self, label: str) -> dict[str, Any]:
        complexities = {entry.label: entry.complexity or {} for entry in self.tables.study.variants}
        return complexities.get(label, {}).get("paper_size") or {}

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
        against = Interval(*(row[f"vs_base_{end}"] for end in ("bd_rate", "ci_low", "ci_high")))
        label = row["variant"]
        measured = self.measured.get(label)
        noise = self.noises.get(label) or one_training(against, reason or row["vs_base_reason"], measured)
        return _noise_columns(noise, measured.noise if measured and noise.source == "measured" else None)


_UNTIMED = {"decode_s": math.nan, "decode_ratio": math.nan, "machine": "", "decode_reason": NOT_TIMED}


def _noise_columns(noise: Noise, held: TrainingNoise | None) -> dict[str, Any]:
    """Columns of what is known of a difference; `held` is the measured noise that it was held against."""
    return {
        "exceeds_noise": noise.exceeds,
        "noise": noise.source,
        "noise_percent": held.of_difference() if held else math.nan,
        "noise_freedom": held.freedom if held else math.nan,
        "noise_reach_percent": held.reach() if held else math.nan,
        "noise_reason": noise.test.reason,
        "seeds": " ".join(noise.seeds),
        "seed_difference": noise.test.difference,
        "seed_ci_low": noise.test.low,
        "seed_ci_high": noise.test.high,
        "seed_p_value": noise.test.p_value,
    }


def _blank(label: str, anchor: str, reason: str, part: Experimental) -> dict[str, Any]:
    """A row as in `Tables.results` without a figure, each NA for that reason."""
    first: dict[Any, Any] = part.tables.results.iloc[0].to_dict()
    row: dict[str, Any] = dict.fromkeys(first, math.nan) | {"complexity_reason": reason}
    for name in (*part.tables.study.shown, "mean", "vs_base"):
        row[f"{name}_reason"] = reason
    for name in part.tables.study.shown:
        row |= {f"{name}_vs_base_reason": reason, f"{name}_images": 0}
    entry = part.tables.study.entry(anchor)
    return row | {
        "variant": label, "kind": "variant", "note": "", "chroma": "", "model": first["model"],
        "dataset": first["dataset"], "anchor": anchor, "anchor_note": entry.note,
        "anchor_chroma": entry.chroma, "hvs": first["hvs"], "method": first["method"], "images_fewest": 0,
        "images_most": 0,
    }  # fmt: skip


def _of_paper(figures: PublishedFigures) -> dict[str, Any]:
    """The first figure of each kind, and all of them as text."""
    columns = {
        "kmacs_px": figures.kmacs,
        "reduction_percent": figures.reductions,
        "mean_bd_rate": figures.bd_rates,
        "vs_base_bd_rate": figures.bd_rates_to_reference,
    }
    row: dict[str, Any] = {}
    for name, chosen in columns.items():
        row[f"paper_{name}"] = chosen[0].value if chosen else math.nan
        row[f"paper_{name}_told"] = "; ".join(figure.with_place for figure in chosen)
    row["paper_anchor"] = " ".join(figures.anchors)
    return row
