"""Coding times as tables: a row a codec, variants against base in time and in kMACs, and every part."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from jpegai_bench.report.tables.sheets import Cell, Sheet, rich_titled
from jpegai_bench.store.times import comparable
from jpegai_bench.system.devices import FLOAT32
from jpegai_bench.system.wording import count

if TYPE_CHECKING:
    from rich.console import Group

Manifest = dict[str, Any]
"""What a `latency.json` holds."""
_STEPS = ("encode", "decode")
_OF_A_PART = ("s", "lowest_s", "highest_s", "mp_s", "share", "kmacs_px", "gflop_s", "peak_share")
_NO_BASE = "base was not timed likewise on an idle machine"
_NOT_COUNTED = "no multiplications were counted"


def as_frame(manifests: Sequence[Manifest], base: Manifest | None = None) -> pd.DataFrame:
    """A row a codec: means over the pictures, then each part of encoding and decoding.

    Args:
        manifests: the codecs.
        base: what variants are set against.
    """
    rows = []
    for timing in manifests:
        row = {
            "codec": timing["label"],
            "dataset": timing["dataset"],
            "images": len(timing["images"]),
            "quality": timing["quality"],
            **timing["summary"],
            **_against(timing, base),
            **{f"peak_{name}_gflop_s": peak["gflop_s"] for name, peak in timing.get("peak", {}).items()},
            "repeats": timing["repeats"],
            "processes": len(timing["processes"]),
            "device": timing["device"],
            "precision": timing.get("precision", FLOAT32),
            "cpu": timing["machine"]["cpu"],
            "busy": timing["busy"],
        }
        for step in _STEPS:
            for part in timing.get(f"{step}_parts", []):
                name = re.sub(r"[^a-z0-9]+", "_", part["part"].lower())
                if name != "whole":
                    row |= {f"{step}_{name}_{key}": part[key] for key in _OF_A_PART}
        rows.append(row)
    return pd.DataFrame(rows)


def as_rich(manifests: Sequence[Manifest], base: Manifest | None = None) -> "Group":
    """For a terminal of 100 columns: codecs, variants against base, and parts."""
    from rich.console import Group

    parted = [timing for timing in manifests if timing.get("decode_parts")]
    sheets = [_codecs(manifests)]
    if parted:
        sheets.append(_variants(parted, base))
    if len(parted) == 1:
        sheets += [_parts(parted[0], step) for step in _STEPS]
    elif parted:
        seconds = "Decoding by part, milliseconds a picture"
        sheets.append(_side_by_side(parted, seconds, lambda part: Cell(1000 * part["s"], _figure)))
        peak = "Decoding by part, percent of the machine's peak that the multiplications come to"
        sheets.append(_side_by_side(parted, peak, lambda part: _or_blank(part["peak_share"], _percent)))
    shown: list[Any] = []
    for sheet in sheets:
        shown += [*rich_titled(sheet, padding=(0, 1, 0, 0)), ""]
    return Group(*shown, "\n".join(_caption(manifests, parted, base)))


def _against(timing: Manifest, base: Manifest | None) -> dict[str, float | None]:
    """Decoder and luma synthesis: seconds, kMACs/pixel (all MACs), and both by base's."""
    if not timing.get("decode_parts"):
        return {}
    values = _of_decoder(timing)
    base_values = _of_decoder(base) if base and comparable(timing, base) else {}
    figures: dict[str, float | None] = {}
    for name, value in values.items():
        base_value = base_values.get(name)
        if name != "decode_s":  # a column of the summary already
            figures[name] = value
        figures[f"{name}_vs_base"] = value / base_value if value is not None and base_value else None
    return figures


def _of_decoder(timing: Manifest) -> dict[str, float | None]:
    luma = [part for part in timing["decode_parts"] if part["part"].startswith("luma ")]
    decoder = next(part for part in timing["decode_parts"] if part["part"] == "whole")
    counted = [part["kmacs_px"] for part in luma if part["kmacs_px"] is not None]
    return {
        "decode_s": timing["summary"]["decode_s"],
        "decoder_kmacs_px": decoder["kmacs_px"],
        "luma_synthesis_s": sum(part["s"] for part in luma),
        "luma_synthesis_kmacs_px": sum(counted) if counted else None,
    }


def _codecs(manifests: Sequence[Manifest]) -> Sheet:
    started = any(timing["summary"]["encode_start_up_s"] is not None for timing in manifests)
    columns = [
        "codec",
        "quality",
        "bpp",
        *(f"{step}\n{unit}" for step in _STEPS for unit in ("s", "range", "MP/s")),
        "decode\nMB",
        *(["start-up\ns + s"] if started else []),
    ]
    sheet = Sheet("", columns, [])
    for timing in manifests:
        summary = timing["summary"]
        cells: list[Cell | str] = []
        for step in _STEPS:
            median, *ends = (summary[f"{step}_{name}s"] for name in ("", "lowest_", "highest_"))
            cells += [Cell(median, _figure), _range(median, *ends), Cell(summary[f"{step}_mp_s"], _figure)]
        start_up = [summary[f"{step}_start_up_s"] for step in _STEPS]
        cells.append(_or_blank(summary["decode_peak_mb"], 0))
        if started:
            cells.append("" if None in start_up else "+".join(f"{value:#.2g}" for value in start_up))
        quality = Cell(timing["quality"], "{:g}".format)
        sheet.rows.append([_name(timing), quality, Cell(summary["bpp"], 3), *cells])
    return sheet


