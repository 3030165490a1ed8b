"""What Hydra composed, and from what: folders of configurations, words of the command line, the launcher."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

if TYPE_CHECKING:
    from jpegai_bench.config import Settings

CONF = Path(__file__).parent / "conf"
"""The package's own configurations."""


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


def anchor_nodes(settings: "Settings") -> dict[str, Any]:
    """Every node of the `anchor` group by its label, the package's and those of `--config-dir`."""
    folders = config_folders()
    nodes: dict[str, Any] = {}
    outside = {"arch": settings.arch, "checkpoint": settings.checkpoint}
    for path in sorted({path for folder in folders for path in (folder / "anchor").glob("*.yaml")}):
        whole = OmegaConf.to_container(OmegaConf.merge(outside, OmegaConf.load(path)), resolve=True)
        assert isinstance(whole, dict)
        nodes |= {str(key): node for key, node in whole.items() if key not in outside}
    return nodes
