"""What the parts of a codec cost, and what must be said of it: from `complexity.json` or the like."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

COUNTINGS = ("published", "input_size", "all")
OTHER_PARTS = ("chroma_synthesis", "entropy", "analysis")
"""Beside the luma synthesis."""


def part_counts(complexity: Mapping[str, Any] | None) -> dict[str, float]:
    """kMACs/pixel of `OTHER_PARTS` and of the whole decoder in each counting; NaN where not known."""
    complexity = complexity or {}
    detail = complexity.get("detail") or {}
    counts: dict[str, float] = {}
    for counting in COUNTINGS:
        kmacs_by_part = {part: detail.get(part, {}).get(counting, math.nan) for part in OTHER_PARTS}
        luma = complexity.get(f"{counting}_kmacs_px", math.nan)
        kmacs_by_part["decoder"] = luma + kmacs_by_part["chroma_synthesis"] + kmacs_by_part["entropy"]
        counts |= {f"{part}_{counting}_kmacs_px": kmacs for part, kmacs in kmacs_by_part.items()}
    return counts


def uncounted(complexity: Mapping[str, Any] | None) -> str:
    """Why some of the counts are not known; empty where all are."""
    complexity = complexity or {}
    if "published_kmacs_px" not in complexity:
        return complexity.get("reason") or "complexity not counted"
    known = not any(map(math.isnan, part_counts(complexity).values()))
    return "" if known else "only the luma synthesis was counted"


def caveats(label: str, complexity: Mapping[str, Any] | None) -> Iterator[str]:
    """What counts of kMACs/pixel cannot say by themselves."""
    detail = (complexity or {}).get("detail") or {}
    unseen = math.fsum(part.get("unseen", 0.0) for part in detail.get("luma", {}).values())
    if unseen:
        yield (
            f"{label}: of published {unseen:.3f} are of functions beside torch's layers, as einsum and "
            "F.conv2d are, which ptflops does not see"
        )
    if parts := detail.get("not_linear"):
        yield f"{label}: counted on 256x256 pixels, and not linear in them: {', '.join(parts)}"
