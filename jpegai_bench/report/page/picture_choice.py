"""Which decoded pictures of the store stand side by side: of each image, codec and rate the nearest.

The rates are those of the first variant that has pictures; of every other codec the picture counts whose
rate is nearest, in octaves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.codec_points import images_of
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.report.page.curves import plain
from jpegai_bench.store.pictures import original_path, picture_path
from jpegai_bench.store.store import Run, Store


@dataclass(frozen=True)
class Shot:
    """One decoded picture, with its point."""

    path: Path
    quality: float
    bpp: float
    metrics: dict[str, float | None]
    note: str
    """The codec's own, where it is coded with other software than the curve."""


@dataclass(frozen=True)
class Scene:
    """An image, and what codecs made of it; `shots` by label, one for each rate in bpp."""

    image: str
    original: Path
    rates: list[float]
    shots: dict[str, list[Shot]] = field(repr=False)

    @property
    def pictures(self) -> int:
        """How many there are, the original among them."""
        return 1 + sum(map(len, self.shots.values()))

    def thinned(self, count: int) -> "Scene":
        """The same with no more than `count` rates, spread over them; few are from the middle."""
        every = len(self.rates) / count
        if every <= 1:
            return self
        numbers = [int((number + 0.5) * every) for number in range(count)]
        shots = {label: [shots[number] for number in numbers] for label, shots in self.shots.items()}
        return Scene(self.image, self.original, [self.rates[number] for number in numbers], shots)


def scenes(store: Store, study: Study, images: dict[str, str]) -> list[Scene]:
    """Of every image with an original and at least one decoded picture; `images` holds the pixel hashes."""
    runs = {entry.label: _runs(store, entry) for entry in study.entries}
    complete = []
    for image, pixels in images.items():
        original = original_path(store, pixels)
        by_label = {label: _shots(store, runs[label], pixels) for label in runs} if original.exists() else {}
        available = {label: shots for label, shots in by_label.items() if shots}
        if available:
            rates = [shot.bpp for shot in next(iter(available.values()))]
            nearest = {label: [_nearest(shots, rate) for rate in rates] for label, shots in available.items()}
            complete.append(Scene(image, original, rates, nearest))
    return complete


def _runs(store: Store, entry: Entry) -> list[Run]:
    """Runs that may have pictures of an entry, the first to be preferred."""
    runs = [entry.run] if entry.run else []
    if entry.kind == "variant":
        return runs
    # What ships has points but no pictures; whoever measured the codec again has them.
    again = [run for run in store.runs("anchors") if run.done and run.label == entry.label]
    return runs + sorted(again, key=lambda run: str(run.manifest.get("end")), reverse=True)


def _shots(store: Store, runs: Sequence[Run], pixels: str) -> list[Shot]:
    """The pictures of one image in the first run that has any, by rate."""
    for number, run in enumerate(runs):
        names = [name for name, pixels_of_run in images_of(run).items() if pixels_of_run == pixels]
        if not names:
            continue
        points = run.points()
        shots: dict[float, Shot] = {}
        for row in points[points["image"] == names[0]].to_dict("records"):
            path = picture_path(store, run.manifest.get("codec"), pixels, row["quality"])
            if path.exists():
                note = str(run.manifest.get("note", "")) if number else ""
                metrics = {metric.name: plain(row[metric.name]) for metric in METRICS if metric.name in row}
                shots[row["quality"]] = Shot(path, row["quality"], row["bpp"], metrics, note)
        if shots:
            return sorted(shots.values(), key=lambda shot: shot.bpp)
    return []


def _nearest(shots: Sequence[Shot], rate: float) -> Shot:
    return min(shots, key=lambda shot: abs(math.log(shot.bpp / rate)))
