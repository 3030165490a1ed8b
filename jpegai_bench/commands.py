"""What each subcommand does with its settings; prints to stdout, returns the exit code."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.config import Settings, packaged_variant, variant_names, variant_of
from jpegai_bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd


def run(settings: Settings) -> int:
    """Code, measure, store, print."""
    from jpegai_bench import runner

    rebuilt, failures = runner.run(settings)
    _show_study(settings, rebuilt)
    for line in failures:
        print(f"jpegai-bench: left out: {line}", file=sys.stderr)
    return 1 if failures else 0


def train(settings: Settings) -> int:
    """Train, print where the weights are."""
    from jpegai_bench.training.run import train_variant

    print(train_variant(settings, variant_of(settings)))
    return 0


def tables(settings: Settings) -> int:
    """Rebuild the tables."""
    return _rebuild(settings, tables=True, plots=False)


def plots(settings: Settings) -> int:
    """Rebuild the plots."""
    return _rebuild(settings, tables=False, plots=True)


def complexity(settings: Settings) -> int:
    """Count kMACs/pixel of one variant or of all."""
    from jpegai_bench.report.complexity import as_frame, as_rich
    from jpegai_bench.runner import complexity_summary

    if settings.variant:
        variants = [variant_of(settings)]
    else:
        variants = [packaged_variant(settings, name) for name in variant_names()]
    summaries = [complexity_summary(settings, variant) for variant in variants]
    if settings.format == "table":
        _print_rich(as_rich(summaries))
    else:
        _print_frame(as_frame(summaries), settings.format)
    return 0


def encode(settings: Settings, source: str, target: str) -> int:
    """Code one picture."""
    from jpegai_bench.atomic import write_bytes
    from jpegai_bench.images.read import read_rgb, write_png
    from jpegai_bench.runner import learned_codec

    _check_words(source, target)
    image = read_rgb(source)
    codec = learned_codec(settings, variant_of(settings))
    encoded = codec.encode(image, settings.quality)
    if settings.reconstruction:
        write_png(settings.reconstruction, codec.decode(encoded.data))
    write_bytes(Path(target), encoded.data, "give another file in a folder that exists")
    pixels = image.shape[0] * image.shape[1]
    print(
        f"{target}: {len(encoded.data)} bytes, {8 * len(encoded.data) / pixels:.4f} bpp "
        f"(estimated {encoded.estimated_bits / pixels:.4f})"
    )
    return 0


def decode(settings: Settings, source: str, target: str) -> int:
    """Decode one bitstream."""
    from jpegai_bench.images.read import write_png
    from jpegai_bench.runner import learned_codec

    _check_words(source, target)
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise BenchError(f"{source}: cannot be read ({error.strerror})") from None
    codec = learned_codec(settings, variant_of(settings))
    try:
        image = codec.decode(data)
    except BenchError as error:
        raise BenchError(f"{source}: {error}") from None
    write_png(target, image)
    print(f"{target}: {image.shape[1]}x{image.shape[0]}")
    return 0


def anchor(settings: Settings) -> int:
    """Measure a conventional codec again."""
    from jpegai_bench import runner

    folder, points, failures = runner.measure_anchor(settings)
    if settings.format == "table":
        print(folder)
        points = points.groupby("quality", as_index=False).mean(numeric_only=True).dropna(axis=1, how="all")
        points = points.drop(columns=["width", "height"]).round(4)
    _print_frame(points, "markdown" if settings.format == "table" else settings.format)
    for line in failures:
        print(f"jpegai-bench: left out: {line}", file=sys.stderr)
    return 1 if failures else 0


def list(settings: Settings, what: str = "") -> int:
    """Show what there is."""
    from jpegai_bench.report.inventory import KINDS, inventory

    if what and what not in KINDS:
        raise BenchError(f"list: no {what!r}; there are {', '.join(KINDS)}")
    for kind in (what,) if what else KINDS:
        print(f"{kind}:" if not what else "", end="\n" if not what else "")
        for line in inventory(kind, settings):
            print(f"  {line}" if not what else line)
    return 0


def _check_words(source: str, target: str) -> None:
    if Path(source).resolve() == Path(target).resolve():
        raise BenchError(f"{target}: IN and OUT are one file; give OUT another name")


def _rebuild(settings: Settings, tables: bool, plots: bool) -> int:
    from jpegai_bench.report.rebuild import rebuild
    from jpegai_bench.store import Store

    rebuilt = rebuild(
        Store(settings.results),
        tables=tables,
        plots=plots,
        hvs=settings.metrics.hvs,
        method=settings.metrics.bd_method,
    )
    if tables:
        _show_study(settings, rebuilt)
    else:
        print("\n".join(str(path) for path in rebuilt.files))
    return 0


def _show_study(settings: Settings, rebuilt: Any) -> None:
    from jpegai_bench.report.sheets import to_markdown, to_rich

    if settings.format == "table":
        _print_rich(to_rich(rebuilt.sheets()))
        folders = sorted({str(path.parent) for path in rebuilt.files})
        print(f"Written: {len(rebuilt.files)} files in {', '.join(folders)}")
    elif settings.format == "markdown":
        print(to_markdown(rebuilt.sheets()))
    else:
        import pandas as pd

        _print_frame(pd.concat([tables.results for tables in rebuilt.tables]), settings.format)


def _print_rich(renderable: Any) -> None:
    from rich.console import Console

    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    Console(width=width).print(renderable)


def _print_frame(frame: "pd.DataFrame", form: str) -> None:
    if form == "csv":
        out = io.StringIO()
        frame.to_csv(out, index=False)
        print(out.getvalue(), end="")
    elif form == "json":
        print(json.dumps(json.loads(frame.to_json(orient="records")), indent=1))
    else:
        header = [str(name) for name in frame.columns]
        rows = [["" if value != value else str(value) for value in row] for row in frame.to_numpy().tolist()]
        for row in [header, ["---"] * len(header), *rows]:
            print("| " + " | ".join(row) + " |")
