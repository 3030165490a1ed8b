"""What tables and plots are made from: plain data, however it was measured."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from jpegai_bench.errors import BenchError


@dataclass(frozen=True)
class Entry:
    """A variant or an anchor, with its R-D points."""

    label: str
    """The variant's or the codec's name, as tables and plots print it."""
    kind: Literal["variant", "anchor"]
    points: pd.DataFrame = field(repr=False)
    """As in `points.csv`: image, quality, target_bpp, bpp and metric columns, one row per image and rate."""
    complexity: dict[str, Any] | None = None
    """For variants: published_kmacs_px, input_size_kmacs_px, all_kmacs_px, paper_kmacs_px (or None), all
    kMACs/pixel; params_m in millions; `parts`, kMACs/pixel by part."""
    decode_s: float | None = None
    """Seconds per image, measured serially; None where it was not measured."""
    note: str = ""
    """What the label leaves open, for an anchor: codec, version, preset, chroma format."""
    model: str = ""
    """The model preset, for variants."""


@dataclass(frozen=True)
class Study:
    """Entries measured on the same images, and which of them the others are compared with."""

    entries: tuple[Entry, ...]
    anchor: str
    """Label of the entry that BD-rates are taken against."""
    base: str
    """Label of the variant that the others are compared with; it may be missing from the entries."""
    dataset: str
    title: str = ""
    hvs: str = "hvs_m"
    """Which PSNR-HVS is one of the seven: `hvs_m` as in the paper, `hvs` as in the quality framework."""
    method: str = "pchip"

    def __post_init__(self) -> None:
        """Raises BenchError: two entries of one label, or no entry for the anchor."""
        labels = [entry.label for entry in self.entries]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise BenchError(f"study of {self.dataset}: more than one entry named {', '.join(twice)}")
        if self.anchor not in labels:
            there = ", ".join(labels) or "none"
            raise BenchError(
                f"study of {self.dataset}: no points of the anchor {self.anchor!r} (there: {there})"
            )

    @property
    def variants(self) -> tuple[Entry, ...]:
        """The entries under study, in order."""
        return tuple(entry for entry in self.entries if entry.kind == "variant")

    @property
    def anchor_entry(self) -> Entry:
        """The entry that BD-rates are taken against."""
        return next(entry for entry in self.entries if entry.label == self.anchor)

    @property
    def base_entry(self) -> Entry | None:
        """The variant that the others are compared with, where it was measured."""
        return next((entry for entry in self.variants if entry.label == self.base), None)


def kmacs(entry: Entry, key: str = "published_kmacs_px") -> float:
    """One figure of an entry's complexity; NaN where there is none."""
    value = (entry.complexity or {}).get(key)
    return math.nan if value is None else float(value)
