"""The launcher of `hydra/launcher=slurm`; Hydra takes launchers only from below `hydra_plugins`."""

from collections.abc import Sequence
from contextlib import suppress

from hydra.core.utils import JobReturn

with suppress(ImportError):  # without the extra `slurm` there is nothing to find here
    from hydra_plugins.hydra_submitit_launcher import submitit_launcher

    class SlurmLauncher(submitit_launcher.SlurmLauncher):
        """Submitit's, but none of the jobs is lost from sight, whatever becomes of another one."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Submit the jobs, and come back when all have ended."""
            from jpegai_bench.sweep import slurm

            slurm.launch(self, job_overrides, initial_job_idx)
            return []
