"""The schema of the configuration: every setting with its kind and range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.analysis.choices import CURVES, METHODS
from jpegai_bench.codecs.rates import KINDS, Rates, learned_qualities
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.overrides import key_of
from jpegai_bench.errors import BenchError, UsageError, hint, one_of
from jpegai_bench.metrics.backends import BACKENDS
from jpegai_bench.metrics.catalogue import NAMES, chosen
from jpegai_bench.system.devices import PRECISIONS

if TYPE_CHECKING:
    from jpegai_bench.network.codec import NetworkSize

MOST_QUALITIES = 60
"""The bitstream holds a quality in two bytes, in thousandths."""
CONTEXTS = ("none", "multistage", "grouped")
_GROUP_SHARES = {"luma": (1, 2, 3, 6), "chroma": (3, 5)}
"""Of a latent's channels in the groups of its context model: what is decoded first is small."""
METRIC_WORDS = {"hvs": ("hvs_m", "hvs"), "backend": BACKENDS}
WORDS = {
    "format": ("table", "csv", "json", "markdown", "latex"),
    "method": METHODS,
    "curve": CURVES,
    "rates": KINDS,
    "images": ("embedded", "linked"),
    "precision": PRECISIONS,
}
"""What a setting may be, where that is one of a few words."""
COUNTS = ("workers", "shards", "repeats", "processes")
"""Settings that are at least 1, or null."""
DERIVED = ("variant_written", "typed", "config_folders", "cores")
"""Of `Settings` what nobody types: it is found when a configuration is checked."""


@dataclass
class ModelSettings:
    """A preset: the structural numbers of the network."""

    name: str
    luma: Any
    """Channels of the luma transforms: one number, or three, at 1/2, 1/4 and 1/8 of the resolution."""
    chroma: Any
    latent_luma: int
    latent_chroma: int
    hyper_luma: int
    hyper_chroma: int
    residual_blocks: int
    rnab_trunk_blocks: int
    rnab_mask_blocks: int
    restormer_blocks: int
    restormer_heads: int
    restormer_expansion: float
    qualities: int
    analysis_attention: bool
    analysis_residual_blocks: int
    chroma_reduction: int | None
    context: str
    context_luma_groups: list[int] | None
    """Of the latent's channels; null shares them out, as `_GROUP_SHARES` has it."""
    context_chroma_groups: list[int] | None
    context_luma_width: int
    context_chroma_width: int

    def __post_init__(self) -> None:
        for name in ("luma", "chroma"):
            setattr(self, name, _widths(name, getattr(self, name)))
        one_of("model.context", self.context, CONTEXTS)
        for item in fields(self):
            value = getattr(self, item.name)
            least = {"qualities": 2, "analysis_residual_blocks": 0}.get(item.name, 1)
            if isinstance(value, int | float) and not least <= value < math.inf and value is not False:
                raise BenchError(f"model.{item.name}={value}: must be at least {least}")
        for branch in ("luma", "chroma"):
            groups, latent = getattr(self, f"context_{branch}_groups"), getattr(self, f"latent_{branch}")
            if groups is None:
                groups = _shared_out(latent, _GROUP_SHARES[branch])
                setattr(self, f"context_{branch}_groups", groups)
            if self.context == "grouped" and (sum(groups) != latent or min(groups, default=0) < 1):
                raise BenchError(
                    f"model.context_{branch}_groups={groups}: must be numbers of channels that come to "
                    f"model.latent_{branch}={latent}"
                )
        if self.qualities > MOST_QUALITIES:
            raise BenchError(f"model.qualities={self.qualities}: must be at most {MOST_QUALITIES}")

    def rates_at(self, qualities: Sequence[float] | None, setting: str = "qualities") -> Rates:
        """The qualities that a setting gives, else each whole one, as rates of a codec of this preset.

        Raises:
            UsageError: one is out of its range, or there are none.
        """
        return learned_qualities(qualities, self.qualities - 1, self.name, setting)

    def network_size(self) -> "NetworkSize":
        """The part of it that the network itself takes; the rest reaches it through a variant's modules."""
        from jpegai_bench.network.codec import NetworkSize
        from jpegai_bench.network.context import ContextSize

        sizes: dict[str, Any] = {
            item.name: tuple(value) if isinstance(value, list) else value
            for item in fields(NetworkSize)
            if (value := getattr(self, item.name, None)) is not None
        }
        for branch in ("luma", "chroma"):
            groups, width = (getattr(self, f"context_{branch}_{part}") for part in ("groups", "width"))
            sizes[f"context_{branch}"] = ContextSize(self.context, tuple(groups), width)
        return NetworkSize(**sizes)


def _shared_out(channels: int, shares: Sequence[int]) -> list[int]:
    """Channels in these proportions, no group of none."""
    ends = [round(channels * end / sum(shares)) for end in (0, *accumulate(shares))]
    return [end - start for start, end in pairwise(ends) if end > start]