def _variants(parted: Sequence[Manifest], base: Manifest | None) -> Sheet:
    columns = ["variant"]
    for timed in ("decode", "luma synthesis"):
        columns += [f"{timed}\ns", "\nto base", "\nkMACs/px", "\nto base"]
    title = "kMACs are not time: seconds and multiplications, each with its ratio to base"
    sheet = Sheet(title, columns, [])
    for timing in parted:
        ratios = _against(timing, base)
        is_base_timed = base is not None and comparable(timing, base)
        no_ratio = "no multiplications of base were counted" if is_base_timed else _NO_BASE
        cells: list[Cell | str] = []
        for name, value in _of_decoder(timing).items():
            cells.append(_or_na(value, 1 if "kmacs" in name else _figure, _NOT_COUNTED))
            reason = _NOT_COUNTED if value is None else no_ratio
            cells.append(_or_na(ratios[f"{name}_vs_base"], 2, reason))
        sheet.rows.append([_name(timing), *cells])
    return sheet


def _parts(timing: Manifest, step: str) -> Sheet:
    columns = ["part", "ms", "range", "MP/s", "of whole", "kMACs/px", "GFLOP/s", "of peak"]
    title = {"encode": "Encoding", "decode": "Decoding"}[step]
    return Sheet(
        f"{title} by part, {_name(timing)}",
        columns,
        [
            [
                part["part"],
                Cell(1000 * part["s"], _figure),
                _range(part["s"], part["lowest_s"], part["highest_s"]),
                _or_blank(part["mp_s"], _figure),
                _or_blank(part["share"], _percent),
                _or_blank(part["kmacs_px"], 2),
                _or_blank(part["gflop_s"], 1),
                _or_blank(part["peak_share"], _percent),
            ]
            for part in timing[f"{step}_parts"]
        ],
    )


def _side_by_side(
    parted: Sequence[Manifest], title: str, cell: Callable[[dict[str, Any]], Cell | str]
) -> Sheet:
    by_part = [{part["part"]: part for part in timing["decode_parts"]} for timing in parted]
    return Sheet(
        title,
        ["part", *(_name(timing).replace("_", "\n_", 1) for timing in parted)],
        [[name, *(cell(parts[name]) if name in parts else "" for parts in by_part)] for name in by_part[0]],
    )


def _caption(
    manifests: Sequence[Manifest], parted: Sequence[Manifest], base: Manifest | None
) -> Iterator[str]:
    """Lines below the tables: what was timed and how, what the columns are, what each codec is."""
    first = manifests[0]
    images = f"{count(len(first['images']), 'image')} of {first['dataset']}"
    pinned = "pinned to one core" if first["core"] is not None else "not pinned, as the system cannot"
    processes = len(first["processes"])
    yield f"Seconds a picture: the median of {first['repeats']} after one to warm up, mean over {images}."
    if processes > 1:
        middle = "one in the middle" if processes % 2 else "slower of the two in the middle"
        yield f"So did {processes} processes; the {middle} counts."
    of_all = "; of all processes" if processes > 1 else ""
    yield f"range: the fastest and the slowest of each picture, likewise, from the median{of_all}."
    yield f"One thread, {pinned}: {first['machine']['cpu']}."
    if first["device"] != "cpu":
        yield f"Networks on {first['device']}: {', '.join(first['machine']['gpus']) or 'a GPU'}."
    if (precision := first.get("precision", FLOAT32)) != FLOAT32:
        yield f"Each synthesis in {precision}, by torch's layers."
    if any(timing["summary"]["decode_peak_mb"] is not None for timing in manifests):
        yield "decode MB: the most memory that decoding took, above what the process held before."
    if any(timing["summary"]["encode_start_up_s"] is not None for timing in manifests):
        yield (
            "start-up: encoding and decoding of a 16x16 picture, where a program is run for each; the times\n"
            "hold it, and the files that the program reads and writes."
        )
    if parted:
        against = "kMACs/px: all MACs."
        if base and base not in manifests and any(comparable(timing, base) for timing in parted):
            against = (
                f"kMACs/px: all MACs. to base: as it was timed {base['start'][:16].replace('T', ' ')} UTC."
            )
        yield against
        peaks = [
            f"{name} {peak['gflop_s']:.1f} GFLOP/s ({peak['by']})" for name, peak in parted[0]["peak"].items()
        ]
        yield "of peak: of the fastest matrix product or convolution seen in the same run:"
        yield f"{'; '.join(peaks)}."
        yield from (timing["work_not_counted"] for timing in parted if timing["work_not_counted"])
    if any(timing["busy"] for timing in manifests):
        yield "* The machine was busy: not to be trusted."
    yield from (f"{timing['label']}: {timing['note']}" for timing in manifests)


def _name(timing: Manifest) -> str:
    return f"{timing['label']}*" if timing["busy"] else str(timing["label"])


def _range(median: float, lowest: float, highest: float) -> str:
    if median <= 0:
        return ""
    return " ".join(f"{100 * (end / median - 1):+.0f}" for end in (lowest, highest)) + " %"


def _or_na(value: float | None, digits: int | Callable[[float], str], reason: str) -> Cell:
    return Cell(math.nan if value is None else value, digits, reason=reason)


def _or_blank(value: float | None, digits: int | Callable[[float], str]) -> Cell | str:
    """Nothing where there is nothing to measure, as the peak of what does not multiply."""
    return "" if value is None else Cell(value, digits)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
