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
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for study in experiment.studies:
        whole = figures.of_study(study.name)
        for variant in study.variants:
            own = found.setdefault(variant, {})
            for column, (figure, *_) in _columns(figures.of_variant(variant)).items():
                own.setdefault(column, _told(figure, experiment))
            if variant == experiment.reference:
                continue
            for column, (figure, *_) in _columns(whole).items():
                of_all = f", {study.title.lower()} study as a whole"
                own.setdefault(column, _told(figure, experiment, of_all))
    return {variant: own for variant, own in found.items() if own}


def _columns(figures: PublishedFigures) -> dict[str, tuple[Figure, ...]]:
    named = {
        "published_kmacs_px": figures.complexity,
        "mean_bd_rate": figures.against_anchor,
        "vs_base_bd_rate": figures.against_reference,
    }
    return {column: given for column, given in named.items() if given}


def _told(figure: Figure, experiment: Experiment, more: str = "") -> dict[str, Any]:
    return {"value": figure.value, "where": f"{experiment.title}, {figure.where}{more}"}
