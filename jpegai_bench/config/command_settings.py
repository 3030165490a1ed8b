"""Settings that several commands take, and not all: each command's own class is made of these."""

from dataclasses import dataclass
from typing import Any

from jpegai_bench.codecs.rates import Rates, of_targets
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.training import TrainingSettings
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.system.devices import CPU, require_name

MOST_ON_A_GPU = 4
"""Workers, unless it is told otherwise: each has a network and CUDA's context of its own there."""
INTERNAL = ("shard",)
"""Settings that a sweep gives its jobs, and nobody types."""


@dataclass(kw_only=True)
class CompressAISettings(Settings):
    """What `anchor=compressai` measures."""

    arch: str | None
    checkpoint: Any
    """A file, or a list of them."""


@dataclass(kw_only=True)
class FormatSettings(Settings):
    """Of what prints a table."""

    format: str


@dataclass(kw_only=True)
class MethodSettings(Settings):
    """Of what computes BD-rates, or keeps by what they are computed."""

    method: str


@dataclass(kw_only=True)
class WeightsSettings(Settings):
    """Of what has networks of ours, or lists their weights."""

    weights: str


@dataclass(kw_only=True)
class RecipeSettings(Settings):
    """Of what trains, or has what it needs trained."""

    training: TrainingSettings


@dataclass(kw_only=True)
class DeviceSettings(Settings):
    """Of what has networks code or decode."""

    device: str
    """Where torch computes, as it names it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_name(self.device)


@dataclass(kw_only=True)
class WorkerSettings(DeviceSettings):
    """Of what shares out pictures over processes."""

    workers: int | None

    @property
    def worker_count(self) -> int:
        """`workers`, or one a core; of those that share a GPU's memory no more than `MOST_ON_A_GPU`."""
        if self.workers or self.device == CPU:
            return self.workers or self.cores
        return min(self.cores, MOST_ON_A_GPU)


@dataclass(kw_only=True)
class DecodingSettings(DeviceSettings, WeightsSettings, RecipeSettings):
    """Of what decodes with our networks."""

    precision: str
    """What a synthesis computes in."""


@dataclass(kw_only=True)
class PictureSettings(WorkerSettings, MethodSettings):
    """Of what codes a data set."""

    qualities: list[float] | None
    pictures: Any
    """A number, or all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pictures != "all" and (type(self.pictures) is not int or self.pictures < 0):
            raise UsageError(f"pictures={self.pictures}: give how many of the first images, 0, or all")

    def pictures_of(self, images: int) -> int:
        """Of how many of the first of so many images the decoded pictures are kept."""
        return images if self.pictures == "all" else int(self.pictures)


@dataclass(kw_only=True)
class RunSettings(CompressAISettings, PictureSettings, DecodingSettings, FormatSettings):
    """Of the main job, alone or in a sweep."""

    rates: str
    targets: list[float] | None
    rdo: bool
    peers: Any
    """A list of names, or one, or all."""
    shards: int
    shard: int | None
    fail_fast: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shard is not None and not 0 <= self.shard < self.shards:
            raise UsageError(f"shard={self.shard}: must be from 0 to shards - 1")

    @property
    def chosen_rates(self) -> Rates:
        """The rates of a run; a `UsageError` where they are out of range or of two kinds."""
        if self.rates == "target":
            if self.qualities is not None:
                raise UsageError("rates=target finds the qualities itself; leave qualities=… out")
            return of_targets(self.targets)
        if self.targets is not None:
            raise UsageError("targets=… are for rates=target; add it, or leave targets out")
        return self.model.rates_at(self.qualities)


@dataclass(kw_only=True)
class SelectionSettings(MethodSettings):
    """Of what shows the results of a store: which codecs beside the variants."""

    anchors: list[str] | None
    peers: Any
    """A list of names, or one, or all."""


@dataclass(kw_only=True)
class OnlySettings(Settings):
    """Of what works on files: `only` is short for `metrics.only`, and takes names that a file has besides."""

    only: list[str] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.only is not None and self.metrics.only is not None:
            raise UsageError("only and metrics.only are given; they say the same, give one")

    @property
    def wanted(self) -> list[str] | None:
        """The metrics that are asked for; None where all are."""
        return self.metrics.only if self.only is None else self.only


@dataclass(kw_only=True)
class CurveSettings(FormatSettings, MethodSettings):
    """Of what compares curves that are given by name."""

    bpp_range: list[float] | None
    lower_is_better: list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        rates = self.bpp_range
        if rates is not None and not (len(rates) == 2 and 0 <= rates[0] < rates[1]):
            listed = ",".join(f"{rate:g}" for rate in rates)
            raise BenchError(f"bpp_range=[{listed}]: give the lowest and the highest rate, as [0.1,1]")

    @property
    def rates_between(self) -> tuple[float, float] | None:
        """`bpp_range` as a pair."""
        return (self.bpp_range[0], self.bpp_range[1]) if self.bpp_range else None
