#!/usr/bin/env python3
"""The tables that pages of the repository take from results/tables, written into them anew:

    python scripts/pages.py README.md jpegai_bench/shipped/weights/small/README.md

A table is known by its head. Pages without one of these, and all other text, stay as they are.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd

TABLES = Path("results/tables")
RESULTS, POINTS = "kodak-small-results.csv", "kodak-small-points.csv"


def variants() -> list[dict]:
    """Rows of the variants, those with the most multiplications first."""
    rows = pd.read_csv(TABLES / RESULTS).query("kind == 'variant'")
    keys = ["published_kmacs_px", "all_kmacs_px"]
    return rows.sort_values(keys, ascending=False, kind="stable").to_dict("records")


def bd_rate(row: dict, name: str, digits: int) -> str:
    """With its interval; empty of the reference against itself."""
    if name == "vs_base" and row["variant"] == "base":
        return ""
    mean, low, high = (f"{row[f'{name}_{part}']:.{digits}f}" for part in ("bd_rate", "ci_low", "ci_high"))
    return f"{mean} ({low}…{high})"


def for_readme() -> Iterator[list[str]]:
    """Rows of README's table."""
    for row in variants():
        macs = [f"{row[name]:.1f}" for name in ("published_kmacs_px", "all_kmacs_px")]
        seconds = f"{row['decode_s']:.2f}"
        yield [row["variant"], *macs, seconds, bd_rate(row, "mean", 1), bd_rate(row, "vs_base", 2)]


def for_card() -> Iterator[list[str]]:
    """Rows of the model card's table of BD-rates."""
    for row in variants():
        yield [f"`{row['variant']}`", bd_rate(row, "mean", 1), bd_rate(row, "vs_base", 2)]


def by_quality() -> Iterator[list[str]]:
    """Rows of the model card's table of qualities: the rate, which is that of all, and PSNR-Y of each."""
    points = pd.read_csv(TABLES / POINTS)
    means = points.groupby(["codec", "quality"])[["bpp", "psnr_y"]].mean()
    yield ["bpp, all variants", *(f"{value:.3f}" for value in means.loc["base", "bpp"])]
    for row in variants():
        name = row["variant"]
        yield [f"PSNR-Y, dB, `{name}`", *(f"{value:.2f}" for value in means.loc[name, "psnr_y"])]


HEADS: dict[str, Callable[[], Iterator[list[str]]]] = {
    f"| {head} |": rows
    for head, rows in (
        (
            "variant | kMACs/px, published | all MACs | decode, s | "
            "mean of 7 BD-rate, % | vs base BD-rate, %",
            for_readme,
        ),
        ("variant | mean BD-rate of seven metrics against VVC, % | against `base`, %", for_card),
        ("quality | 0 | 1 | 2 | 3 | 4 | 5", by_quality),
    )
}


def renewed(text: str) -> str:
    """A page with the rows of its tables anew."""
    made, of_table = list[str](), False
    for line in text.splitlines():
        of_table = of_table and line.startswith("|")
        if not of_table:
            made.append(line)
        if rows := HEADS.get(line):
            columns = line.count("|") - 1
            made += ["|---" + "|---:" * (columns - 1) + "|", *(f"| {' | '.join(row)} |" for row in rows())]
            of_table = True
    return "\n".join(made) + "\n"


def main(pages: Sequence[str]) -> None:
    """Rewrite the pages."""
    for page in map(Path, pages):
        page.write_text(renewed(page.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
