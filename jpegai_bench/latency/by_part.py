"""Seconds of a codec by part: medians and spread, and what part of the machine's peak each makes use of."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegai_bench.codecs.protocol import Work
from jpegai_bench.latency.clocks import Times
from jpegai_bench.latency.peak import Peak

REST = "rest"
"""What the whole took and no part did."""
WHOLE = "whole"


@dataclass(frozen=True)
class Coded:
    """One picture whose encoding, or decoding, was timed by part."""

    pixels: int
    computed: int
    """Pixels that the network worked on: those of the picture, padded."""
    times: Times

    def split(self) -> dict[str, tuple[float, ...]]:
        """Seconds of each part for each repeat, in the order of the work; then the rest, and the whole."""
        names = list(dict.fromkeys(name for repeat in self.times.parts for name in repeat))
        by_part = {name: tuple(repeat.get(name, 0.0) for repeat in self.times.parts) for name in names}
        repeats = zip(self.times.seconds, self.times.parts, strict=True)
        rest = tuple(whole - sum(repeat.values()) for whole, repeat in repeats)
        return {**by_part, REST: rest, WHOLE: self.times.seconds}


def summary(
    coded: Sequence[Coded], work: Mapping[str, Work], peaks: Mapping[str, Peak]
) -> list[dict[str, Any]]:
    """Means over the pictures for each part, the rest and the whole.

    Args:
        coded: the pictures.
        work: the multiplications of parts that have some; of the others and of the rest there are none.
        peaks: the machine's, by precision.

    Returns:
        For each part: `part`, `s` (mean of the medians), `lowest_s`, `highest_s` (of the fastest and slowest
        repeats), `mp_s`, `share` of the whole; where it multiplies `kmacs_px`, `gflop_s` and `peak_share`,
        which for the whole is the time that its multiplications would take at the peak, by the time it took.
    """
    splits = [picture.split() for picture in coded]
    pixels, computed = sum(picture.pixels for picture in coded), sum(picture.computed for picture in coded)
    names = list(dict.fromkeys(name for split in splits for name in split if name not in (REST, WHOLE)))
    whole = statistics.fmean(picture.times.median for picture in coded)
    multiplying = {name: work[name] for name in names if name in work}
    rows: list[dict[str, Any]] = []
    for name in [*names, REST, WHOLE]:
        repeats = [split.get(name, (0.0,)) for split in splits]
        seconds = statistics.fmean(map(statistics.median, repeats))
        parts = multiplying if name == WHOLE else {name: work[name]} if name in work else {}
        flops = {part: 2e3 * work_of_part.kmacs_px * computed for part, work_of_part in parts.items()}
        at_peak = sum(
            flops[part] / 1e9 / peaks[work_of_part.precision].gflop_s for part, work_of_part in parts.items()
        )
        total = seconds * len(coded)
        rows.append(
            {
                "part": name,
                "s": seconds,
                "lowest_s": statistics.fmean(map(min, repeats)),
                "highest_s": statistics.fmean(map(max, repeats)),
                "mp_s": pixels / 1e6 / total if total > 0 else None,
                "share": seconds / whole,
                "kmacs_px": sum(work_of_part.kmacs_px for work_of_part in parts.values()) if parts else None,
                "gflop_s": sum(flops.values()) / 1e9 / total if parts and total > 0 else None,
                "peak_share": at_peak / total if parts and total > 0 else None,
            }
        )
    return rows
