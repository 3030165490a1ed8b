"""The complexity table: kMACs/pixel of every variant, by part and by counting."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.report.gather.part_counts import COUNTINGS, caveats, part_counts
from jpegai_bench.report.tables.sheets import rich_table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_COUNTING_HEADS = dict(zip(COUNTINGS, ("published", "input\nsize", "all\nMACs"), strict=True))
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


def _luma(summaries: list[dict[str, Any]]) -> "Table":
    columns = ["variant", *_COUNTING_HEADS.values(), "element-\nwise", "params\n(M)", "paper"]
    title = f"Luma synthesis, model={summaries[0]['model']} (kMACs/pixel)"
    table = rich_table(columns, title, show_edge=False)
    for summary in summaries:
        paper = summary["paper_kmacs_px"]
        table.add_row(
            summary["variant"],
            *(f"{summary[f'{counting}_kmacs_px']:.3f}" for counting in COUNTINGS),
            f"{summary['elementwise_kops_px']:.3f}",
            f"{summary['params_m']:.3f}",
            "" if paper is None else f"{paper:.1f}",
        )
    return table


def _parts(summaries: list[dict[str, Any]]) -> "Table":
    names = list(dict.fromkeys(name for summary in summaries for name in summary["detail"]["luma"]))
    title = "Luma synthesis by part (kMACs/pixel and share, published counting)"
    table = rich_table(["variant", *names], title, show_edge=False)
    for summary in summaries:
        luma, total = summary["detail"]["luma"], summary["published_kmacs_px"]
        counts = [luma[name]["published"] if name in luma else None for name in names]
        cells = ("" if count is None else f"{count:.3f}{count / total:7.1%}" for count in counts)
        table.add_row(summary["variant"], *cells)
    return table


def _other_parts(summaries: list[dict[str, Any]]) -> "Table":
    title = "The rest of the codec, and the whole decoder (kMACs/pixel, all MACs)"
    columns = ["variant", *_REST.values(), "decoder", "params\n(M)"]
    table = rich_table(columns, title, show_edge=False)
    for summary in summaries:
        counts = part_counts(summary)
        params = summary["params_m"] + sum(summary["detail"][part]["params"] for part in _REST) / 1e6
        figures = [*(counts[f"{part}_all_kmacs_px"] for part in (*_REST, "decoder")), params]
        table.add_row(summary["variant"], *(f"{figure:.3f}" for figure in figures))
    return table
