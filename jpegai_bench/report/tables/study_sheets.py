"""The tables of a study for people: a block for each anchor, and one against the base."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL
from jpegai_bench.codecs.rates import out_of_reach
from jpegai_bench.metrics.asked import labels_of
from jpegai_bench.metrics.catalogue import NAMES, average_of
from jpegai_bench.report.gather.part_counts import caveats
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.tables.results import Tables
from jpegai_bench.report.tables.sheets import LABELS, NONE, NOT_TIMED, TOO_FEW, Cell, Sheet, to_markdown
from jpegai_bench.report.tables.text_files import to_csv, write_texts
from jpegai_bench.system.wording import count, listed


def sheets(tables: Tables) -> list[Sheet]:
    """For each anchor the summary and the BD-rate by metric; where there is a base the same against it."""
    study = tables.study
    summary = _summary if study.variants else _summary_of_codecs
    parts = [build(tables, anchor) for anchor in study.anchor_entries for build in (summary, _by_metric)]
    peers = [study.entry(label).described for label in study.peers if label not in study.anchors]
    parts[0].notes += [*([f"Codecs: {'; '.join(peers)}."] if peers else []), *study.notes]
    if study.base_entry is not None and tables.results.variant.nunique() > 1:
        parts.append(_by_metric_against_base(tables))
    return parts


def write_tables(tables: Tables, folder: str | Path, prefix: str = "") -> list[Path]:
    """Write results.csv, per_image.csv, points.csv and results.md, `prefix` before each name.

    Returns:
        Their paths.

    Raises:
        BenchError: the folder cannot be written.
    """
    frames = {"results": tables.results, "per_image": tables.per_image, "points": tables.points}
    texts = {f"{name}.csv": to_csv(frame) for name, frame in frames.items()}
    return write_texts({**texts, "results.md": to_markdown(sheets(tables))}, folder, prefix)


def _summary(tables: Tables, anchor: Entry) -> Sheet:
    study, rows = tables.study, _rows(tables, anchor)
    return Sheet(
        _title(tables, "complexity and mean BD-rate", anchor),
        ["variant", "kMACs/px\npublished", "input\nsize", "all\nMACs", "reduction\nvs base, %",
         "mean of 7\nBD-rate, %",
         f"vs {study.base}\nBD-rate, %", "images", "decode\ns"],
        [
            [
                _name(tables, row),
                *_complexity(study, row),
                bd_rate(row, "mean"),
                "base" if row["variant"] == study.base else bd_rate(row, "vs_base", digits=2),
                image_count(row),
                _seconds(row),
            ]
            for row in rows
        ],
        "kMACs/pixel of the luma synthesis: in the published counting, with transposed convolutions at input "
        f"size, and with the attention's matrix products.{_start_up(rows)}",
        [*other_parts(rows), *counting_caveats(study), *missed_targets(study)],
        (caption(tables, anchor),),
    )  # fmt: skip


def _summary_of_codecs(tables: Tables, anchor: Entry) -> Sheet:
    rows = _rows(tables, anchor)
    timed = any(math.isfinite(row["decode_s"]) for row in rows)
    return Sheet(
        _title(tables, "mean BD-rate", anchor),
        ["codec", "mean of 7\nBD-rate, %", "images", *(["decode\ns"] if timed else [])],
        [
            [_name(tables, row), bd_rate(row, "mean"), image_count(row), *([_seconds(row)] if timed else [])]
            for row in rows
        ],
        _start_up(rows).strip(),
        common=(caption(tables, anchor),),
    )


def _start_up(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a caption says of times of codecs, where there are some."""
    if not any(row["kind"] == "codec" and math.isfinite(row["decode_s"]) for row in rows):
        return ""
    return " Decoding on one core; a codec that runs a program for each picture has its start in it."


def _seconds(row: Mapping[str, Any]) -> Cell:
    """Seconds to decode a picture, as `latency` measures them: below one, two digits that count."""
    return Cell(row["decode_s"], lambda s: f"{s:.2f}" if s >= 1 else f"{s:#.2g}", reason=NOT_TIMED)


