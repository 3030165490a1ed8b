"""The tables of a study for people: a block for each anchor, and one against the base."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jpegai_bench.analysis.statistics import FEWEST_FOR_INTERVAL
from jpegai_bench.codecs.rates import out_of_reach
from jpegai_bench.metrics.asked import labels_of
from jpegai_bench.metrics.catalogue import METRICS, NAMES, average_of
from jpegai_bench.report.gather.part_counts import caveats
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.tables.cells import NONE, NOT_TIMED, Cell, bd_rate, image_count
from jpegai_bench.report.tables.csv_frames import write_csv
from jpegai_bench.report.tables.results import Tables
from jpegai_bench.report.tables.sheets import Sheet, write_markdown
from jpegai_bench.system.wording import count


def sheets(tables: Tables) -> list[Sheet]:
    """For each anchor the summary and the BD-rate by metric; where there is a base the same against it."""
    study = tables.study
    parts = []
    for anchor in study.anchor_entries:
        parts += [_summary(tables, anchor), _by_metric(tables, anchor)]
    parts[0].notes += [*described(study), *study.notes]
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
    folder = Path(folder)
    return [
        write_csv(tables.results, folder / f"{prefix}results.csv"),
        write_csv(tables.per_image, folder / f"{prefix}per_image.csv"),
        write_csv(tables.points, folder / f"{prefix}points.csv"),
        write_markdown(sheets(tables), folder / f"{prefix}results.md"),
    ]


def _summary(tables: Tables, anchor: Entry) -> Sheet:
    study = tables.study
    if not study.variants:
        return _summary_of_codecs(tables, anchor)
    sheet = Sheet(
        _title(tables, "complexity and mean BD-rate", anchor),
        ["variant", "kMACs/px\npublished", "input\nsize", "all\nMACs", "reduction\nvs base, %",
         "mean of 7\nBD-rate, %",
         f"vs {study.base}\nBD-rate, %", "images", "decode\ns"],
        [],
        "kMACs/pixel of the luma synthesis: in the published counting, with transposed convolutions at input "
        f"size, and with the attention's matrix products.{_start_up(tables, anchor)}",
        common=(caption(tables, anchor),),
    )  # fmt: skip
    for row in _rows(tables, anchor):
        against_base = "base" if row["variant"] == study.base else bd_rate(row, "vs_base", digits=2)
        sheet.rows.append(
            [
                _name(tables, row),
                *_complexity(study, row),
                bd_rate(row, "mean"),
                against_base,
                image_count(row),
                _seconds(row),
            ]
        )
    sheet.notes = [*other_parts(_rows(tables, anchor)), *counting_caveats(study), *missed_targets(study)]
    return sheet


def _summary_of_codecs(tables: Tables, anchor: Entry) -> Sheet:
    timed = any(math.isfinite(row["decode_s"]) for row in _rows(tables, anchor))
    title = _title(tables, "mean BD-rate", anchor)
    columns = ["codec", "mean of 7\nBD-rate, %", "images", *(["decode\ns"] if timed else [])]
    sheet = Sheet(title, columns, [], _start_up(tables, anchor).strip(), common=(caption(tables, anchor),))
    for row in _rows(tables, anchor):
        seconds = [_seconds(row)] if timed else []
        sheet.rows.append([_name(tables, row), bd_rate(row, "mean"), image_count(row), *seconds])
    return sheet


def _start_up(tables: Tables, anchor: Entry) -> str:
    """What a caption says of times of codecs, where there are some."""
    rows = _rows(tables, anchor)
    if not any(row["kind"] == "codec" and math.isfinite(row["decode_s"]) for row in rows):
        return ""
    return " Decoding on one core; a codec that runs a program for each picture has its start in it."


def _seconds(row: dict[str, Any]) -> Cell:
    """Seconds to decode a picture, as `latency` measures them: below one, two digits that count."""
    return Cell(row["decode_s"], lambda s: f"{s:.2f}" if s >= 1 else f"{s:#.2g}", reason=NOT_TIMED)


def _by_metric(tables: Tables, anchor: Entry) -> Sheet:
    shown = tables.study.shown
    columns = ["variant" if tables.study.variants else "codec", *(labels()[name] for name in shown)]
    title = _title(tables, "BD-rate by metric, %", anchor)
    sheet = Sheet(title, columns, [], common=(caption(tables, anchor),))
    for row in _rows(tables, anchor):
        sheet.rows.append([_name(tables, row), *(bd_rate(row, name) for name in shown)])
    sheet.notes = [*left_out(tables, anchor), *not_applicable(tables.study)]
    return sheet


def _by_metric_against_base(tables: Tables) -> Sheet:
    study = tables.study
    shown = study.shown
    sheet = Sheet(
        _title(tables, f"BD-rate against {study.base} by metric, %"),
        ["variant", *(labels()[name] for name in shown)],
        [],
        f"Rates of {study.base} are the reference; {_reading(tables)}",
    )
    rows = {row["variant"]: row for anchor in study.anchor_entries for row in _rows(tables, anchor)}
    for label, row in rows.items():
        if label != study.base:
            cells = (bd_rate(row, f"{name}_vs_base", digits=2) for name in shown)
            sheet.rows.append([_name(tables, row), *cells])
    return sheet


def described(study: Study) -> list[str]:
    """What the labels of the peers leave open."""
    peers = [study.entry(label) for label in study.peers if label not in study.anchors]
    return [f"Codecs: {'; '.join(peer.described for peer in peers)}."] if peers else []


def left_out(tables: Tables, anchor: Entry, only: Collection[str] | None = None) -> list[str]:
    """Images that are missing from means, by reason; of all rows, or of some."""
    metric_labels, shown = labels(), tables.study.shown
    frame = tables.per_image[tables.per_image.anchor == anchor.label]
    frame = frame[(frame.reason != "") & frame.metric.isin(shown)]
    if only is not None:
        frame = frame[frame.variant.isin(list(only))]
    cases_of = Counter(zip(frame.reason, frame.variant, frame.metric, strict=True))
    where: dict[str, dict[tuple[str, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for (reason, variant, metric), images in cases_of.items():
        where[reason][variant, images].append(metric_labels[metric])
    lines = []
    for reason, cases in where.items():
        listed = [
            f"{images} of {variant} ({'all metrics' if len(metrics) == len(shown) else ', '.join(metrics)})"
            for (variant, images), metrics in cases.items()
        ]
        lines.append(f"Images left out of means, {reason}: {', '.join(listed)}.")
    return lines


def not_applicable(study: Study) -> list[str]:
    """Of metrics that some images do not have the reason, as their runs have it on record."""
    metric_labels, shown = labels(), study.shown
    metrics_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in study.entries:
        for gap in entry.run.manifest.get("not_applicable", ()) if entry.run else ():
            if gap["metric"] in shown:
                metrics_of[gap["image"], gap["reason"]].add(gap["metric"])
    cases: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (image, reason), metrics in metrics_of.items():
        cases[", ".join(metric_labels[name] for name in shown if name in metrics), reason].append(image)
    lines = []
    for (listed, reason), images in cases.items():
        more = f" and {len(images) - 1} more" if images[1:] else ""
        lines.append(f"Not measured, {reason}: {listed} of {images[0]}{more}.")
    return lines


def other_parts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the variants' entropy parts cost; where these differ the whole decoders, and analyses that do."""
    variants = [row for row in rows if row["kind"] == "variant"]
    counted = [row for row in variants if not row["complexity_reason"]]
    if not counted:
        return []
    entropy, decoder, analysis = (
        _by_figure(counted, f"{part}_all_kmacs_px") for part in ("entropy", "decoder", "analysis")
    )
    texts = [f"entropy part {_figures(entropy)}"]
    texts += [f"whole decoder {_figures(decoder)}"] if len(entropy) > 1 else []
    texts += [f"analysis {_figures(analysis)}"] if len(analysis) > 1 else []
    texts += [
        f"NA of {row['variant']}, {row['complexity_reason']}" for row in variants if row["complexity_reason"]
    ]
    return [f"All MACs, kMACs/pixel: {'; '.join(texts)}."]