def _widths(name: str, value: Any) -> int | list[int]:
    """A width, or three for three depths; three equal ones are one."""
    widths = value if isinstance(value, list) else [value]
    if len(widths) not in (1, 3) or not all(type(width) is int and width >= 2 for width in widths):
        raise BenchError(
            f"model.{name}={value}: give a number of channels, at least 2, or three, as [32,64,128], "
            "for 1/2, 1/4 and 1/8 of the resolution"
        )
    return widths[0] if len(set(widths)) == 1 else widths


@dataclass
class DatasetSettings:
    """Which images."""

    name: str
    path: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"dataset.limit={self.limit}: must be at least 1")
        if self.name == "sample" and self.path is not None:
            raise BenchError(f"dataset.path={self.path}: dataset=sample takes none; add dataset=folder")


@dataclass
class MetricSettings:
    """Which metrics are the seven, who computes four of them, and which are asked for."""

    hvs: str = "hvs_m"
    backend: str = "own"
    only: list[str] | None = None

    def __post_init__(self) -> None:
        for name, words in METRIC_WORDS.items():
            one_of(f"metrics.{name}", getattr(self, name), words)
        chosen_metrics("metrics.only", self.only)

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the metrics that are asked for, in the catalogue's order."""
        return chosen(self.only)


def chosen_metrics(setting: str, only: Sequence[str] | None) -> tuple[str, ...]:
    """The metrics that a setting names, in the catalogue's order; all where it is null.

    Raises:
        UsageError: a name that is no metric, or no name at all.
    """
    try:
        return chosen(only)
    except BenchError as error:
        wrong = next((name for name in only or () if name not in NAMES), "")
        raise UsageError(f"{setting}: {error}{hint(wrong, NAMES)}") from None


@dataclass
class StudySettings:
    """One question of an experiment, as its YAML puts it."""

    variants: list[str]
    title: str = ""


@dataclass
class ExperimentSettings:
    """The node `experiment` of a YAML in `conf/experiment/`."""

    name: str
    studies: dict[str, StudySettings]
    title: str = ""
    reference: str = "base"
    training_noise: float | None = None
    training_noise_source: str = ""
    measured_noise: str | None = None
    published: str | None = None

    def __post_init__(self) -> None:
        if not self.studies:
            raise BenchError(
                f"experiment {self.name}: needs a study, as studies: {{mine: {{variants: […]}}}}"
            )
        for name, study in self.studies.items():
            if not study.variants:
                raise BenchError(f"experiment {self.name}: studies.{name}.variants is empty")
        noise = self.training_noise
        if noise is not None and not 0 < noise < 100:
            raise BenchError(f"experiment.training_noise={noise:g}: must be percent of BD-rate, above 0")
        if noise is not None and not self.training_noise_source:
            raise BenchError("experiment.training_noise: say in training_noise_source who measured it")


@dataclass(kw_only=True)
class Settings:
    """What every command can be told; the values are those of `conf/config.yaml`.

    What only some commands take is in subclasses: of several in `config/command_settings.py`, of one beside
    the command.
    """

    model: ModelSettings
    dataset: DatasetSettings
    metrics: MetricSettings
    results: str
    experiment: ExperimentSettings | None = None
    variant: dict[str, Any] = field(default_factory=dict)
    variant_written: dict[str, Any] = field(default_factory=dict)
    """The variant with its references to the model preset, so that it can be had at another preset."""
    typed: list[str] = field(default_factory=list)
    """The words of the command line that set something."""
    config_folders: list[Path] = field(default_factory=lambda: [CONF])
    """Where configurations are: the package's own, then what `--config-dir` names."""
    cores: int = 1
    """Those that this job may use, shared with the jobs of a sweep beside it."""
    anchor: dict[str, Any] = field(default_factory=dict)
    """Codecs that BD-rates are taken against, the main one first: label and node of each."""

    def __post_init__(self) -> None:
        for item in fields(self):
            name, value = item.name, getattr(self, item.name)
            if name in WORDS:
                one_of(name, value, WORDS[name])
            if name in COUNTS and value is not None and value < 1:
                raise BenchError(f"{name}={value}: must be at least 1")

    def words_again(self) -> list[str]:
        """The words of the command line that make the same again: those typed, and the user's folders."""
        current = Path.cwd()
        folders = (
            f.relative_to(current) if f.is_relative_to(current) else f for f in self.config_folders[1:]
        )
        return [*self.typed, *(f"--config-dir={folder}" for folder in folders)]

    def typed_of(self, groups: Sequence[str]) -> list[str]:
        """The words of the command line that set one of these groups or settings, or something in it."""
        return [word for word in self.typed if key_of(word).partition(".")[0] in groups]

    def is_typed(self, group: str) -> bool:
        """Whether the command line itself sets a group or something in it, as `dataset.path=…`."""
        return bool(self.typed_of((group,)))
