"""The configuration: its schema, where `conf/` is, and a variant's modules from their YAML."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import YAMLError

from jpegai_bench.errors import BenchError, UsageError, one_of
from jpegai_bench.experiment import Experiment, ExperimentSettings, checked
from jpegai_bench.locate import locate
from jpegai_bench.rates import KINDS, Rates, learned_qualities, of_targets
from jpegai_bench.training.settings import TrainingSettings

if TYPE_CHECKING:
    from jpegai_bench.network.codec import Network, NetworkSize
    from jpegai_bench.network.transforms import SynthesisModules

CONF = Path(__file__).parent / "conf"
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
MODULES = ("attention_quarter", "attention_half", "upsampling", "activation")
"""The modules under study: the keys of a variant that name a `_target_`."""
MOST_QUALITIES = 60
"""The bitstream holds a quality in two bytes, in thousandths."""
FORMATS = ("table", "csv", "json", "markdown", "latex")
METHODS = ("pchip", "cubic", "akima")
CURVES = ("image", "mean")
HVS = ("hvs_m", "hvs")
PLOT_FORMATS = ("png", "pdf", "svg")
IMAGES = ("embedded", "linked")


@dataclass
class ModelSettings:
    """A preset: the structural numbers of the network."""

    name: str
    luma: int
    chroma: int
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

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            least = 2 if item.name in ("qualities", "luma", "chroma") else 1
            if not isinstance(value, str) and not least <= value < math.inf:
                raise BenchError(f"model.{item.name}={value}: must be at least {least}")
        if self.qualities > MOST_QUALITIES:
            raise BenchError(f"model.qualities={self.qualities}: must be at most {MOST_QUALITIES}")

    def network_size(self) -> "NetworkSize":
        """The part of it that the network itself takes; the rest reaches it through a variant's modules."""
        from jpegai_bench.network.codec import NetworkSize

        return NetworkSize(**{item.name: getattr(self, item.name) for item in fields(NetworkSize)})


@dataclass
class DatasetSettings:
    """Which images."""

    name: str
    path: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"dataset.limit={self.limit}: must be at least 1")


@dataclass
class MetricSettings:
    """Which metrics are the seven."""

    hvs: str = "hvs_m"

    def __post_init__(self) -> None:
        one_of("metrics.hvs", self.hvs, HVS)


