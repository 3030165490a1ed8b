"""What several processes that timed one codec found, as one: one may be a quarter slower than the next."""

from collections.abc import Mapping, Sequence
from typing import Any

_STEPS = ("encode", "decode")

Figures = Mapping[str, Any]
"""What `timed_process.measure` tells."""


def median_figures(processes: Sequence[Figures]) -> dict[str, Any]:
    """Encoding as in the process whose encoding is the middle one by seconds, decoding likewise.

    `lowest_s` and `highest_s` are over all of them; the machine was as busy as it was at worst. Memory is
    that of the first. `processes` tells of each, `counts` which of them, from 0, counts for encoding and for
    decoding; `core` and `peak` beside the rest are of the latter.

    Args:
        processes: at least one, of the same pictures at the same quality. Of an even number the slower of
            the two in the middle counts.
    """
    figures: dict[str, Any] = dict(processes[0])
    figures["counts"] = {step: _median_number(processes, step) for step in _STEPS}
    for step, number in figures["counts"].items():
        median = processes[number]
        figures["summary"] = {
            **figures["summary"],
            **_of_step(step, median["summary"]),
            **_ends(processes, step),
        }
        pairs = zip(figures["pictures"], median["pictures"], strict=True)
        figures["pictures"] = [{**picture, **_of_step(step, counterpart)} for picture, counterpart in pairs]
        if f"{step}_parts" in median:
            figures[f"{step}_parts"] = _parts(processes, median, f"{step}_parts")
    decoding = processes[figures["counts"]["decode"]]
    figures |= {name: decoding[name] for name in ("core", "peak") if name in decoding}
    others = [process["others_cores"] for process in processes if process["others_cores"] is not None]
    return {
        **figures,
        "load": max(process["load"] for process in processes),
        "others_cores": max(others, default=None),
        "cpu_share": min(process["cpu_share"] for process in processes),
        "busy": any(process["busy"] for process in processes),
        "processes": [_outline(process) for process in processes],
    }


def _median_number(processes: Sequence[Figures], step: str) -> int:
    seconds = [float(process["summary"][f"{step}_s"]) for process in processes]
    return sorted(range(len(seconds)), key=seconds.__getitem__)[len(seconds) // 2]


def _of_step(step: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to a step, less its memory."""
    prefix, memory = f"{step}_", f"{step}_peak_"
    return {name: value for name, value in figures.items() if name.startswith(prefix) and memory not in name}


def _ends(processes: Sequence[Figures], step: str) -> dict[str, float]:
    lowest, highest = f"{step}_lowest_s", f"{step}_highest_s"
    return {
        lowest: min(process["summary"][lowest] for process in processes),
        highest: max(process["summary"][highest] for process in processes),
    }


def _parts(processes: Sequence[Figures], median: Figures, parts: str) -> list[dict[str, Any]]:
    by_name = [{part["part"]: part for part in process[parts]} for process in processes]
    return [
        {
            **part,
            "lowest_s": min(parts_of[part["part"]]["lowest_s"] for parts_of in by_name),
            "highest_s": max(parts_of[part["part"]]["highest_s"] for parts_of in by_name),
        }
        for part in median[parts]
    ]


def _outline(process: Figures) -> dict[str, Any]:
    names = ("core", "peak", "load", "others_cores", "cpu_share", "busy")
    outline = {name: process[name] for name in names if name in process}
    return outline | {f"{step}_s": process["summary"][f"{step}_s"] for step in _STEPS}
