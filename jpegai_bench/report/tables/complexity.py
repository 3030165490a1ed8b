"""The complexity table: kMACs/pixel of every variant, by part and by counting."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.report.gather.part_counts import COUNTINGS, caveats, part_counts, uncounted
from jpegai_bench.report.tables.sheets import Cell, Sheet, rich_titled

if TYPE_CHECKING:
    from rich.console import Group

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
    shown: list[Any] = []
    for sheet in (_luma(summaries), _parts(summaries), _other_parts(summaries)):
        shown += [*rich_titled(sheet, show_edge=False), ""]
    return Group(*shown, _EXPLANATION, *notes)


_EXPLANATION = """\
kMACs/pixel of the image, products with the weights of convolutions and linear
layers, no bias. published: a transposed convolution counted at its output size,
as ptflops did before 0.7.5; input size: the same, a transposed convolution
counted at its input size; all MACs: that and the products without weights, as
of the attention's matrices; element-wise: thousands of values a pixel that
activations, sums, products and normalisations pass over
paper: its table, for the whole decoder or the luma synthesis, which it leaves
open; its conclusion says 852 (base) and 180 (combined)"""


def _luma(summaries: list[dict[str, Any]]) -> Sheet:
    return Sheet(
        f"Luma synthesis, model={summaries[0]['model']} (kMACs/pixel)",
        ["variant", *_COUNTING_HEADS.values(), "element-\nwise", "params\n(M)", "paper"],
        [
            [
                summary["variant"],
                *(Cell(summary[f"{counting}_kmacs_px"], 3) for counting in COUNTINGS),
                Cell(summary["elementwise_kops_px"], 3),
                Cell(summary["params_m"], 3),
                "" if summary["paper_kmacs_px"] is None else Cell(summary["paper_kmacs_px"], 1),
            ]
            for summary in summaries
        ],
    )


def _parts(summaries: list[dict[str, Any]]) -> Sheet:
    names = list(dict.fromkeys(name for summary in summaries for name in summary["detail"]["luma"]))
    title = "Luma synthesis by part (kMACs/pixel and share, published counting)"
    return Sheet(title, ["variant", *names], [_row_of_parts(summary, names) for summary in summaries])


def _row_of_parts(summary: dict[str, Any], names: list[str]) -> list[Cell | str]:
    luma, total = summary["detail"]["luma"], summary["published_kmacs_px"]

    def with_share(count: float) -> str:
        return f"{count:.3f}{count / total:7.1%}"

    cells = (Cell(luma[name]["published"], with_share) if name in luma else "" for name in names)
    return [summary["variant"], *cells]


def _other_parts(summaries: list[dict[str, Any]]) -> Sheet:
    rows: list[list[Cell | str]] = []
    for summary in summaries:
        counts = part_counts(summary)
        params = summary["params_m"] + sum(summary["detail"][part]["params"] for part in _REST) / 1e6
        figures = [*(counts[f"{part}_all_kmacs_px"] for part in (*_REST, "decoder")), params]
        rows.append([summary["variant"], *(Cell(figure, 3, reason=uncounted(summary)) for figure in figures)])
    title = "The rest of the codec, and the whole decoder (kMACs/pixel, all MACs)"
    return Sheet(title, ["variant", *_REST.values(), "decoder", "params\n(M)"], rows)