def _by_figure(rows: Sequence[Mapping[str, Any]], column: str) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        labels[f"{row[column]:.3f}"].append(row["variant"])
    return labels


def _figures(labels: dict[str, list[str]]) -> str:
    """`0.284`, or `0.284 (base), 3.072 (mine, yours)`."""
    if len(labels) == 1:
        return next(iter(labels))
    return ", ".join(f"{figure} ({', '.join(of)})" for figure, of in labels.items())


def counting_caveats(study: Study, only: Collection[str] | None = None) -> list[str]:
    """What the counts of variants cannot say by themselves; of all, or of some."""
    variants = [entry for entry in study.variants if only is None or entry.label in only]
    return [f"{text}." for entry in variants for text in caveats(entry.label, entry.complexity)]


def missed_targets(study: Study) -> list[str]:
    """Targets that images miss, with the number of images by variant."""
    missed: dict[float, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in study.variants:
        counts = Counter(point["target_bpp"] for point in out_of_reach(entry.points))
        for target, images in counts.items():
            missed[target][images].append(entry.label)
    lines = []
    for target, cases in sorted(missed.items()):
        texts = [
            f"{count(images, 'image')} of {', '.join(labels)}"
            for images, labels in sorted(cases.items(), reverse=True)
        ]
        lines.append(f"{target:g} bpp is out of reach for {'; '.join(texts)}: the nearest rate is taken.")
    return lines


def _title(tables: Tables, subject: str, anchor: Entry | None = None) -> str:
    study = tables.study
    models = _models(tables)
    model = f", model {models[0]}" if len(models) == 1 and models[0] else ""
    against = f", against {anchor.name}" if anchor and len(study.anchors) > 1 else ""
    return f"{study.title or study.dataset}{model}{against}: {subject}"


def caption(tables: Tables, anchor: Entry) -> str:
    """What every BD-rate in a table depends on."""
    study = tables.study
    hvs = next(labels()[name] for name in average_of(study.hvs) if "hvs" in name)
    last = f"Metrics that were asked for: {labels_of(study.asked)}" if study.asked != NAMES else ""
    return (
        f"Anchor {anchor.described}; dataset {study.dataset}. {study.method.upper()} on log rate, mean over"
        f" images, {_intervals(tables)}; negative is better. {last or f'HVS in the mean of 7: {hvs}'}."
    )


def _intervals(tables: Tables) -> str:
    """What a caption says of them: fewer than five images have none."""
    if _most_images(tables) < FEWEST_FOR_INTERVAL:
        return f"too few for 95% intervals, which take {FEWEST_FOR_INTERVAL}"
    return "with their 95% bootstrap intervals"


def _reading(tables: Tables) -> str:
    """How an interval against the base is read, where there are intervals."""
    noise = "knows nothing of the noise of training."
    if _most_images(tables) < FEWEST_FOR_INTERVAL:
        return f"the images are {_intervals(tables)}, and a mean {noise}"
    return f"an interval that holds 0 is no difference on these images. It {noise}"


def _most_images(tables: Tables) -> int:
    return int(tables.results["images_most"].max()) if len(tables.results) else 0


def _rows(tables: Tables, anchor: Entry) -> list[dict[str, Any]]:
    rows: list[Any] = tables.results.to_dict("records")
    return [row for row in rows if row["anchor"] == anchor.label]


def _models(tables: Tables) -> list[str]:
    return sorted({entry.model for entry in tables.study.variants})


def _name(tables: Tables, row: dict[str, Any]) -> str:
    name = tables.study.entry(row["variant"]).name
    return f"{name} ({row['model']})" if row["model"] and len(_models(tables)) > 1 else name


def labels() -> dict[str, str]:
    """What tables call the metrics."""
    return {metric.name: metric.label for metric in METRICS}


def _complexity(study: Study, row: dict[str, Any]) -> list[Cell | str]:
    """kMACs/pixel in three countings and the reduction; what is no network of ours has none."""
    if row["kind"] != "variant":
        return [NONE] * 4
    uncounted = row["complexity_reason"]
    reason = row["vs_base_reason"] if study.base_entry is None else uncounted
    counted = (Cell(row[f"{name}_kmacs_px"], reason=uncounted) for name in ("published", "input_size", "all"))
    return [*counted, Cell(row["reduction_percent"], reason=reason)]
