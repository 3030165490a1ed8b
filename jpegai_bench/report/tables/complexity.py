"""The complexity table: kMACs/pixel of every variant, by part and by counting."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.report.gather.part_counts import caveats, part_counts

if TYPE_CHECKING:
    from rich.console import Group

COUNTINGS = {"published": "published", "input_size": "input\nsize", "all": "all\nMACs"}
_FIGURES = (
    "variant",
    "published_kmacs_px",
    "input_size_kmacs_px",
    "all_kmacs_px",
    "params_m",
    "paper_kmacs_px",
    "elementwise_kops_px",
)
_REST = {"chroma_synthesis": "chroma\nsynthesis", "entropy": "entropy\npart", "analysis": "analysis"}


def as_frame(summaries: list[dict[str, Any]]) -> pd.DataFrame:
    """A row for each variant: luma synthesis and its parts, the other parts, the whole decoder."""
    rows = []
    for summary in summaries:
        row = {name: summary[name] for name in _FIGURES}
        for part, counts in summary["detail"]["luma"].items():
            for counting in COUNTINGS:
                row[f"{part.replace(' ', '_')}_{counting}_kmacs_px"] = counts[counting]
        counts = part_counts(summary)
        params = {part: summary["detail"][part]["params"] / 1e6 for part in _REST}
        params["decoder"] = summary["params_m"] + params["chroma_synthesis"] + params["entropy"]
        for part in params:
            for counting in COUNTINGS:
                row[f"{part}_{counting}_kmacs_px"] = counts[f"{part}_{counting}_kmacs_px"]
            row[f"{part}_params_m"] = params[part]
        row["model"] = summary["model"]
        rows.append({name: round(v, 6) if isinstance(v, float) else v for name, v in row.items()})
    return pd.DataFrame(rows)


def as_rich(summaries: list[dict[str, Any]]) -> "Group":
    """The same for a terminal of 80 columns, in three tables."""
    from rich.console import Group

    notes = [note for summary in summaries for note in caveats(summary["variant"], summary)]
    return Group(
        _luma(summaries), "", _parts(summaries), "", _other_parts(summaries), "", _EXPLANATION, *notes
    )


_EXPLANATION = """\
kMACs/pixel of the image, products with the weights of convolutions and linear
layers, no bias. published: a transposed convolution counted at its output size,
as ptflops did before 0.7.5; input size: the same, a transposed convolution
counted at its input size; all MACs: that and the products without weights, as
of the attention's matrices; element-wise: thousands of values a pixel that
activations, sums, products and normalisations pass over
paper: its table, for the whole decoder or the luma synthesis, which it leaves
open; its conclusion says 852 (base) and 180 (combined)"""


def _table(title: str, columns: list[str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _luma(summaries: list[dict[str, Any]]) -> Any:
    columns = ["variant", *COUNTINGS.values(), "element-\nwise", "params\n(M)", "paper"]
    table = _table(f"Luma synthesis, model={summaries[0]['model']} (kMACs/pixel)", columns)
    for summary in summaries:
        figures = [summary[f"{counting}_kmacs_px"] for counting in COUNTINGS]
        paper = summary["paper_kmacs_px"]
        table.add_row(
            summary["variant"],
            *(f"{figure:.3f}" for figure in figures),
            f"{summary['elementwise_kops_px']:.3f}",
            f"{summary['params_m']:.3f}",
            "" if paper is None else f"{paper:.1f}",
        )
    return table


def _parts(summaries: list[dict[str, Any]]) -> Any:
    names = list(dict.fromkeys(name for summary in summaries for name in summary["detail"]["luma"]))
    table = _table("Luma synthesis by part (kMACs/pixel and share, published counting)", ["variant", *names])
    for summary in summaries:
        total = summary["published_kmacs_px"]
        cells = []
        for name in names:
            counts = summary["detail"]["luma"].get(name)
            cells.append(f"{counts['published']:.3f}{counts['published'] / total:7.1%}" if counts else "")
        table.add_row(summary["variant"], *cells)
    return table


def _other_parts(summaries: list[dict[str, Any]]) -> Any:
    columns = ["variant", *_REST.values(), "decoder", "params\n(M)"]
    table = _table("The rest of the codec, and the whole decoder (kMACs/pixel, all MACs)", columns)
    for summary in summaries:
        counts = part_counts(summary)
        params = summary["params_m"] + sum(summary["detail"][part]["params"] for part in _REST) / 1e6
        figures = [*(counts[f"{part}_all_kmacs_px"] for part in (*_REST, "decoder")), params]
        table.add_row(summary["variant"], *(f"{figure:.3f}" for figure in figures))
    return table
