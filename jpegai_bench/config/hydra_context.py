"""What Hydra composed, and from what: folders of configurations, words of the command line, the launcher."""

from pathlib import Path

from jpegai_bench.config.folders import CONF
from jpegai_bench.system.cores import usable_cores


def config_folders() -> list[Path]:
    """Where configurations are: the package's own, then what `--config-dir` names."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return [CONF]
    sources = [Path(source.path) for source in HydraConfig.get().runtime.config_sources
               if source.schema == "file"]  # fmt: skip
    return list(dict.fromkeys([CONF, *sources]))


def typed_words() -> list[str]:
    """The words of the command line that set something; none outside of a Hydra job."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def chosen_files() -> dict[str, str | None]:
    """The file that each group was composed from, but for `anchor`, a list; none outside of a Hydra job."""
    from hydra.core.hydra_config import HydraConfig

    return dict(HydraConfig.get().runtime.choices) if HydraConfig.initialized() else {}


def launched_by() -> str:
    """What carries out the jobs of a sweep: `basic`, `joblib`, `slurm` …; `basic` outside of a Hydra job."""
    from hydra.core.hydra_config import HydraConfig

    target = HydraConfig.get().launcher.get("_target_", "") if HydraConfig.initialized() else ""
    return str(target).rpartition(".")[2].removesuffix("Launcher").lower() or "basic"


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