@dataclass
class Settings:
    """Everything that a command can be told."""

    model: ModelSettings
    dataset: DatasetSettings
    metrics: MetricSettings
    training: TrainingSettings
    experiment: ExperimentSettings | None = None
    results: str = "results"
    weights: str = "shipped"
    rates: str = "quality"
    qualities: list[float] | None = None
    targets: list[float] | None = None
    workers: int | None = None
    format: str = "table"
    method: str = "pchip"
    codec: Any = None
    anchors: list[str] | None = None
    peers: Any = None
    arch: str | None = None
    checkpoint: Any = None
    quality: float = 3.0
    target_bpp: float | None = None
    reconstruction: str | None = None
    curve: str = "image"
    bd_metric: bool = False
    bpp_range: list[float] | None = None
    lower_is_better: list[str] = field(default_factory=list)
    plot: str | None = None
    pictures: Any = 4
    images: str = "embedded"
    anchor_points: str | None = None
    only: list[str] | None = None
    device: str = "cpu"
    dest: str | None = None
    url: str | None = None
    ask: bool = True
    anonymous: bool = False
    repeats: int = 5
    shards: int = 1
    shard: int | None = None
    fail_fast: bool = False
    variant: dict[str, Any] = field(default_factory=dict)
    variant_written: dict[str, Any] = field(default_factory=dict)
    """The variant with its references to the model preset, so that it can be had at another preset."""
    anchor: dict[str, Any] = field(default_factory=dict)
    """Codecs that BD-rates are taken against, the main one first: label and node of each."""

    def __post_init__(self) -> None:
        one_of("format", self.format, FORMATS)
        one_of("method", self.method, METHODS)
        one_of("curve", self.curve, CURVES)
        one_of("rates", self.rates, KINDS)
        one_of("images", self.images, IMAGES)
        self._check_bpp_range()
        if self.plot is not None and Path(self.plot).suffix.lower().removeprefix(".") not in PLOT_FORMATS:
            raise BenchError(f"plot={self.plot}: end the name with one of .{', .'.join(PLOT_FORMATS)}")
        if self.workers is not None and self.workers < 1:
            raise BenchError(f"workers={self.workers}: must be at least 1")
        if self.shards < 1:
            raise UsageError(f"shards={self.shards}: must be at least 1")
        if self.shard is not None and not 0 <= self.shard < self.shards:
            raise UsageError(f"shard={self.shard}: must be from 0 to shards - 1")
        if self.pictures != "all" and (type(self.pictures) is not int or self.pictures < 0):
            raise UsageError(f"pictures={self.pictures}: give how many of the first images, 0, or all")
        if self.repeats < 1:
            raise BenchError(f"repeats={self.repeats}: must be at least 1")

    def _check_bpp_range(self) -> None:
        if self.bpp_range is not None:
            told = ",".join(f"{value:g}" for value in self.bpp_range)
            if len(self.bpp_range) != 2 or not 0 <= self.bpp_range[0] < self.bpp_range[1]:
                raise BenchError(f"bpp_range=[{told}]: give the lowest and the highest rate, as [0.1,1]")

    def pictures_of(self, images: int) -> int:
        """Of how many of the first of so many images the decoded pictures are kept."""
        return images if self.pictures == "all" else int(self.pictures)

    @property
    def worker_count(self) -> int:
        """`workers`, or one a core that this process may use, shared with the jobs beside it."""
        return self.workers or shared_cores()

    @property
    def chosen_rates(self) -> Rates:
        """The rates of a run; a `UsageError` where they are out of range or of two kinds."""
        if self.rates == "target":
            if self.qualities is not None:
                raise UsageError("rates=target finds the qualities itself; leave qualities=… out")
            return of_targets(self.targets)
        if self.targets is not None:
            raise UsageError("targets=… are for rates=target; add it, or leave targets out")
        return learned_qualities(self.qualities, self.model.qualities - 1, self.model.name)


@dataclass(frozen=True)
class Variant:
    """A variant as configured: its name, and its four modules as plain data."""

    name: str
    nodes: dict[str, dict[str, Any]]
    """`_target_` and arguments of each of `MODULES`."""
    paper_kmacs_px: float | None = None

    def modules(self, size: "NetworkSize") -> "SynthesisModules":
        """Factories of the modules, tried at the channel counts of a preset.

        Raises:
            BenchError: a `_target_` cannot be imported, or what it names cannot be built, cannot be run, or
                returns another shape than it must; variant and place are named.
        """
        from jpegai_bench.network.check import check_modules
        from jpegai_bench.network.transforms import SynthesisModules

        modules = SynthesisModules(**{key: self._factory(key) for key in MODULES})
        try:
            check_modules(modules, size)
        except BenchError as error:
            raise BenchError(f"variant {self.name}: {error}") from None
        return modules

    def network(self, model: ModelSettings) -> "Network":
        """The network of a preset with these modules, untrained; raises as `modules`."""
        from jpegai_bench.network.codec import Network

        size = model.network_size()
        return Network(size, self.modules(size))

    def _factory(self, key: str) -> Callable[..., Any]:
        arguments = dict(self.nodes[key])
        target = arguments.pop("_target_")
        return partial(locate(target, f"variant {self.name}: {key}._target_"), **arguments)