def _by_metric(tables: Tables, anchor: Entry) -> Sheet:
    shown = tables.study.shown
    return Sheet(
        _title(tables, "BD-rate by metric, %", anchor),
        ["variant" if tables.study.variants else "codec", *(LABELS[name] for name in shown)],
        [[_name(tables, row), *(bd_rate(row, name) for name in shown)] for row in _rows(tables, anchor)],
        notes=[*left_out(tables, anchor), *_not_applicable(tables.study)],
        common=(caption(tables, anchor),),
    )


def _by_metric_against_base(tables: Tables) -> Sheet:
    base, shown = tables.study.base, tables.study.shown
    rows = {row["variant"]: row for anchor in tables.study.anchor_entries for row in _rows(tables, anchor)}
    noise = "knows nothing of the noise of training."
    reading = f"an interval that holds 0 is no difference on these images. It {noise}"
    if _has_few_images(tables):
        reading = f"the images are {TOO_FEW}, and a mean {noise}"
    return Sheet(
        _title(tables, f"BD-rate against {base} by metric, %"),
        ["variant", *(LABELS[name] for name in shown)],
        [
            [_name(tables, row), *(bd_rate(row, f"{name}_vs_base", digits=2) for name in shown)]
            for label, row in rows.items()
            if label != base
        ],
        f"Rates of {base} are the reference; {reading}",
    )


