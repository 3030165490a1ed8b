"""R-D points from anybody's files: CSV, JPEG AI's anchor table, CompressAI's JSON, a run of ours."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.catalogue import NAMES

OPERATING = ("target_bpp", "quality", "qp")
"""Columns that tell a codec's operating points apart; the first that every row has is the one."""

ONE_CURVE = "(one curve)"
"""The image of a file that names no images."""

_NO_MATTER = {"estimated_bpp", "width", "height", "pixels", "bytes", "bits"}
_NOT_MEASURED = {"", "na", "n/a", "nan", "null", "none"}
_SECONDS = {"s", "sec", "secs", "second", "seconds", "fps"}
_SHORT_UNITS = {"ms", "us", "min", "h"}
_CODING = {"enc", "dec", "encode", "decode", "encoder", "decoder", "encoding", "decoding", "total"}


@dataclass(frozen=True)
class RDPoints:
    """R-D points of one codec."""

    path: str
    """Where they were read, as the user wrote it."""
    frame: pd.DataFrame = field(repr=False)
    """One row per image and rate, in the file's order: columns image (text), bpp, `operating` where there
    is one, and `metrics`. NaN is a value that was not measured."""
    metrics: tuple[str, ...]
    """Columns of quality, in the file's order."""
    operating: str | None = None
    """The column that tells operating points apart; None where only the order of rates does."""
    ignored: tuple[str, ...] = ()
    """Columns of text, which are no metrics."""

    @property
    def one_curve(self) -> bool:
        """Whether the file names no images: one curve, often a mean over images."""
        return bool((self.frame.image == ONE_CURVE).all())

    @property
    def images(self) -> list[str]:
        """Names of the images, sorted."""
        return sorted(set(self.frame.image))


def read_rd(path: str | Path) -> RDPoints:
    """R-D points of one codec, from a file or from the folder of a run.

    Read are: a CSV with the columns bpp, image (without it the file is one curve) and metrics of any name;
    JPEG AI's anchor table, which is such a CSV; CompressAI's result JSON (one curve; psnr-rgb becomes
    psnr_rgb); a folder that holds `points.csv`. Empty cells and NA are values that were not measured.

    A column is a metric unless it is one of width, height, pixels, bytes, bits, quality, qp, target_bpp,
    estimated_bpp, a time (`is_time`), without a name, or text throughout.

    Raises:
        BenchError: it cannot be read, holds no points, has no column bpp, a cell that is no number (file,
            column and line are named), or an image twice at one rate or operating point.
    """
    source = str(path)
    path = Path(path)
    if path.is_dir():
        path = _points_of_folder(path)
        source = str(path)
    text = _text(path, source)
    if text.lstrip()[:1] in ("{", "["):
        return _from_json(text, source)
    return _from_csv(text, source)


