"""How commands print: tables for people, CSV and JSON for programs, Markdown and LaTeX for documents."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system import console

if TYPE_CHECKING:
    import pandas as pd

    from jpegai_bench.report.experiment import RebuiltExperiment
    from jpegai_bench.report.rebuild import Rebuilt
    from jpegai_bench.report.tables.sheets import Sheet


def show_study(form: str, rebuilt: "Sequence[Rebuilt | RebuiltExperiment]") -> None:
    """Print the tables of studies in the format asked for."""
    if form in ("csv", "json"):
        import pandas as pd

        print_frame(pd.concat([study.frame() for study in rebuilt]), form)
        return
    print_sheets([sheet for study in rebuilt for sheet in study.sheets()], form)
    if form == "table":
        files = {path for study in rebuilt for path in study.files}
        folders = sorted({str(path.parent) for path in files})
        print(f"Written: {len(files)} files in {', '.join(folders)}")


def own_output() -> "AbstractContextManager[object]":
    """While it lasts, what a module of a variant's own prints goes to stderr, and not among the results."""
    return redirect_stdout(sys.stderr)


def print_sheets(sheets: "list[Sheet]", form: str, end: str = "\n") -> None:
    """Print tables for people, as Markdown with `end` behind it, or for a LaTeX document with `booktabs`."""
    from jpegai_bench.report.tables.latex import to_latex
    from jpegai_bench.report.tables.sheets import to_markdown, to_rich

    if form == "markdown":
        print(to_markdown(sheets), end=end)
    elif form == "latex":
        print(to_latex(sheets), end="")
    else:
        print_rich(to_rich(sheets))


def print_rich(renderable: Any) -> None:
    """Print for people: as wide as the terminal, `TERMINAL_WIDTH` columns where there is none."""
    import shutil

    from jpegai_bench.report.tables.sheets import TERMINAL_WIDTH

    width = shutil.get_terminal_size((TERMINAL_WIDTH, 24)).columns if sys.stdout.isatty() else TERMINAL_WIDTH
    console.rich_console(sys.stdout, width).print(renderable)


def print_frame(frame: "pd.DataFrame", form: str) -> None:
    """Print `frame` as csv, json, markdown or latex, rounded as `to_csv` does; NA is `NA`, in JSON null."""
    from jpegai_bench.report.tables.text_files import rounded, to_csv

    if form == "csv":
        print(to_csv(frame), end="")
        return
    frame = rounded(frame)
    if form == "latex":
        from jpegai_bench.report.tables.latex import frame_to_latex

        print(frame_to_latex(frame), end="")
        return
    cells = frame.astype(object).where(frame.notna(), None)
    if form == "json":
        import json

        print(json.dumps(cells.to_dict("records"), indent=1))
        return
    rows = [["NA" if value is None else str(value) for value in row] for row in cells.to_numpy().tolist()]
    header = [str(name) for name in frame.columns]
    for row in [header, ["---"] * len(header), *rows]:
        print("| " + " | ".join(row) + " |")


def require_separate_files(**files: str | None) -> None:
    """Refuse to write over what is read, or two things into one file; the names are those that users know."""
    names: dict[Path, str] = {}
    for name, file in files.items():
        if not file:
            continue
        first = names.setdefault(Path(file).resolve(), name)
        if first != name:
            raise BenchError(f"{file}: {first} and {name} are one file; give {name} another name")


def require_png(**files: str | None) -> None:
    """Refuse a name that promises another format; the names are those that users know."""
    from jpegai_bench.images.datasets import SUFFIXES

    for name, file in files.items():
        if Path(file or "").suffix.lower() in SUFFIXES - {".png"}:
            raise UsageError(f"{name}={file}: pictures are written as PNG; give a name that ends in .png")
