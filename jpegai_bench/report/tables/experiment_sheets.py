"""The tables of an experiment for people: complexity, time and BD-rate of each study, the paper's beside."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.config.experiment import Ablation
from jpegai_bench.report.gather.part_counts import caveats
from jpegai_bench.report.gather.published_figures import Figure
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.report.gather.training_noise import seed_names
from jpegai_bench.report.tables import verdict
from jpegai_bench.report.tables.cells import NONE, Cell, bd_rate, image_count
from jpegai_bench.report.tables.csv_frames import write_csv
from jpegai_bench.report.tables.experiment_tables import Experimental, by_column
from jpegai_bench.report.tables.latex import to_latex
from jpegai_bench.report.tables.sheets import Sheet, write_markdown
from jpegai_bench.report.tables.study_sheets import (
    caption,
    counting_caveats,
    labels,
    left_out,
    missed_targets,
    other_parts,
)
from jpegai_bench.system.files import write_bytes


def study_sheets(part: Experimental, ablation: Ablation) -> list[Sheet]:
    """For each anchor a summary and the BD-rate by metric, then what the paper says beside ours."""
    rows, sheets = part.rows(ablation), []
    for anchor in part.tables.study.anchor_entries:
        of_anchor = [row for row in rows if row["anchor"] == anchor.label]
        shown = [row for row in of_anchor if row["kind"] != "paper"]
        sheets += [_summary(part, ablation, anchor, shown), _by_metric(part, ablation, anchor, shown)]
        if anchor is part.tables.study.anchor_entries[0]:
            beside = _beside_the_paper(part, ablation, anchor, [r for r in of_anchor if r["kind"] != "codec"])
    sheets[0].notes += [*_missing(part, ablation), *part.tables.study.notes]
    return [*sheets, beside]


def write_study(part: Experimental, ablation: Ablation, folder: Path, prefix: str) -> list[Path]:
    """Write a study's CSV, Markdown and LaTeX, `prefix` before its name; return the paths.

    Raises:
        BenchError: the folder cannot be written.
    """
    sheets, stem = study_sheets(part, ablation), f"{prefix}{ablation.name}"
    tex = folder / f"{stem}.tex"
    paths = [
        write_csv(part.frame(ablation), folder / f"{stem}.csv"),
        write_markdown(sheets, folder / f"{stem}.md"),
    ]
    write_bytes(tex, to_latex(sheets, f"{part.experiment.name}-{stem}").encode())
    return [*paths, tex]


def write_spreads(part: Experimental, folder: Path, prefix: str) -> list[Path]:
    """Write the spreads over seeds, if any, as `measured_noise` of an experiment reads them.

    Raises:
        BenchError: the folder cannot be written.
    """
    frame = pd.DataFrame(part.spreads)
    return [write_csv(frame, folder / f"{prefix}training_noise.csv")] if part.spreads else []


def _summary(part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]) -> Sheet:
    base = part.experiment.reference
    sheet = Sheet(
        _title(part, ablation, "complexity, time and mean BD-rate", anchor),
        ["variant", "kMACs/px\npublished", "all\nMACs", "reduction\n%", f"MACs\n÷ {base}", "decode\ns",
         f"decode\n÷ {base}", "mean of 7\nBD-rate, %", f"vs {base}\nBD-rate, %", "beyond\nnoise"],
        [],
        _caption(part, rows),
        common=(
            caption(part.tables, anchor),
            "kMACs/pixel of the luma synthesis in the published counting, whose reduction is given, and all "
            f"MACs, whose ratio to {base} stands beside that of the time to decode a picture.",
            *_noise_sentences(part, rows),
        ),
    )  # fmt: skip
    for row in rows:
        sheet.rows.append([row["variant"], *_complexity(row, base), *_differences(row, base)])
    done = [row for row in rows if row["status"] == "done"]
    notes = [*other_parts(done), *counting_caveats(part.tables.study, {row["variant"] for row in done})]
    sheet.notes = [*_over_seeds(part, rows), *notes, *missed_targets(part.tables.study)]
    return sheet


def _complexity(row: dict[str, Any], base: str) -> list[Cell | str]:
    if row["kind"] != "variant":
        return [NONE] * 6
    uncounted = row["mean_reason"] if row["status"] != "done" else row["complexity_reason"]
    lacking = uncounted if math.isnan(row["published_kmacs_px"]) else f"complexity of {base} is not known"
    return [
        Cell(row["published_kmacs_px"], reason=uncounted),
        Cell(row["all_kmacs_px"], reason=uncounted),
        Cell(row["reduction_percent"], reason=lacking),
        Cell(row["all_ratio"], 3, reason=lacking),
        Cell(row["decode_s"], 2, reason=row["decode_reason"]),
        Cell(row["decode_ratio"], 3, reason=row["decode_reason"]),
    ]


def _differences(row: dict[str, Any], base: str) -> list[Cell | str]:
    if row["variant"] == base:
        return [bd_rate(row, "mean"), NONE, NONE]
    against = [bd_rate(row, "mean"), bd_rate(row, "vs_base", digits=2)]
    return [*against, _beyond(row) if row["kind"] == "variant" else NONE]


def _beyond(row: dict[str, Any]) -> Cell | str:
    if row["exceeds_noise"] == "NA":
        return Cell(math.nan, reason=row["noise_reason"])
    return f"{row['exceeds_noise']}{'*' if row['noise'] == 'seeds' else ''}"


def _by_metric(
    part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]
) -> Sheet:
    shown = part.tables.study.shown
    sheet = Sheet(
        _title(part, ablation, "BD-rate by metric, %", anchor),
        ["variant", *(labels()[name] for name in shown)],
        [],
        _caption(part, rows),
        common=(caption(part.tables, anchor),),
    )
    for row in rows:
        sheet.rows.append([row["variant"], *(bd_rate(row, name) for name in shown)])
    variants = {row["variant"] for row in rows}
    sheet.notes = left_out(part.tables, anchor, variants)
    return sheet


def _beside_the_paper(
    part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]
) -> Sheet:
    """Our counts at the paper's size and our BD-rates, each with the paper's next to it where it gave any."""
    base, published = part.experiment.reference, _published(part, rows)
    quotes, quoted = bool(published), "/".join(part.figures.anchors) or "anchor"
    columns = [
        "variant",
        "kMACs/px\npublished",
        "all\nMACs",
        "red.,\n%",
        *(["paper\nkMACs/px", "paper\nred., %"] if quotes else []),
        "mean of 7\nBD-rate, %",
        *([f"paper\nvs {quoted}"] if quotes else []),
        f"vs {base}\nBD-rate, %",
        *([f"paper\nvs {base}"] if quotes else []),
    ]
    subject = "beside the paper" if quotes else "counted at model=paper"
    title = _title(part, ablation, subject)
    sheet = Sheet(title, columns, [], _places(published), common=(_sizes(part, anchor, quotes),))
    for row in rows:
        of_study, is_base = row["kind"] == "paper", row["variant"] == base
        label = row["variant"]
        figures = part.figures.of_study(ablation.name) if of_study else part.figures.of_variant(label)
        paper = [
            [_quoted(column_figures)] if quotes else [] for column_figures in by_column(figures).values()
        ]
        sheet.rows.append(
            [
                "whole study" if of_study else label,
                *(_at_paper_size(row, name) for name in _COUNTS),
                *paper[0],
                *paper[1],
                NONE if of_study else bd_rate(row, "mean"),
                *paper[2],
                NONE if of_study or is_base else bd_rate(row, "vs_base", 2),
                *paper[3],
            ]
        )
    at_paper_size = (
        caveats(f"{entry.label} at model=paper", (entry.complexity or {}).get("paper_size"))
        for entry in part.tables.study.variants
        if entry.label in ablation.variants
    )
    sheet.notes = [f"{text}." for texts in at_paper_size for text in texts]
    return sheet


_COUNTS = ("paper_size_published_kmacs_px", "paper_size_all_kmacs_px", "paper_size_reduction_percent")


def _sizes(part: Experimental, anchor: Entry, quotes: bool) -> str:
    """What is of which size."""
    ours = f"Our kMACs/pixel are counted at model=paper; our BD-rates are of model={_model(part)}"
    if not quotes:
        return f"{ours}, against {anchor.described}."
    return (
        f"{ours}, the paper's of its own networks and test set: they are no measure of each other. "
        f"Ours against {anchor.described}."
    )


def _published(part: Experimental, rows: Sequence[dict[str, Any]]) -> list[Figure]:
    """What the paper says of these variants, and of their study as a whole."""
    shown, study = {row["variant"] for row in rows if row["kind"] == "variant"}, rows[0]["study"]
    return [
        figure
        for figure in part.figures.figures
        if figure.quantity != "training noise"
        and (figure.variant in shown or (not figure.variant and figure.study == study))
    ]


def _places(figures: Sequence[Figure]) -> str:
    """Where the published figures are."""
    where: dict[str, list[str]] = {}
    for figure in figures:
        where.setdefault(figure.where, []).append(f"{figure.value:g}")
    places = "; ".join(f"{', '.join(values)} ({place})" for place, values in where.items())
    return f"Published: {places}." if places else ""


def _quoted(figures: Sequence[Figure]) -> str:
    """The paper's figures, several with a slash; the places are in the caption."""
    return " / ".join(figure.quoted for figure in figures) or NONE