def left_out(tables: Tables, anchor: Entry, only: Collection[str] | None = None) -> Iterator[str]:
    """Images that are missing from means, by reason; of all rows, or of some."""
    shown, frame = tables.study.shown, tables.per_image
    frame = frame[(frame.anchor == anchor.label) & (frame.reason != "") & frame.metric.isin(shown)]
    where: dict[str, dict[tuple[str, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    cases_of = Counter(zip(frame.reason, frame.variant, frame.metric, strict=True))
    for (reason, variant, metric), images in cases_of.items():
        if only is None or variant in only:
            where[reason][variant, images].append(LABELS[metric])
    for reason, cases in where.items():
        images_of_variants = [
            f"{images} of {variant} ({'all metrics' if len(metrics) == len(shown) else ', '.join(metrics)})"
            for (variant, images), metrics in cases.items()
        ]
        yield f"Images left out of means, {reason}: {', '.join(images_of_variants)}."


def _not_applicable(study: Study) -> Iterator[str]:
    """Of metrics that some images do not have the reason, as their runs have it on record."""
    metrics_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in study.entries:
        for gap in entry.run.manifest.get("not_applicable", ()) if entry.run else ():
            if gap["metric"] in study.shown:
                metrics_of[gap["image"], gap["reason"]].add(gap["metric"])
    cases: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (image, reason), metrics in metrics_of.items():
        cases[", ".join(LABELS[name] for name in study.shown if name in metrics), reason].append(image)
    for (labels, reason), images in cases.items():
        yield f"Not measured, {reason}: {labels} of {listed(images, 1)}."


def other_parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the variants' entropy parts cost; where these differ the whole decoders, and analyses that do."""
    variants = [row for row in rows if row["kind"] == "variant"]
    counted = [row for row in variants if not row["complexity_reason"]]
    if counted:
        entropy, decoder, analysis = (
            _by_figure(counted, f"{part}_all_kmacs_px") for part in ("entropy", "decoder", "analysis")
        )
        texts = [f"entropy part {_figures(entropy)}"]
        texts += [f"whole decoder {_figures(decoder)}"] if len(entropy) > 1 else []
        texts += [f"analysis {_figures(analysis)}"] if len(analysis) > 1 else []
        texts += [
            f"NA of {row['variant']}, {reason}" for row in variants if (reason := row["complexity_reason"])
        ]
        yield f"All MACs, kMACs/pixel: {'; '.join(texts)}."


def _by_figure(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        labels[f"{row[column]:.3f}"].append(row["variant"])
    return labels


def _figures(labels: dict[str, list[str]]) -> str:
    """`0.284`, or `0.284 (base), 3.072 (mine, yours)`."""
    if len(labels) == 1:
        return next(iter(labels))
    return ", ".join(f"{figure} ({', '.join(variants)})" for figure, variants in labels.items())


def counting_caveats(study: Study, only: Collection[str] | None = None) -> list[str]:
    """What the counts of variants cannot say by themselves; of all, or of some."""
    variants = [entry for entry in study.variants if only is None or entry.label in only]
    return [f"{text}." for entry in variants for text in caveats(entry.label, entry.complexity)]


def missed_targets(study: Study) -> Iterator[str]:
    """Targets that images miss, with the number of images by variant."""
    missed: dict[float, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in study.variants:
        counts = Counter(point["target_bpp"] for point in out_of_reach(entry.points))
        for target, images in counts.items():
            missed[target][images].append(entry.label)
    for target, cases in sorted(missed.items()):
        texts = [
            f"{count(images, 'image')} of {', '.join(labels)}"
            for images, labels in sorted(cases.items(), reverse=True)
        ]
        yield f"{target:g} bpp is out of reach for {'; '.join(texts)}: the nearest rate is taken."


def _title(tables: Tables, subject: str, anchor: Entry | None = None) -> str:
    study, models = tables.study, _models(tables)
    model = f", model {models[0]}" if len(models) == 1 and models[0] else ""
    return f"{study.title or study.dataset}{model}{against(study, anchor)}: {subject}"


def against(study: Study, anchor: Entry | None) -> str:
    """What a title says of the anchor, where there are several."""
    return f", against {anchor.name}" if anchor and len(study.anchors) > 1 else ""


def caption(tables: Tables, anchor: Entry) -> str:
    """What every BD-rate in a table depends on."""
    study = tables.study
    hvs = next(LABELS[name] for name in average_of(study.hvs) if "hvs" in name)
    last = f"Metrics that were asked for: {labels_of(study.asked)}" if study.asked != NAMES else ""
    intervals = TOO_FEW if _has_few_images(tables) else "with their 95% bootstrap intervals"
    return (
        f"Anchor {anchor.described}; dataset {study.dataset}. {study.method.upper()} on log rate, mean over"
        f" images, {intervals}; negative is better. {last or f'HVS in the mean of 7: {hvs}'}."
    )


def _has_few_images(tables: Tables) -> bool:
    """Whether there are no intervals: fewer than five images have none."""
    return max(tables.results.get("images_most", [0])) < FEWEST_FOR_INTERVAL


def _rows(tables: Tables, anchor: Entry) -> list[dict[str, Any]]:
    rows: list[Any] = tables.results.to_dict("records")
    return [row for row in rows if row["anchor"] == anchor.label]


def _models(tables: Tables) -> list[str]:
    return sorted({entry.model for entry in tables.study.variants})


def _name(tables: Tables, row: Mapping[str, Any]) -> str:
    name = tables.study.entry(row["variant"]).name
    return f"{name} ({row['model']})" if row["model"] and len(_models(tables)) > 1 else name


def bd_rate(row: Mapping[str, Any], name: str, digits: int = 1) -> Cell:
    """A BD-rate of a row of `Tables.results` with its interval."""
    value, low, high = (row[f"{name}_{part}"] for part in ("bd_rate", "ci_low", "ci_high"))
    return Cell(value, digits, low, high, reason=row[f"{name}_reason"])


def image_count(row: Mapping[str, Any]) -> str:
    """Fewest and most images in the means of the seven."""
    fewest, most = row["images_fewest"], row["images_most"]
    return f"{most}" if fewest == most else f"{fewest}-{most}"


def _complexity(study: Study, row: Mapping[str, Any]) -> list[Cell | str]:
    """kMACs/pixel in three countings and the reduction; what is no network of ours has none."""
    if row["kind"] != "variant":
        return [NONE] * 4
    uncounted = row["complexity_reason"]
    reason = row["vs_base_reason"] if study.base_entry is None else uncounted
    counted = (Cell(row[f"{name}_kmacs_px"], reason=uncounted) for name in ("published", "input_size", "all"))
    return [*counted, Cell(row["reduction_percent"], reason=reason)]