def validated(config: DictConfig) -> Settings:
    """Check a composed configuration against the schema.

    Raises:
        UsageError: an unknown key or a value of the wrong kind, in one line.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True)
        assert isinstance(plain, dict)
        plain.pop("hydra", None)
        variant, anchor = (plain.pop(name, None) or {} for name in ("variant", "anchor"))
        schema = OmegaConf.structured(Settings)
        for name in ("model", "dataset", "training"):
            if name not in plain:
                raise UsageError(f"no {name} is chosen")
        settings = OmegaConf.to_object(OmegaConf.merge(schema, plain))
    except OmegaConfBaseException as error:
        where = error.full_key or "configuration"
        if isinstance(error, ConfigKeyError):
            from jpegai_bench.mistakes import no_setting

            raise UsageError(no_setting(where, config_folders())) from None
        told = str(error.msg or error).splitlines()[0]
        if "missing mandatory value" in told:
            told = "is missing"
        if "not a ListConfig" in told:
            told = f"needs a list, as {where}=[…]"
        raise UsageError(f"{where}: {told}") from None
    except BenchError as error:  # from the schema: it looks at values alone
        raise UsageError(str(error)) from None
    assert isinstance(settings, Settings)
    settings.variant, settings.anchor = variant, anchor
    if variant:
        written = OmegaConf.to_container(config.variant, resolve=False)
        assert isinstance(written, dict)
        settings.variant_written = {str(key): value for key, value in written.items()}
    return settings


def experiment_of(settings: Settings) -> Experiment:
    """The experiment of a configuration; its `variants` are what it runs, in order.

    Raises:
        BenchError: none is chosen, or a variant or a file that it names is not there.
    """
    folders = config_folders()
    if settings.experiment is None:
        known = sorted({path.stem for folder in folders for path in (folder / "experiment").glob("*.yaml")})
        raise BenchError(f"no experiment is chosen; add experiment=NAME, one of {', '.join(known)}")
    anchors = [
        str(node.get("name", label)) if isinstance(node, dict) else label
        for label, node in settings.anchor.items()
    ]
    return checked(settings.experiment, _variants_in(folders), anchors, folders)


def packaged_experiment(name: str) -> Experiment:
    """An experiment of the package's own, as it ships."""
    node = OmegaConf.load(CONF / "experiment" / f"{name}.yaml").experiment
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ExperimentSettings), node))
    assert isinstance(settings, ExperimentSettings)
    return checked(settings, _variants_in([CONF]), (), [CONF])


def variants_of_experiments() -> dict[str, set[str]]:
    """The variants of every experiment there is, the package's and those of `--config-dir`, by its name.

    Raises:
        BenchError: the YAML of one is not that of an experiment.
    """
    found = {}
    paths = (path for folder in config_folders() for path in sorted((folder / "experiment").glob("*.yaml")))
    for path in paths:
        try:
            node = OmegaConf.load(path).experiment
            studied = {name for study in node.studies.values() for name in study.variants}
            found[str(node.name)] = {node.get("reference", "base"), *studied}
        except (OSError, AttributeError, TypeError, YAMLError, OmegaConfBaseException) as error:
            told = str(error).splitlines()[0]
            raise BenchError(f"{path}: is no experiment ({told})") from None
    return found


def _variants_in(folders: Sequence[Path]) -> dict[str, str]:
    """The `name` of each variant by the name of its file."""
    return {
        path.stem: str(OmegaConf.select(OmegaConf.load(path), "name"))
        for folder in folders
        for path in sorted((folder / "variant").glob("*.yaml"))
    }


def config_folders() -> list[Path]:
    """Where configurations are: the package's own, then what `--config-dir` names."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return [CONF]
    sources = [Path(source.path) for source in HydraConfig.get().runtime.config_sources
               if source.schema == "file"]  # fmt: skip
    return list(dict.fromkeys([CONF, *sources]))


def anchor_nodes(settings: Settings) -> dict[str, Any]:
    """Every node of the `anchor` group by its label, the package's and those of `--config-dir`."""
    folders = config_folders()
    nodes: dict[str, Any] = {}
    outside = {"arch": settings.arch, "checkpoint": settings.checkpoint}
    for path in sorted({path for folder in folders for path in (folder / "anchor").glob("*.yaml")}):
        whole = OmegaConf.to_container(OmegaConf.merge(outside, OmegaConf.load(path)), resolve=True)
        assert isinstance(whole, dict)
        nodes |= {str(key): node for key, node in whole.items() if key not in outside}
    return nodes


def on_command_line(group: str) -> bool:
    """Whether the command line itself sets a group or something in it, as `dataset=…` or `dataset.path=…`.

    False outside of a Hydra job.
    """
    return bool(overrides_of((group,)))


