"""The tables as people read them: on the terminal and in Markdown, NA with numbered reasons."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.atomic import make_folder, write_bytes
from jpegai_bench.metrics.catalogue import METRICS, average_of
from jpegai_bench.rates import out_of_reach
from jpegai_bench.report.study import Study
from jpegai_bench.report.tables import Tables, write_csv

if TYPE_CHECKING:
    from rich.console import Group

TERMINAL_WIDTH = 100
"""Columns that the terminal tables are laid out for."""


@dataclass
class Sheet:
    """A table of finished cells; a cell's second line is its interval."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    caption: str
    reasons: list[str] = field(default_factory=list)
    """Why cells are NA, in the order of their numbers."""
    notes: list[str] = field(default_factory=list)


def sheets(tables: Tables) -> list[Sheet]:
    """The summary, the BD-rate by metric, and where there is something to compare the same against base."""
    study = tables.study
    parts = [_summary(tables), _by_metric(tables)]
    if study.base_entry is not None and len(study.variants) > 1:
        parts.append(_by_metric_against_base(tables))
    return parts


def to_rich(parts: Sequence[Sheet]) -> "Group":
    """For the terminal, `TERMINAL_WIDTH` columns wide at most where labels are of common length."""
    from rich import box
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    shown: list[Any] = []
    for sheet in parts:
        table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
        for number, name in enumerate(sheet.columns):
            left = number == 0
            table.add_column(
                Text(name),
                justify="left" if left else "right",
                overflow="fold",
                vertical="top",
                no_wrap=False,
            )
        for row in sheet.rows:
            table.add_row(*(Text(cell) for cell in row))
        below = [
            sheet.caption,
            *(f"({i}) {reason}" for i, reason in enumerate(sheet.reasons, 1)),
            *sheet.notes,
        ]
        shown += [Text(sheet.title, style="bold"), table]
        shown.append(Padding(Text("\n".join(below), style="dim"), (0, 0, 1, 0)))
    return Group(*shown)


def to_markdown(parts: Sequence[Sheet]) -> str:
    """As Markdown, one section a sheet."""
    sections = []
    for sheet in parts:
        head = [_cell(name, interval=False) for name in sheet.columns]
        body = [[_cell(cell) for cell in row] for row in sheet.rows]
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        reasons = "\n".join(f"{i}. {reason}" for i, reason in enumerate(sheet.reasons, 1))
        below = [sheet.caption, reasons, *sheet.notes]
        sections.append("\n\n".join([f"## {sheet.title}", table, *filter(None, below)]))
    return "\n\n".join(sections) + "\n"


def write_markdown(parts: Sequence[Sheet], path: str | Path) -> Path:
    """Write the sheets as Markdown.

    Raises:
        BenchError: the folder cannot be written.
    """
    path = Path(path)
    make_folder(path.parent)
    write_bytes(path, to_markdown(parts).encode())
    return path


def write_tables(tables: Tables, folder: str | Path, prefix: str = "") -> list[Path]:
    """Write results.csv, per_image.csv and results.md, `prefix` before each name; return the paths.

    Raises:
        BenchError: the folder cannot be written.
    """
    folder = Path(folder)
    return [
        write_csv(tables.results, folder / f"{prefix}results.csv"),
        write_csv(tables.per_image, folder / f"{prefix}per_image.csv"),
        write_markdown(sheets(tables), folder / f"{prefix}results.md"),
    ]


def _cell(text: str, interval: bool = True) -> str:
    first, *more = text.replace("|", "\\|").split("\n")
    return " ".join([first, *(f"({line})" if interval else line for line in more)])


def _summary(tables: Tables) -> Sheet:
    study = tables.study
    sheet = Sheet(
        _title(tables, "complexity and mean BD-rate"),
        ["variant", "kMACs/px\npublished", "input\nsize", "all\nMACs", "reduction\nvs base, %",
         "mean of 7\nBD-rate, %",
         f"vs {study.base}\nBD-rate, %", "images", "decode\ns"],
        [],
        f"{_caption(tables)} kMACs/pixel of the luma synthesis: in the published counting, with transposed "
        "convolutions at input size, and with the attention's matrix products.",
    )  # fmt: skip
    for row in _rows(tables):
        fewest, most = row["images_fewest"], row["images_most"]
        against_base = "base" if row["variant"] == study.base else _bd_rate(sheet, row, "vs_base", digits=2)
        sheet.rows.append(
            [
                _variant(tables, row),
                *(_figure(sheet, row[f"{count}_kmacs_px"]) for count in ("published", "input_size", "all")),
                _reduction(sheet, study, row),
                _bd_rate(sheet, row, "mean"),
                against_base,
                f"{most}" if fewest == most else f"{fewest}-{most}",
                _figure(sheet, row["decode_s"], 2, "not timed"),
            ]
        )
    sheet.notes = _out_of_reach(study)
    return sheet


