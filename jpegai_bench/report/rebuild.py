"""Tables and plots from the store alone: without torch, and without measuring anything."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jpegai_bench.report.gather.studies import Selection, studies
from jpegai_bench.report.tables.results import Tables, build_tables
from jpegai_bench.report.tables.sheets import Sheet
from jpegai_bench.report.tables.study_sheets import sheets, write_tables
from jpegai_bench.store.store import Store


@dataclass(frozen=True)
class Rebuilt:
    """Studies of the store, with the files that were written."""

    tables: list[Tables]
    files: list[Path]

    def sheets(self) -> list[Sheet]:
        """What a terminal shows."""
        return [sheet for tables in self.tables for sheet in sheets(tables)]

    def frame(self) -> pd.DataFrame:
        """All rows at full precision."""
        return pd.concat([tables.results for tables in self.tables])


def rebuild(store: Store, selection: Selection, tables: bool = True, plots: bool = True) -> Rebuilt:
    """Write tables and plots of every data set, model preset and kind of rates in the store, or of one.

    Where peers are wanted of a data set that no variant was run on, they are of codecs alone.

    Raises:
        BenchError: the store holds no finished run that fits, or a codec that is chosen lacks points.
    """
    built, files = [], []
    for study, prefix in studies(store, selection):
        study_tables = build_tables(study)
        built.append(study_tables)
        if tables:
            files += write_tables(study_tables, store.root / "tables", prefix)
        if plots:
            from jpegai_bench.report.plots.plot_set import write_plots

            files += write_plots(study_tables, store.root / "plots", prefix)
    return Rebuilt(built, files)