def overrides_of(groups: Sequence[str]) -> list[str]:
    """The words of the command line that set one of these groups or settings, or something in it.

    None outside of a Hydra job.
    """
    from hydra.core.hydra_config import HydraConfig

    words = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    return [word for word in words if word.lstrip("+~").partition("=")[0].partition(".")[0] in groups]


def launched_by() -> str:
    """What carries out the jobs of a sweep: `basic`, `joblib`, `slurm` …; `basic` outside of a Hydra job."""
    from hydra.core.hydra_config import HydraConfig

    target = HydraConfig.get().launcher.get("_target_", "") if HydraConfig.initialized() else ""
    return str(target).rpartition(".")[2].removesuffix("Launcher").lower() or "basic"


def usable_cores() -> int:
    """Cores that this process may use; in a Slurm job those that it was given."""
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    cores = len(os.sched_getaffinity(0))
    return min(cores, int(given)) if given.isdigit() and int(given) else cores


def shared_cores() -> int:
    """Cores for this job: those that may be used, shared with the jobs of the sweep beside it."""
    return max(1, usable_cores() // jobs_at_once())


def jobs_at_once() -> int:
    """How many jobs of a sweep share this machine."""
    if launched_by() != "joblib":
        return 1
    from hydra.core.hydra_config import HydraConfig

    jobs = int(HydraConfig.get().launcher.get("n_jobs") or 1)
    return jobs if jobs > 0 else max(1, usable_cores() + 1 + jobs)


def variant_of(settings: Settings, node: dict[str, Any] | None = None) -> Variant:
    """The variant of a configuration; what its YAML leaves out is as in base."""
    node = settings.variant if node is None else node
    if not isinstance(node, dict) or not node:
        raise UsageError(f"no variant is chosen; add +variant=NAME, one of {', '.join(variant_names())}")
    base = _base_nodes(settings)
    name = node.get("name")
    if not isinstance(name, str) or not name or not name.replace("_", "").replace("-", "").isalnum():
        raise UsageError(f"variant: needs a `name` of letters, digits, - and _ (it is {name!r})")
    unknown = sorted(node.keys() - {*MODULES, "name", "paper_kmacs_px"})
    if unknown:
        raise UsageError(f"variant {name}: unknown key {unknown[0]}; there are {', '.join(MODULES)}")
    nodes = {}
    for key in MODULES:
        chosen = node.get(key, base[key])
        if not isinstance(chosen, dict) or "_target_" not in chosen:
            raise UsageError(f"variant {name}: {key} needs a `_target_`, the module's import path")
        nodes[key] = chosen
    return Variant(name, nodes, node.get("paper_kmacs_px"))


def packaged_variant(settings: Settings, name: str) -> Variant:
    """A variant of the package's own, under the model preset of `settings`."""
    return variant_of(settings, _read_variant(settings, CONF / "variant" / f"{name}.yaml"))


def variant_names() -> list[str]:
    """The package's own variants, base first."""
    names = sorted(path.stem for path in (CONF / "variant").glob("*.yaml"))
    return sorted(names, key=lambda name: (name != "base", name.startswith("combined"), name))


def structure_of(settings: Settings, variant: Variant) -> dict[str, Any]:
    """What weights must match: the structural numbers and the modules, as plain data."""
    size = {item.name: getattr(settings.model, item.name) for item in fields(settings.model)}
    for name in ("name", "restormer_blocks", "restormer_heads", "restormer_expansion"):
        del size[name]  # these reach the network through the modules' arguments, if at all
    return {"model": size, "modules": variant.nodes}


def _base_nodes(settings: Settings) -> dict[str, Any]:
    return _read_variant(settings, CONF / "variant" / "base.yaml")


def _read_variant(settings: Settings, path: Path) -> dict[str, Any]:
    joined = OmegaConf.create({"model": vars(settings.model), "variant": OmegaConf.load(path)})
    node = OmegaConf.to_container(joined.variant, resolve=True)
    assert isinstance(node, dict)
    return {str(key): value for key, value in node.items()}
