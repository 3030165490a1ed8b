"""What several processes that timed one codec found, as one: one may be a quarter slower than the next."""

from collections.abc import Mapping, Sequence
from typing import Any

_STEPS = ("encode", "decode")

Found = Mapping[str, Any]
"""What `timed_process.measure` tells."""


def middle(processes: Sequence[Found]) -> dict[str, Any]:
    """Encoding as in the process whose encoding is the middle one by seconds, decoding likewise.

    `lowest_s` and `highest_s` are over all of them; the machine was as busy as it was at worst. Memory is
    that of the first. `processes` tells of each, `counts` which of them, from 0, counts for encoding and for
    decoding; `core` and `peak` beside the rest are of the latter.

    Args:
        processes: at least one, of the same pictures at the same quality. Of an even number the slower of
            the two in the middle counts.
    """
    found: dict[str, Any] = dict(processes[0])
    found["counts"] = {step: _in_the_middle(processes, step) for step in _STEPS}
    for step, number in found["counts"].items():
        chosen = processes[number]
        found["summary"] = {**found["summary"], **_of(step, chosen["summary"]), **_ends(processes, step)}
        both = zip(found["pictures"], chosen["pictures"], strict=True)
        found["pictures"] = [{**picture, **_of(step, other)} for picture, other in both]
        if f"{step}_parts" in chosen:
            found[f"{step}_parts"] = _parts(processes, chosen, f"{step}_parts")
    decoding = processes[found["counts"]["decode"]]
    found |= {name: decoding[name] for name in ("core", "peak") if name in decoding}
    known = [one["others_cores"] for one in processes if one["others_cores"] is not None]
    return {
        **found,
        "load": max(one["load"] for one in processes),
        "others_cores": max(known, default=None),
        "cpu_share": min(one["cpu_share"] for one in processes),
        "busy": any(one["busy"] for one in processes),
        "processes": [_told(one) for one in processes],
    }


def _in_the_middle(processes: Sequence[Found], step: str) -> int:
    seconds = [float(one["summary"][f"{step}_s"]) for one in processes]
    return sorted(range(len(seconds)), key=seconds.__getitem__)[len(seconds) // 2]


def _of(step: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to a step, less its memory."""
    own, memory = f"{step}_", f"{step}_peak_"
    return {name: value for name, value in figures.items() if name.startswith(own) and memory not in name}


def _ends(processes: Sequence[Found], step: str) -> dict[str, float]:
    lowest, highest = f"{step}_lowest_s", f"{step}_highest_s"
    return {
        lowest: min(one["summary"][lowest] for one in processes),
        highest: max(one["summary"][highest] for one in processes),
    }


def _parts(processes: Sequence[Found], chosen: Found, parts: str) -> list[dict[str, Any]]:
    by_name = [{part["part"]: part for part in one[parts]} for one in processes]
    return [
        {
            **part,
            "lowest_s": min(one[part["part"]]["lowest_s"] for one in by_name),
            "highest_s": max(one[part["part"]]["highest_s"] for one in by_name),
        }
        for part in chosen[parts]
    ]


def _told(one: Found) -> dict[str, Any]:
    names = ("core", "peak", "load", "others_cores", "cpu_share", "busy")
    about = {name: one[name] for name in names if name in one}
    return about | {f"{step}_s": one["summary"][f"{step}_s"] for step in _STEPS}