def _by_metric(tables: Tables) -> Sheet:
    seven = average_of(tables.study.hvs)
    labels = _labels()
    columns = ["variant", *(labels[name] for name in seven)]
    sheet = Sheet(_title(tables, "BD-rate by metric, %"), columns, [], _caption(tables))
    for row in _rows(tables):
        sheet.rows.append([_variant(tables, row), *(_bd_rate(sheet, row, name) for name in seven)])
    sheet.notes = _left_out(tables)
    return sheet


def _by_metric_against_base(tables: Tables) -> Sheet:
    study = tables.study
    seven = average_of(study.hvs)
    sheet = Sheet(
        _title(tables, f"BD-rate against {study.base} by metric, %"),
        ["variant", *(_labels()[name] for name in seven)],
        [],
        f"Rates of {study.base} are the reference; an interval that holds 0 is no difference on these "
        "images. It knows nothing of the noise of training.",
    )
    for row in _rows(tables):
        if row["variant"] != study.base:
            cells = (_bd_rate(sheet, row, f"{name}_vs_base", digits=2) for name in seven)
            sheet.rows.append([_variant(tables, row), *cells])
    return sheet


def _left_out(tables: Tables) -> list[str]:
    """Images that are missing from means, by reason."""
    labels, seven = _labels(), average_of(tables.study.hvs)
    frame = tables.per_image
    frame = frame[(frame.reason != "") & frame.metric.isin(seven)]
    counts = Counter(zip(frame.reason, frame.variant, frame.metric, strict=True))
    where: dict[str, dict[tuple[str, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for (reason, variant, metric), count in counts.items():
        where[reason][variant, count].append(labels[metric])
    lines = []
    for reason, cases in where.items():
        told = [
            f"{count} of {variant} ({'all metrics' if len(metrics) == len(seven) else ', '.join(metrics)})"
            for (variant, count), metrics in cases.items()
        ]
        lines.append(f"Images left out of means, {reason}: {', '.join(told)}.")
    return lines


def _out_of_reach(study: Study) -> list[str]:
    """Targets that images miss, with the number of images by variant."""
    missed: dict[float, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in study.variants:
        counts = Counter(point["target_bpp"] for point in out_of_reach(entry.points))
        for target, count in counts.items():
            missed[target][count].append(entry.label)
    lines = []
    for target, cases in sorted(missed.items()):
        told = [
            f"{count} image{'s' if count > 1 else ''} of {', '.join(labels)}"
            for count, labels in sorted(cases.items(), reverse=True)
        ]
        lines.append(f"{target:g} bpp is out of reach for {'; '.join(told)}: the nearest rate is taken.")
    return lines


def _title(tables: Tables, what: str) -> str:
    study = tables.study
    models = _models(tables)
    model = f", model {models[0]}" if len(models) == 1 and models[0] else ""
    return f"{study.title or study.dataset}{model}: {what}"


def _caption(tables: Tables) -> str:
    study = tables.study
    note = f" ({study.anchor_entry.note})" if study.anchor_entry.note else ""
    hvs = next(_labels()[name] for name in average_of(study.hvs) if "hvs" in name)
    return (
        f"Anchor {study.anchor}{note}; dataset {study.dataset}. {study.method.upper()} on log rate, mean over"
        f" images, with their 95% bootstrap intervals; negative is better. HVS in the mean of 7: {hvs}."
    )


def _rows(tables: Tables) -> list[dict[str, Any]]:
    rows: list[Any] = tables.results.to_dict("records")
    return rows


def _models(tables: Tables) -> list[str]:
    return sorted({entry.model for entry in tables.study.variants})


def _variant(tables: Tables, row: dict[str, Any]) -> str:
    return row["variant"] if len(_models(tables)) == 1 else f"{row['variant']} ({row['model']})"


def _labels() -> dict[str, str]:
    return {metric.name: metric.label for metric in METRICS}


def _bd_rate(sheet: Sheet, row: dict[str, Any], name: str, digits: int = 1) -> str:
    """The value, and under it the interval."""
    value, low, high = (row[f"{name}_{part}"] for part in ("bd_rate", "ci_low", "ci_high"))
    if math.isnan(value):
        return _na(sheet, row[f"{name}_reason"])
    if math.isnan(low):
        return _number(value, digits)
    return f"{_number(value, digits)}\n{_number(low, digits)}…{_number(high, digits)}"


def _na(sheet: Sheet, reason: str) -> str:
    if reason not in sheet.reasons:
        sheet.reasons.append(reason)
    return f"NA ({sheet.reasons.index(reason) + 1})"


def _figure(sheet: Sheet, value: float, digits: int = 1, reason: str = "complexity not counted") -> str:
    return _na(sheet, reason) if math.isnan(value) else _number(value, digits)


def _reduction(sheet: Sheet, study: Study, row: dict[str, Any]) -> str:
    absent = study.base_entry is None
    reason = row["vs_base_reason"] if absent else "complexity not counted"
    return _figure(sheet, row["reduction_percent"], reason=reason)


def _number(value: float, digits: int = 1) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"
