"""The figures that a paper itself gives of the variants of an experiment, from a CSV."""

import csv
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.errors import BenchError

COLUMNS = ("study", "variant", "quantity", "against", "value", "unit", "where")
UNITS = {
    "complexity": "kMACs/pixel",
    "reduction": "percent",
    "largest reduction": "percent",
    "BD-rate": "percent",
    "training noise": "percent",
}
"""The quantities, and the unit of each. BD-rates are means over the seven metrics."""


@dataclass(frozen=True)
class Figure:
    """One figure of the paper."""

    study: str
    """Empty where it is of the whole paper."""
    variant: str
    """Empty where it is of a study as a whole."""
    quantity: str
    against: str
    """The reference, or the name of an anchor as the paper has it; empty where nothing is compared."""
    value: float
    unit: str
    where: str
    """Where in the paper: table, text, conclusion."""

    @property
    def quoted(self) -> str:
        """Such as `833` or `up to 75`."""
        return f"{'up to ' if self.quantity == 'largest reduction' else ''}{self.value:g}"

    @property
    def with_place(self) -> str:
        """Such as `833 (table)` or `up to 75 (text)`."""
        return f"{self.quoted} ({self.where})"


@dataclass(frozen=True)
class PublishedFigures:
    """All figures of a paper, in the order of its file."""

    figures: tuple[Figure, ...]
    reference: str
    """The variant that others are compared with."""

    def of_variant(self, variant: str) -> "PublishedFigures":
        """Those of a variant, whichever study they are quoted for: it is one network in all of them."""
        return replace(self, figures=tuple(figure for figure in self.figures if figure.variant == variant))

    def of_study(self, study: str) -> "PublishedFigures":
        """Those of a study as a whole."""
        of_all = (figure for figure in self.figures if figure.study == study and not figure.variant)
        return replace(self, figures=tuple(of_all))

    @property
    def kmacs(self) -> tuple[Figure, ...]:
        """kMACs/pixel."""
        return tuple(figure for figure in self.figures if figure.quantity == "complexity")

    @property
    def reductions(self) -> tuple[Figure, ...]:
        """Of kMACs/pixel, in percent of the reference's."""
        return tuple(figure for figure in self.figures if "reduction" in figure.quantity)

    @property
    def bd_rates(self) -> tuple[Figure, ...]:
        """Mean BD-rates against an anchor, in percent."""
        return tuple(figure for figure in self._all_bd_rates if figure.against != self.reference)

    @property
    def bd_rates_to_reference(self) -> tuple[Figure, ...]:
        """Mean BD-rates against the reference, in percent."""
        return tuple(figure for figure in self._all_bd_rates if figure.against == self.reference)

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the anchors that the paper's BD-rates are against."""
        return tuple(dict.fromkeys(figure.against for figure in self.bd_rates))

    @property
    def _all_bd_rates(self) -> tuple[Figure, ...]:
        return tuple(figure for figure in self.figures if figure.quantity == "BD-rate")


def published_figures(experiment: Experiment) -> PublishedFigures:
    """What the paper of an experiment gives; nothing where the experiment names no file.

    Raises:
        BenchError: a column or a cell of the file is wrong; file, line and column are named.
    """
    if experiment.published is None:
        return PublishedFigures((), experiment.reference)
    studies = {study.name: set(study.variants) for study in experiment.studies}
    figures = read_figures(experiment.published, studies)
    return PublishedFigures(tuple(figures), experiment.reference)


def read_figures(path: Path, studies: dict[str, set[str]]) -> list[Figure]:
    """The rows of a file; `studies` holds the variants of each study.

    Raises:
        BenchError: a column or a cell is wrong; file, line and column are named.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in COLUMNS if name not in header]
    if unknown or missing:
        wrong = f"no column {missing[0]!r}" if missing else f"unknown column {unknown[0]!r}"
        raise BenchError(f"{path}: {wrong}; the columns are {', '.join(COLUMNS)}")
    return [
        _figure(f"{path}, line {number}", header, [cell.strip() for cell in row], studies)
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]


def _figure(line: str, header: list[str], row: list[str], studies: dict[str, set[str]]) -> Figure:
    if len(row) != len(header):
        raise BenchError(f"{line}: {len(row)} cells, the header has {len(header)}")
    cells = dict(zip(header, row, strict=True))
    _require(line, "study", cells["study"], {"", *studies})
    variants = studies.get(cells["study"], set().union(*studies.values()))
    _require(line, "variant", cells["variant"], {"", *variants})
    _require(line, "quantity", cells["quantity"], UNITS)
    _require(line, "unit", cells["unit"], {UNITS[cells["quantity"]]})
    if cells["quantity"] == "BD-rate" and not cells["against"]:
        raise BenchError(f"{line}: against: a BD-rate needs what it is against, the reference or an anchor")
    try:
        value = float(cells["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BenchError(f"{line}: value: {cells['value']!r} is no number")
    texts = {name: cell for name, cell in cells.items() if name != "value"}
    return Figure(value=value, **texts)


def _require(line: str, column: str, cell: str, options: Collection[str]) -> None:
    if cell not in options:
        listed = ", ".join(option for option in sorted(options) if option) or "none"
        raise BenchError(f"{line}: {column}: {cell!r} is none of {listed}")
