"""The figures of an experiment's paper, by variant, as they stand in gray beside one's own."""

from typing import Any

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.report.gather.published_figures import Figure, PublishedFigures, published_figures


def paper_figures(experiment: Experiment) -> dict[str, dict[str, dict[str, Any]]]:
    """By variant and column of the results: value, and where it stands in the paper; the first place counts.

    `mean_bd_rate` is against the paper's anchor, `published_kmacs_px` of the paper's model. Where the paper
    gives a figure of a study as a whole, each of its variants has it, and says so.
    """
    figures = published_figures(experiment)
    by_variant: dict[str, dict[str, dict[str, Any]]] = {}
    for study in experiment.studies:
        study_figures = figures.of_study(study.name)
        for variant in study.variants:
            by_column = by_variant.setdefault(variant, {})
            for column, (figure, *_) in _columns(figures.of_variant(variant)).items():
                by_column.setdefault(column, _value_and_place(figure, experiment))
            if variant == experiment.reference:
                continue
            for column, (figure, *_) in _columns(study_figures).items():
                of_all = f", {study.title.lower()} study as a whole"
                by_column.setdefault(column, _value_and_place(figure, experiment, of_all))
    return {variant: by_column for variant, by_column in by_variant.items() if by_column}


def _columns(figures: PublishedFigures) -> dict[str, tuple[Figure, ...]]:
    by_column = {
        "published_kmacs_px": figures.complexity,
        "mean_bd_rate": figures.against_anchor,
        "vs_base_bd_rate": figures.against_reference,
    }
    return {column: quoted for column, quoted in by_column.items() if quoted}


def _value_and_place(figure: Figure, experiment: Experiment, more: str = "") -> dict[str, Any]:
    return {"value": figure.value, "where": f"{experiment.title}, {figure.where}{more}"}
