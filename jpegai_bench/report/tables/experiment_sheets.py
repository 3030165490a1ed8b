"""The tables of an experiment for people: complexity, time and BD-rate of each study, the paper's beside."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jpegai_bench.analysis.statistics import Interval
from jpegai_bench.config.experiment import Ablation
from jpegai_bench.report.gather.part_counts import caveats
from jpegai_bench.report.gather.published_figures import Figure
from jpegai_bench.report.gather.study import Entry
from jpegai_bench.report.tables import verdict
from jpegai_bench.report.tables.experiment_tables import Experimental
from jpegai_bench.report.tables.latex import to_latex
from jpegai_bench.report.tables.sheets import LABELS, NONE, Cell, Sheet, to_markdown
from jpegai_bench.report.tables.study_sheets import (
    against,
    bd_rate,
    caption,
    counting_caveats,
    image_count,
    left_out,
    missed_targets,
    other_parts,
)
from jpegai_bench.report.tables.text_files import to_csv, write_texts


def study_sheets(part: Experimental, ablation: Ablation) -> list[Sheet]:
    """For each anchor a summary and the BD-rate by metric, then what the paper says beside ours."""
    rows, sheets = part.rows(ablation), []
    anchors = part.tables.study.anchor_entries
    for anchor in anchors:
        shown = [row for row in rows if row["anchor"] == anchor.label and row["kind"] != "paper"]
        sheets += [_summary(part, ablation, anchor, shown), _by_metric(part, ablation, anchor, shown)]
    sheets[0].notes += [*_missing(part, ablation), *part.tables.study.notes]
    beside = [row for row in rows if row["anchor"] == anchors[0].label and row["kind"] != "codec"]
    return [*sheets, _beside_the_paper(part, ablation, anchors[0], beside)]


def write_study(part: Experimental, ablation: Ablation, folder: Path, prefix: str) -> list[Path]:
    """Write a study's CSV, Markdown and LaTeX, `prefix` before its name; return the paths.

    Raises:
        BenchError: the folder cannot be written.
    """
    sheets, name = study_sheets(part, ablation), ablation.name
    texts = {
        f"{name}.csv": to_csv(part.frame(ablation)),
        f"{name}.md": to_markdown(sheets),
        f"{name}.tex": to_latex(sheets, f"{part.experiment.name}-{prefix}{name}"),
    }
    return write_texts(texts, folder, prefix)


def write_spreads(part: Experimental, folder: Path, prefix: str) -> list[Path]:
    """Write the spreads over seeds, if any, as `measured_noise` of an experiment reads them.

    Raises:
        BenchError: the folder cannot be written.
    """
    texts = {"training_noise.csv": to_csv(pd.DataFrame(part.spreads))} if part.spreads else {}
    return write_texts(texts, folder, prefix)


def _summary(part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]) -> Sheet:
    base, study = part.experiment.reference, part.tables.study
    done = [row for row in rows if row["status"] == "done"]
    return Sheet(
        _title(part, ablation, "complexity, time and mean BD-rate", anchor),
        ["variant", "kMACs/px\npublished", "all\nMACs", "reduction\n%", f"MACs\n÷ {base}", "decode\ns",
         f"decode\n÷ {base}", "mean of 7\nBD-rate, %", f"vs {base}\nBD-rate, %", "beyond\nnoise"],
        [[row["variant"], *_complexity(row, base), *_differences(row, base)] for row in rows],
        _caption(part, rows),
        [
            *_over_seeds(part, rows),
            *other_parts(done),
            *counting_caveats(study, {row["variant"] for row in done}),
            *missed_targets(study),
        ],
        (
            caption(part.tables, anchor),
            "kMACs/pixel of the luma synthesis in the published counting, whose reduction is given, and all "
            f"MACs, whose ratio to {base} stands beside that of the time to decode a picture.",
            *_noise_sentences(part, rows),
        ),
    )  # fmt: skip


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
    """BD-rates against anchor and reference, and whether the latter is beyond the noise of training."""
    if row["variant"] == base:
        return [bd_rate(row, "mean"), NONE, NONE]
    beyond: Cell | str = f"{row['exceeds_noise']}{'*' if row['noise'] == 'seeds' else ''}" or NONE
    if row["exceeds_noise"] == "NA":
        beyond = Cell(math.nan, reason=row["noise_reason"])
    return [bd_rate(row, "mean"), bd_rate(row, "vs_base", digits=2), beyond]


def _by_metric(
    part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]
) -> Sheet:
    shown = part.tables.study.shown
    return Sheet(
        _title(part, ablation, "BD-rate by metric, %", anchor),
        ["variant", *(LABELS[name] for name in shown)],
        [[row["variant"], *(bd_rate(row, name) for name in shown)] for row in rows],
        _caption(part, rows),
        [*left_out(part.tables, anchor, {row["variant"] for row in rows})],
        (caption(part.tables, anchor),),
    )


def _beside_the_paper(
    part: Experimental, ablation: Ablation, anchor: Entry, rows: Sequence[dict[str, Any]]
) -> Sheet:
    """Our counts at the paper's size and our BD-rates, each with the paper's next to it where it gave any."""
    base, published = part.experiment.reference, _published(part, rows)
    quotes, quoted = bool(published), "/".join(part.figures.anchors) or "anchor"
    model = part.tables.study.variants[0].model
    ours = f"Our kMACs/pixel are counted at model=paper; our BD-rates are of model={model}"
    sizes = f"{ours}, against {anchor.described}."
    if quotes:
        sizes = (
            f"{ours}, the paper's of its own networks and test set: they are no measure of each other. "
            f"Ours against {anchor.described}."
        )
    sheet = Sheet(
        _title(part, ablation, "beside the paper" if quotes else "counted at model=paper"),
        [
            "variant",
            "kMACs/px\npublished",
            "all\nMACs",
            "red.,\n%",
            *(["paper\nkMACs/px", "paper\nred., %"] if quotes else []),
            "mean of 7\nBD-rate, %",
            *([f"paper\nvs {quoted}"] if quotes else []),
            f"vs {base}\nBD-rate, %",
            *([f"paper\nvs {base}"] if quotes else []),
        ],
        [],
        _places(published),
        common=(sizes,),
    )
    for row in rows:
        of_study, label = row["kind"] == "paper", row["variant"]
        figures = part.figures.of_study(ablation.name) if of_study else part.figures.of_variant(label)
        sheet.rows.append(
            [
                "whole study" if of_study else label,
                *(
                    _at_paper_size(row, name)
                    for name in ("published_kmacs_px", "all_kmacs_px", "reduction_percent")
                ),
                *(_quoted(figures.kmacs, figures.reductions) if quotes else []),
                NONE if of_study else bd_rate(row, "mean"),
                *(_quoted(figures.bd_rates) if quotes else []),
                NONE if of_study or label == base else bd_rate(row, "vs_base", 2),
                *(_quoted(figures.bd_rates_to_reference) if quotes else []),
            ]
        )
    for entry in part.tables.study.variants:
        if entry.label in ablation.variants:
            at_paper_size = (entry.complexity or {}).get("paper_size")
            sheet.notes += [f"{text}." for text in caveats(f"{entry.label} at model=paper", at_paper_size)]
    return sheet


def _quoted(*columns: Sequence[Figure]) -> list[Cell | str]:
    """What the paper gives in each of these columns."""
    return [" / ".join(figure.quoted for figure in quoted_figures) or NONE for quoted_figures in columns]


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
    where: dict[str, list[str]] = defaultdict(list)
    for figure in figures:
        where[figure.where].append(f"{figure.value:g}")
    places = "; ".join(f"{', '.join(values)} ({place})" for place, values in where.items())
    return f"Published: {places}." if places else ""


def _at_paper_size(row: dict[str, Any], name: str) -> Cell | str:
    if row["kind"] != "variant":
        return NONE
    reason = row["paper_size_reason"] or "the reference is not known at model=paper"
    return Cell(row[f"paper_size_{name}"], reason=reason)


def _title(part: Experimental, ablation: Ablation, subject: str, anchor: Entry | None = None) -> str:
    study = part.tables.study
    conditions = f"{study.title or study.dataset}, model {study.variants[0].model}{against(study, anchor)}"
    return f"{ablation.title}, {conditions}: {subject}"


def _caption(part: Experimental, rows: Sequence[dict[str, Any]]) -> str:
    """Images, model and weights."""
    counts = {image_count(row) for row in rows if row["status"] == "done"} - {"0"}
    labels: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if weights := part.weights.get(row["variant"]):
            labels[weights].append(row["variant"])
    listed = "; ".join(f"{weights} ({', '.join(labels[weights])})" for weights in sorted(labels)) or "none"
    if len(labels) == 1:
        [listed] = labels
    images = f"{', '.join(sorted(counts))} image{'' if counts == {'1'} else 's'}, " if counts else ""
    return f"{images}model {part.tables.study.variants[0].model}, weights {listed}."


def _noise_sentences(part: Experimental, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What the noise of training was taken to be, in sentences."""
    experiment = part.experiment
    by_seeds = [row["variant"] for row in rows if row["noise"] == "seeds"]
    if by_seeds:
        named = "; ".join(f"{label} ({', '.join(part.noises[label].seeds)})" for label in by_seeds)
        yield (
            f"Beyond noise with *: by Welch's test over training seeds of {named} and of "
            f"{experiment.reference}, p below 0.05."
        )
    measured = [part.measured[row["variant"]] for row in rows if row["noise"] == "measured"]
    for estimate in dict.fromkeys(measured):
        yield (
            f"Beyond noise without *: one training each, whose difference to {experiment.reference} is held "
            f"against {verdict.chance(estimate.noise)} by {estimate.source}; open where the mean is beyond "
            "it and the interval is not."
        )
    if unknown := ", ".join(row["variant"] for row in rows if row["exceeds_noise"] == "unknown"):
        yield f"The noise of training of {unknown} is not known: no seeds of such trainings."
        if experiment.training_noise is not None:
            source, percent = experiment.training_noise_source, experiment.training_noise
            yield f"For networks of its own {source} puts it at {percent:g}%."


def _over_seeds(part: Experimental, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The differences to the reference over training seeds; the columns are of the newest run of each."""
    tests = {label: part.noises[label].test for row in rows if (label := row["variant"]) in part.noises}
    differences = [
        f"{label} {verdict.figure(test.difference)} points "
        f"({verdict.range_text(Interval(test.difference, test.low, test.high))}, p = {test.p_value:.2g})"
        for label, test in tests.items()
        if not test.reason
    ]
    if differences:
        yield (
            f"* Difference to {part.experiment.reference} of the means over seeds, against "
            f"{part.tables.study.anchors[0]}: {'; '.join(differences)}. The columns are of the newest run of "
            "each."
        )


def _missing(part: Experimental, ablation: Ablation) -> Iterator[str]:
    if reasons := [item.reason for label, item in part.missing.items() if label in ablation.variants]:
        yield f"Missing: {'; '.join(reasons)}. All that is missing is made by: {part.remedy}"
