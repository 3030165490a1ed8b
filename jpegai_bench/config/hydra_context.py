"""What Hydra composed, and from what: folders of configurations, words of the command line, the launcher."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from jpegai_bench.config.folders import CONF
from jpegai_bench.system.cores import usable_cores


def config_folders() -> list[Path]:
    """Where configurations are: the package's own, then what `--config-dir` names."""
    hydra = _hydra()
    sources = hydra.runtime.config_sources if hydra else ()
    return list(dict.fromkeys([CONF, *(Path(source.path) for source in sources if source.schema == "file")]))


def typed_words() -> list[str]:
    """The words of the command line that set something; none outside of a Hydra job."""
    hydra = _hydra()
    return list(hydra.overrides.task) if hydra else []


def chosen_files() -> dict[str, str | None]:
    """The file that each group was composed from, but for `anchor`, a list; none outside of a Hydra job."""
    hydra = _hydra()
    return dict(hydra.runtime.choices) if hydra else {}


def launched_by() -> str:
    """What carries out the jobs of a sweep: `basic`, `joblib`, `slurm` …; `basic` outside of a Hydra job."""
    hydra = _hydra()
    target = str(hydra.launcher.get("_target_", "")) if hydra else ""
    return target.rpartition(".")[2].removesuffix("Launcher").lower() or "basic"


def shared_cores() -> int:
    """Cores for this job: those that may be used, shared with the jobs of the sweep beside it."""
    cores, jobs = usable_cores(), 1
    if launched_by() == "joblib":
        jobs = int(_hydra().launcher.get("n_jobs") or 1)
    if jobs < 0:  # as joblib counts: -1 are as many as there are cores
        jobs = max(1, cores + 1 + jobs)
    return max(1, cores // jobs)


def _hydra() -> Any:
    """Hydra's own part of the configuration; None outside of a Hydra job."""
    return HydraConfig.get() if HydraConfig.initialized() else None