def is_time(name: str) -> bool:
    """Whether a column's name says that it holds times: encode_s, decoding_time, enc_ms, runtime, fps."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    if words[-1] in _SECONDS or any(word.endswith(("time", "times", "latency")) for word in words):
        return True
    return words[-1] in _SHORT_UNITS and not _CODING.isdisjoint(words)


def _points_of_folder(folder: Path) -> Path:
    points = folder / "points.csv"
    if points.exists():
        return points
    below = sorted(folder.glob("**/points.csv"))
    remedy = f"; give one run's folder, as {below[0].parent}" if below else "; give a file or a run's folder"
    raise BenchError(f"{folder}: no points.csv in this folder{remedy}")


def _text(path: Path, source: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BenchError(f"{source}: no such file") from None
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror or error})") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BenchError(f"{source}: is no text in UTF-8; give a CSV with the columns image, bpp and metrics")
    if not text.strip():
        raise BenchError(f"{source}: is empty; give a CSV with the columns image, bpp and metrics")
    return text


def _from_csv(text: str, source: str) -> RDPoints:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise BenchError(f"{source}, line {reader.line_num}: is no CSV ({error})") from None
    header, rows, lines = rows[0], rows[1:], lines[1:]
    _check_header(header, source)
    if not rows:
        raise BenchError(f"{source}: has a header, but no rows")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise BenchError(f"{source}, line {line}: {len(row)} cells, but the header has {len(header)}")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header) if name}
    places = [f"line {line}" for line in lines]
    if "image" in columns and not all(columns["image"]):
        where = places[columns["image"].index("")]
        raise BenchError(f"{source}, {where}: no name in column image")
    _check_codec(columns, source)
    ignored, numbers = [], {}
    for name in columns:
        if name == "image" or name in _NO_MATTER or is_time(name):
            continue
        values = [_number(cell) for cell in columns[name]]
        if None in values:
            if name not in ("bpp", *NAMES) and all(value is None or math.isnan(value) for value in values):
                ignored.append(name)
                continue
            wrong = values.index(None)
            cell = columns[name][wrong]
            raise BenchError(f"{source}, {places[wrong]}, column {name}: {cell!r} is no number")
        numbers[name] = values
    return _points(source, columns.get("image"), numbers, places, tuple(ignored))


def _check_codec(columns: dict[str, list[str]], source: str) -> None:
    """Curves of two codecs, as `…-points.csv` of a table has them, would be one curve of nobody."""
    codecs = columns.get("codec", [])
    first: dict[str, str] = {}
    for image, codec in zip(columns.get("image", [""] * len(codecs)), codecs, strict=False):
        if first.setdefault(image, codec) != codec:
            raise BenchError(
                f"{source}: holds points of {first[image]} and {codec}; keep the rows of one codec"
            )


def _check_header(header: Sequence[str], source: str) -> None:
    named_columns = [name for name in header if name]
    twice = sorted({name for name in named_columns if named_columns.count(name) > 1})
    if twice:
        raise BenchError(f"{source}: more than one column is named {twice[0]!r}")
    if "bpp" not in header:
        columns = ", ".join(named_columns[:20])
        separator = next((s for s in (";", "\t") if len(header) == 1 and s in header[0]), "")
        remedy = "; separate cells by commas" if separator else ""
        raise BenchError(f"{source}: no column bpp; there are {columns}{remedy}")


def _number(cell: str) -> float | None:
    """The number in a cell; NaN where nothing was measured, None where it is text."""
    if cell.lower() in _NOT_MEASURED:
        return math.nan
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _from_json(text: str, source: str) -> RDPoints:
    shape = 'CompressAI\'s {"name": …, "results": {"bpp": […], "psnr-rgb": […], …}} is read'
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{source}: is no JSON ({error})") from None
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not all(isinstance(column, list) for column in results.values()):
        raise BenchError(f"{source}: JSON of an unknown shape; {shape}")
    if "bpp" not in results:
        raise BenchError(f"{source}: no bpp in results; there are {', '.join(results) or 'none'}")
    numbers: dict[str, list[Any]] = {}
    for key, values in results.items():
        if len(values) != len(results["bpp"]):
            raise BenchError(
                f"{source}: results.{key} has {len(values)} values, but bpp has {len(results['bpp'])}"
            )
        name = key.strip().lower().replace("-", "_")
        if name in _NO_MATTER or is_time(name):
            continue
        for number, value in enumerate(values, 1):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise BenchError(f"{source}, results.{key}, value {number}: {value!r} is no number")
        if name in numbers:
            raise BenchError(f"{source}: more than one of results is named {name!r}")
        numbers[name] = [math.nan if value is None else float(value) for value in values]
    if not results["bpp"]:
        raise BenchError(f"{source}: results hold no points")
    places = [f"value {number}" for number in range(1, len(results["bpp"]) + 1)]
    return _points(source, None, numbers, places)


def _points(
    source: str,
    images: Sequence[str] | None,
    numbers: dict[str, list[Any]],
    places: Sequence[str],
    ignored: tuple[str, ...] = (),
) -> RDPoints:
    metrics = tuple(name for name in numbers if name not in ("bpp", *OPERATING))
    if not metrics:
        raise BenchError(f"{source}: no column is a metric; there are {', '.join(numbers)}")
    operating = next(
        (name for name in OPERATING if name in numbers and not any(map(math.isnan, numbers[name]))), None
    )
    names = list(images) if images is not None else [ONE_CURVE] * len(places)
    columns = ["bpp", *([operating] if operating else []), *metrics]
    frame = pd.DataFrame({"image": names, **{name: numbers[name] for name in columns}})
    rates = frame["bpp"]
    if operating == "target_bpp":  # targets out of reach share the nearest point
        rates = rates.mask(frame.drop(columns=operating).duplicated())
    _refuse_duplicates(source, names, rates, "{:g} bpp", places)
    if operating is not None:
        _refuse_duplicates(source, names, numbers[operating], f"{operating} {{:g}}", places)
    return RDPoints(source, frame, metrics, operating, ignored)


def _refuse_duplicates(
    source: str, images: Iterable[str], values: Iterable[float], template: str, places: Sequence[str]
) -> None:
    first_places: dict[tuple[str, float], str] = {}
    for image, value, place in zip(images, values, places, strict=True):
        before = place if math.isnan(value) else first_places.setdefault((image, value), place)
        if before != place:
            of_image = "" if image == ONE_CURVE else f"image {image}: "
            raise BenchError(
                f"{source}: {of_image}two points at {template.format(value)} ({before}, {place}); "
                "a file holds one codec, an image once at each rate"
            )