def _at_paper_size(row: dict[str, Any], name: str) -> Cell | str:
    if row["kind"] != "variant":
        return NONE
    reason = row["paper_size_reason"] or "the reference is not known at model=paper"
    return Cell(row[name], reason=reason)


def _title(part: Experimental, ablation: Ablation, subject: str, anchor: Entry | None = None) -> str:
    study = part.tables.study
    against = f", against {anchor.name}" if anchor and len(study.anchors) > 1 else ""
    return f"{ablation.title}, {study.title or study.dataset}, model {_model(part)}{against}: {subject}"


def _model(part: Experimental) -> str:
    return part.tables.study.variants[0].model


def _caption(part: Experimental, rows: Sequence[dict[str, Any]]) -> str:
    """Images, model and weights."""
    counts = {image_count(row) for row in rows if row["status"] == "done"} - {"0"}
    weights = {part.weights.get(row["variant"], "") for row in rows} - {""}
    by_weights = (f"{w} ({', '.join(r['variant'] for r in rows if part.weights.get(r['variant']) == w)})"
                  for w in sorted(weights))  # fmt: skip
    listed = next(iter(weights)) if len(weights) == 1 else "; ".join(by_weights) or "none"
    images = f"{', '.join(sorted(counts))} image{'' if counts == {'1'} else 's'}, " if counts else ""
    return f"{images}model {_model(part)}, weights {listed}."


