"""What Hydra composed, and from what: folders of configurations, words of the command line, the launcher."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jpegai_bench.config.folders import CONF
from jpegai_bench.system.cores import usable_cores

if TYPE_CHECKING:
    pass


def config_folders() -> list[Path]:
    """Where configurations are: the package's own, then what `--config-dir` names."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return [CONF]
    sources = [Path(source.path) for source in HydraConfig.get().runtime.config_sources
               if source.schema == "file"]  # fmt: skip
    return list(dict.fromkeys([CONF, *sources]))


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
