"""An experiment: which variants are studied together, against what, and what a paper says of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from jpegai_bench.config.folders import CONF, PUBLISHED
from jpegai_bench.config.schema import ExperimentSettings, Settings
from jpegai_bench.config.setting_names import choices
from jpegai_bench.errors import BenchError, hint

BASE = ExperimentSettings.reference
"""The variant that others are compared with, where nothing else is said."""


@dataclass(frozen=True)
class Ablation:
    """A study: its variants, the reference first."""

    name: str
    title: str
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """An experiment whose variants and files are there."""

    name: str
    title: str
    reference: str
    studies: tuple[Ablation, ...]
    anchors: tuple[str, ...]
    """Labels of the codecs that BD-rates are taken against, the main one first."""
    training_noise: float | None = None
    """Percent of BD-rate that somebody puts chance in training at; quoted, no verdict rests on it."""
    training_noise_source: str = ""
    measured_noise: Path | None = None
    """CSV with what seeds measured of it: `report/gather/training_noise.py`."""
    published: Path | None = None
    """CSV with the figures of the paper: `report/gather/published_figures.py`."""
    config_folders: tuple[str, ...] = field(default=(), compare=False)
    """What `--config-dir` names: commands that make missing runs need it."""

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Experiment":
        """From what `dataclasses.asdict` and JSON make of one."""
        studies = tuple(Ablation(s["name"], s["title"], tuple(s["variants"])) for s in plain["studies"])
        files = {name: Path(plain[name]) if plain[name] else None for name in ("published", "measured_noise")}
        rows = {name: tuple(plain[name]) for name in ("anchors", "config_folders")}
        return cls(**{**plain, **rows, **files, "studies": studies})

    @property
    def variants(self) -> tuple[str, ...]:
        """All its variants once, in order, the reference first: what a sweep runs."""
        return tuple(dict.fromkeys(name for study in self.studies for name in study.variants))


def _checked(settings: ExperimentSettings, anchors: Sequence[str], folders: Sequence[Path]) -> Experiment:
    """The experiment of a configuration.

    Args:
        settings: the node.
        anchors: labels of the chosen codecs.
        folders: where configurations are, the package's first; figures of a paper lie beside the YAML.

    Raises:
        BenchError: a variant or the file of figures is not there, in one line.
    """
    where = f"experiment {settings.name}"
    variants = _variants_in(folders, settings)
    studies = []
    for name, study in settings.studies.items():
        names = tuple(dict.fromkeys((settings.reference, *study.variants)))
        for variant in names:
            _require_variant(f"{where}: study {name}", variant, variants)
        studies.append(Ablation(name, study.title or name, names))
    return Experiment(
        settings.name,
        settings.title or settings.name,
        settings.reference,
        tuple(studies),
        tuple(anchors),
        settings.training_noise,
        settings.training_noise_source,
        _file(f"{where}: measured_noise", settings.measured_noise, folders),
        _file(f"{where}: published", settings.published, folders),
        tuple(str(folder) for folder in folders[1:]),
    )


def experiment_of(settings: Settings) -> Experiment:
    """The experiment of a configuration; its `variants` are what it runs, in order.

    Raises:
        BenchError: none is chosen, or a variant or a file that it names is not there.
    """
    folders = settings.config_folders
    if settings.experiment is None:
        names = ", ".join(choices("experiment", folders))
        raise BenchError(f"no experiment is chosen; add experiment=NAME, one of {names}")
    anchors = [
        str(node.get("name", label)) if isinstance(node, dict) else label
        for label, node in settings.anchor.items()
    ]
    return _checked(settings.experiment, anchors, folders)


def packaged_experiment(name: str) -> Experiment:
    """An experiment of the package's own, as it ships."""
    node = OmegaConf.load(CONF / "experiment" / f"{name}.yaml").experiment
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ExperimentSettings), node))
    assert isinstance(settings, ExperimentSettings)
    return _checked(settings, (), [CONF])


def variants_of_experiments(folders: Iterable[Path]) -> dict[str, set[str]]:
    """The variants of every experiment in these folders of configurations, by its name.

    Raises:
        BenchError: the YAML of one is not that of an experiment.
    """
    by_name = {}
    paths = (path for folder in folders for path in sorted((folder / "experiment").glob("*.yaml")))
    for path in paths:
        try:
            node = OmegaConf.load(path).experiment
            studied = {name for study in node.studies.values() for name in study.variants}
            by_name[str(node.name)] = {node.get("reference", BASE), *studied}
        except (OSError, AttributeError, TypeError, YAMLError, OmegaConfBaseException) as error:
            reason = str(error).splitlines()[0]
            raise BenchError(f"{path}: is no experiment ({reason})") from None
    return by_name


def _variants_in(folders: Sequence[Path], settings: ExperimentSettings) -> dict[str, str]:
    """The `name` of each variant by the name of its file; only those of the experiment are read.

    Raises:
        BenchError: one of these cannot be read.
    """
    names = {settings.reference, *(name for study in settings.studies.values() for name in study.variants)}
    paths = [path for folder in folders for path in sorted((folder / "variant").glob("*.yaml"))]
    return {path.stem: _name_in(path) if path.stem in names else path.stem for path in paths}


def _name_in(path: Path) -> str:
    try:
        return str(OmegaConf.select(OmegaConf.load(path), "name"))
    except (OSError, YAMLError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None


def _require_variant(where: str, variant: str, variants: Mapping[str, str]) -> None:
    if variant not in variants:
        problem = f"no variant {variant!r}{hint(variant, variants)}"
        raise BenchError(f"{where}: {problem}; there are {', '.join(sorted(variants))}")
    if variants[variant] != variant:
        raise BenchError(
            f"{where}: variant/{variant}.yaml says name: {variants[variant]}; in an experiment the file and "
            "its name must agree"
        )


def _file(where: str, name: str | None, folders: Sequence[Path]) -> Path | None:
    if name is None:
        return None
    places = [*(folder / "experiment" / name for folder in reversed(folders)), PUBLISHED / name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        beside = ", ".join(str(place.parent) for place in places[: len(folders) - 1])
        problem = f"neither in {beside} nor among those that ship" if beside else "not among those that ship"
        raise BenchError(f"{where}: {name} is {problem}; put it beside the experiment's YAML")
    return path
