"""Whether two codecs differ by more than luck."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import print_frame, print_rich, print_sheets
from jpegai_bench.config.command_settings import CurveSettings
from jpegai_bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from jpegai_bench.report.gather.compare_inputs import Match
    from jpegai_bench.report.gather.matching_runs import Choice


@dataclass(kw_only=True)
class CompareSettings(CurveSettings):
    """What `compare` takes."""

    anchors: list[str] | None
    anchor_points: str | None


USAGE = Command(
    "compare A B [anchor=LABEL | anchor_points=FILE] [format=table|csv|json|markdown|latex]",
    "whether B differs from A by more than luck",
    """A and B are variants or anchors in the store, or files as `bdrate` reads them, or points that
ship, as vvc/kodak. Prints the paired difference of their BD-rates against the anchor with interval and
p-value, metric by metric, beside the direct BD-rate. Of a variant that was trained with several seeds all
count; `compare A A` prints the spread over the seeds of A.

  jpegai-bench compare base combined
  jpegai-bench compare base combined dataset=kodak model=small format=csv
  jpegai-bench compare mine.csv theirs.csv anchor_points=vvc.csv
  jpegai-bench compare jpeg/kodak webp/kodak anchor_points=vvc/kodak
  jpegai-bench compare combined combined

  dataset=, model=     which study, where the store holds several
  anchor=hevc          an anchor of the store other than the one that the runs were made with
  metrics.only=[vmaf,psnr_y]   rows of these metrics alone, beside the mean of seven
  method=, metrics.hvs=, bpp_range=, lower_is_better=       as for bdrate""",
    settings=CompareSettings,
    words=("A", "B"),
)


def command(settings: CompareSettings, a: str, b: str) -> int:
    """Compare `b` with `a`, or where both are one variant of the store its training seeds, and print.

    1 where no metric has a BD-rate on a common image.
    """
    from jpegai_bench.analysis.paired import compare
    from jpegai_bench.report.gather.compare_inputs import match
    from jpegai_bench.report.tables.comparison import (
        as_frame,
        as_json,
        comparison_sheet,
        seeds_sheet,
        spread_as_frame,
    )
    from jpegai_bench.report.tables.verdict import spread_verdict, verdict
    from jpegai_bench.store.store import Store

    matched = match(Store(settings.results), a, b, _choice(settings))
    sides = (matched.a, matched.b)
    contender = matched.b.contender
    if matched.one_variant:  # one run will do: the spread is that of A
        contender = replace(contender, runs=contender.runs[:1])
    result = compare(
        matched.a.contender,
        contender,
        matched.anchor,
        settings.metrics.hvs,
        settings.method,
        settings.lower_is_better,
        settings.rates_between,
        settings.metrics.only,
    )
    if matched.one_variant:
        sheets = [seeds_sheet(result, matched, settings.method)]
        lines = [spread_verdict(result)]
        frame = spread_as_frame(result)
    else:
        sheets = [comparison_sheet(result, matched, settings.method)]
        if any(len(side.seeds) > 1 for side in sides):
            sheets.append(seeds_sheet(result, matched, settings.method))
        trained = (matched.a.kind == "variant", matched.b.kind == "variant")
        lines = verdict(result, trained, matched.measured_noise)
        frame = as_frame(result)
    if settings.format == "csv":
        print_frame(frame, settings.format)
    elif settings.format == "json":
        about = {**_about(matched, result.hvs, settings.method), "verdict": lines}
        print(as_json(about, frame, result))
    else:
        print_sheets(sheets, settings.format)
        _print_verdict(lines, settings.format)
    if not any(row.images for row in result.rows):
        reasons = "; ".join(dict.fromkeys(row.reason for row in result.rows))
        raise BenchError(f"{b} against {a}: no metric has a BD-rate on a common image ({reasons})")
    return 0


def _print_verdict(lines: Sequence[str], form: str) -> None:
    if form == "markdown":
        print("\n\n".join(lines))
    elif form == "latex":
        print("\n".join(f"% {line}" for line in lines))
    else:
        from rich.text import Text

        print_rich(Text("\n".join(lines)))


def _choice(settings: CompareSettings) -> "Choice":
    """What the command line chooses."""
    from jpegai_bench.commands.selection import dataset, model
    from jpegai_bench.report.gather.matching_runs import Choice

    anchors = settings.anchors or []
    if len(anchors) > 1:
        raise UsageError(f"anchor=[{','.join(anchors)}]: compare takes one anchor")
    anchor = anchors[0] if anchors else None
    return Choice(dataset(settings), model(settings), anchor, settings.anchor_points)


def _about(matched: "Match", hvs: str, method: str) -> dict[str, Any]:
    """What a program needs to know beside the rows."""
    about: dict[str, Any] = {
        name: {"label": side.contender.label, "kind": side.kind, "seeds": list(side.seeds)}
        for name, side in (("a", matched.a), ("b", matched.b))
    }
    return about | {
        "anchor": matched.anchor.label,
        "anchor_described": matched.anchor_described,
        "dataset": matched.dataset,
        "model": matched.model,
        "hvs": hvs,
        "method": method,
        "notes": list(dict.fromkeys((*matched.a.notes, *matched.b.notes))),
    }
