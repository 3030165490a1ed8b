"""The tables of a study: complexity, BD-rate with its uncertainty, decode time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from jpegai_bench.analysis.statistics import RESAMPLES, Interval, Summary, summarize
from jpegai_bench.codecs.rates import coded_once
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.report.gather.part_counts import part_counts, uncounted
from jpegai_bench.report.gather.study import Entry, Study, kmacs

_AXES = ("image", "quality", "target_bpp", "bpp")


@dataclass(frozen=True)
class Tables:
    """A study's numbers at full precision; NaN is NA."""

    study: Study
    results: pd.DataFrame
    """One row per anchor and variant or peer. For each of the seven metrics and their `mean`: the BD-rate
    against the anchor in percent, with `_ci_low`, `_ci_high` and `_reason`, for the metrics also `_images`
    and `_overlap`; the same against the base as `vs_base` (mean) and `<metric>_vs_base`."""
    per_image: pd.DataFrame
    """BD-rate against the anchor: columns anchor, variant, image, metric, bd_rate, overlap, reason."""

    @property
    def points(self) -> pd.DataFrame:
        """What the BD-rates are made from: a row for each variant or `codec`, image and rate."""
        entries, columns = self.study.entries, ("codec", *_AXES, *self.study.asked)
        frame = pd.concat([entry.points.assign(codec=entry.label) for entry in entries], ignore_index=True)
        return frame[[column for column in columns if column in frame]].dropna(axis=1, how="all")


def build_tables(study: Study, resamples: int = RESAMPLES) -> Tables:
    """Compare every variant and peer with each anchor, and with the base."""
    base, only = study.base_entry, None if study.asked == NAMES else study.asked
    against_base: dict[str, Summary] = {}
    rows, per_image = [], []
    for anchor in study.anchor_entries:
        for entry in study.rows(anchor.label):
            if base is not None and entry.label not in against_base:
                against_base[entry.label] = _compare(study, base, entry, resamples, study.shown)
            summary = _compare(study, anchor, entry, resamples, only)
            rows.append(_row(study, anchor, entry, summary, against_base.get(entry.label)))
            per_image.append(summary.per_image.assign(anchor=anchor.label, variant=entry.label))
    columns = ["anchor", "variant", "image", "metric", "bd_rate", "overlap", "reason"]
    frame = pd.concat(per_image, ignore_index=True) if per_image else pd.DataFrame(columns=columns)
    return Tables(study, pd.DataFrame(rows), frame[columns])


def _compare(
    study: Study, anchor: Entry, test: Entry, resamples: int, metrics: Sequence[str] | None
) -> Summary:
    reference, points = coded_once(anchor.points), coded_once(test.points)
    return summarize(reference, points, study.hvs, study.method, resamples, metrics=metrics)


def _row(
    study: Study, anchor: Entry, entry: Entry, against_anchor: Summary, against_base: Summary | None
) -> dict[str, Any]:
    count, base = kmacs(entry), kmacs(study.base_entry) if study.base_entry else math.nan
    row: dict[str, Any] = {
        "variant": entry.label,
        "kind": entry.kind,
        "note": entry.note,
        "chroma": entry.chroma,
        "model": entry.model,
        "dataset": study.dataset,
        "anchor": anchor.label,
        "anchor_note": anchor.note,
        "anchor_chroma": anchor.chroma,
        "hvs": study.hvs,
        "method": study.method,
        "published_kmacs_px": count,
        "input_size_kmacs_px": kmacs(entry, "input_size_kmacs_px"),
        "all_kmacs_px": kmacs(entry, "all_kmacs_px"),
        "paper_kmacs_px": kmacs(entry, "paper_kmacs_px"),
        "params_m": kmacs(entry, "params_m"),
        **part_counts(entry.complexity),
        "complexity_reason": uncounted(entry.complexity) if entry.kind == "variant" else "",
        "reduction_percent": 100.0 * (base - count) / base if base else math.nan,
        "decode_s": math.nan if entry.decode_s is None else entry.decode_s,
    }
    images = [against_anchor.metrics[name].images for name in study.shown]
    row["images_fewest"], row["images_most"] = min(images), max(images)
    for name in study.shown:
        metric = against_anchor.metrics[name]
        row |= _interval_columns(name, metric.bd_rate, metric.reason)
        row |= {f"{name}_images": metric.images, f"{name}_overlap": metric.overlap}
    row |= _interval_columns("mean", against_anchor.average, study.no_mean or against_anchor.reason)
    return row | _against_base(study, against_base)


def _against_base(study: Study, summary: Summary | None) -> dict[str, Any]:
    if summary is None:
        absent, reason = Interval(math.nan), f"no points of the base {study.base!r}"
        names = ["vs_base", *(f"{name}_vs_base" for name in study.shown)]
        return {key: cell for name in names for key, cell in _interval_columns(name, absent, reason).items()}
    row = _interval_columns("vs_base", summary.average, study.no_mean or summary.reason)
    for name in study.shown:
        metric = summary.metrics[name]
        row |= _interval_columns(f"{name}_vs_base", metric.bd_rate, metric.reason)
    return row


def _interval_columns(name: str, interval: Interval, reason: str) -> dict[str, Any]:
    return {
        f"{name}_bd_rate": interval.mean,
        f"{name}_ci_low": interval.low,
        f"{name}_ci_high": interval.high,
        f"{name}_reason": reason,
    }
