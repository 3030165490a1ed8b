"""What tables and plots are made from: plain data, however it was measured."""

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from jpegai_bench.errors import BenchError
from jpegai_bench.metrics.asked import labels_of
from jpegai_bench.metrics.catalogue import NAMES, average_of

if TYPE_CHECKING:
    from jpegai_bench.store.store import Run


@dataclass(frozen=True)
class Entry:
    """A variant, or a codec that variants are compared with, with its R-D points."""

    label: str
    """The variant's or the codec's name."""
    kind: Literal["variant", "codec"]
    points: pd.DataFrame = field(repr=False)
    """As in `points.csv`: image, quality, target_bpp, bpp and metric columns, one row per image and rate."""
    complexity: dict[str, Any] | None = None
    """For variants: published_kmacs_px, input_size_kmacs_px, all_kmacs_px, paper_kmacs_px (or None), all
    kMACs/pixel; params_m in millions; `parts`, kMACs/pixel by part."""
    decode_s: float | None = None
    """Seconds per image, measured serially; None where it was not measured."""
    note: str = ""
    """What the label leaves open: for a codec encoder, version, preset, chroma format; for a variant how it
    was trained, where that matters beside the others."""
    model: str = ""
    """The model preset, for variants."""
    chroma: str = ""
    """The chroma format, for codecs; empty where it is not known."""
    metrics: Any = field(default=None, repr=False)
    """Versions that decide the scores, as in `run.json`."""
    run: "Run | None" = field(default=None, repr=False)
    """The run that measured it, where it comes from a store."""

    @property
    def name(self) -> str:
        """What tables and plots print: of a codec with its chroma format, unless the label says it."""
        is_in_label = self.chroma.replace(":", "") in re.sub(r"[\W_]", "", self.label)
        return self.label if is_in_label else f"{self.label} {self.chroma}"

    @property
    def described(self) -> str:
        """Label and note: all that a BD-rate against it must name."""
        note = self.note if self.chroma in self.note else f"{self.note}, {self.chroma}".removeprefix(", ")
        return f"{self.label} ({note})" if note else self.label


@dataclass(frozen=True)
class Study:
    """Entries measured on the same images, and which of them the others are compared with."""

    entries: tuple[Entry, ...]
    anchors: tuple[str, ...]
    """Labels of the codecs that BD-rates are taken against, the main one first."""
    base: str
    """Label of the variant that the others are compared with; it may be missing from the entries."""
    dataset: str
    hvs: str
    """Which PSNR-HVS is one of the seven: `hvs_m` as in the paper, `hvs` as in the quality framework."""
    method: str
    title: str = ""
    peers: tuple[str, ...] = ()
    """Labels of the codecs that have rows beside the variants."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know of the points, in sentences."""
    asked: tuple[str, ...] = NAMES
    """The metrics that were asked for; entries have no columns of others."""

    def __post_init__(self) -> None:
        """Raises BenchError: two entries of one label, or no entry for an anchor or a peer."""
        labels = [entry.label for entry in self.entries]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise BenchError(f"study of {self.dataset}: more than one entry named {', '.join(twice)}")
        available = ", ".join(labels) or "none"
        for role, required in (("anchor", self.anchors), ("peer", self.peers)):
            if absent := [label for label in required if label not in labels]:
                raise BenchError(
                    f"study of {self.dataset}: no points of the {role} {absent[0]!r} (there: {available})"
                )
        if not self.anchors:
            raise BenchError(f"study of {self.dataset}: no anchor to compare with")

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics with columns in tables: the seven, or where not all were asked for, those that were."""
        return average_of(self.hvs) if self.asked == NAMES else self.asked

    @property
    def no_mean(self) -> str:
        """Why there is no mean of seven; empty where all of them were asked for."""
        missing = [name for name in average_of(self.hvs) if name not in self.asked]
        return f"not asked for: {labels_of(missing)}" if missing else ""

    @property
    def variants(self) -> tuple[Entry, ...]:
        """The entries under study, in order."""
        return tuple(entry for entry in self.entries if entry.kind == "variant")

    @property
    def anchor_entries(self) -> tuple[Entry, ...]:
        """The entries that BD-rates are taken against, the main one first."""
        return tuple(self.entry(label) for label in self.anchors)

    def entry(self, label: str) -> Entry:
        """The entry of a label."""
        return next(entry for entry in self.entries if entry.label == label)

    def rows(self, anchor: str) -> tuple[Entry, ...]:
        """What has a row against an anchor: the variants, then the peers."""
        return (*self.variants, *(self.entry(label) for label in self.peers if label != anchor))

    @property
    def base_entry(self) -> Entry | None:
        """The variant that the others are compared with, where it was measured."""
        return next((entry for entry in self.variants if entry.label == self.base), None)


def kmacs(entry: Entry, key: str = "published_kmacs_px") -> float:
    """One figure of an entry's complexity; NaN where there is none."""
    value = (entry.complexity or {}).get(key)
    return math.nan if value is None else float(value)