def _noise_sentences(part: Experimental, rows: Sequence[dict[str, Any]]) -> list[str]:
    """What the noise of training was taken to be, in sentences."""
    experiment = part.experiment
    seeds = {row["variant"]: part.noises[row["variant"]] for row in rows if row["noise"] == "seeds"}
    sentences = []
    if seeds:
        sentences.append(
            f"Beyond noise with *: by Welch's test over training seeds of {seed_names(seeds)} and of "
            f"{experiment.reference}, p below 0.05."
        )
    measured = [part.measured[row["variant"]] for row in rows if row["noise"] == "measured"]
    for estimate in dict.fromkeys(measured):
        sentences.append(
            f"Beyond noise without *: one training each, whose difference to {experiment.reference} is held "
            f"against {verdict.chance(estimate.noise)} by {estimate.source}; open where the mean is beyond "
            "it and the interval is not."
        )
    unknown = ", ".join(row["variant"] for row in rows if row["exceeds_noise"] == "unknown")
    if unknown:
        sentences.append(f"The noise of training of {unknown} is not known: no seeds of such trainings.")
        if experiment.training_noise is not None:
            source, percent = experiment.training_noise_source, experiment.training_noise
            sentences.append(f"For networks of its own {source} puts it at {percent:g}%.")
    return sentences


def _over_seeds(part: Experimental, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The differences to the reference over training seeds; the columns are of the newest run of each."""
    differences = []
    for row in rows:
        noise = part.noises.get(row["variant"])
        if noise is not None and not noise.reason:
            differences.append(
                f"{row['variant']} {verdict.figure(noise.difference)} points "
                f"({verdict.range_text(Interval(noise.difference, noise.low, noise.high))}, "
                f"p = {noise.p_value:.2g})"
            )
    if not differences:
        return []
    return [
        f"* Difference to {part.experiment.reference} of the means over seeds, against "
        f"{part.tables.study.anchors[0]}: {'; '.join(differences)}. The columns are of the newest run of "
        "each."
    ]


def _missing(part: Experimental, ablation: Ablation) -> list[str]:
    lacking = [item for item in part.missing if item.variant in ablation.variants]
    if not lacking:
        return []
    return [
        f"Missing: {'; '.join(item.reason for item in lacking)}. "
        f"All that is missing is made by: {part.remedy}"
    ]
