"""Many runs: `run` does the work of each, and `jpegai_bench.sweep` has them done."""

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import RunSettings

USAGE = Command(
    "sweep [+variant=NAME,NAME] [dataset=…] [hydra/launcher=joblib|slurm] [overrides]",
    "every variant, and any other axis; finished ones are not run again",
    """`run` for every variant, those of --config-dir too, or for those that are named, and for every
combination with further lists. What is in the store is not measured again; why a unit is, is said. One job
that fails leaves the others running and is told at the end with the command that does it again. Killed, the
same command goes on from there; two at once share out the work.

  jpegai-bench sweep dataset=kodak
  jpegai-bench sweep dataset=kodak experiment=vcip2023
  jpegai-bench sweep +variant=base,combined rates=quality,target
  jpegai-bench sweep weights=train training=ablation 'training.data=[photos]' training.seed=0,1,2

  hydra/launcher=joblib hydra.launcher.n_jobs=4     several jobs at once on this machine
  hydra/launcher=slurm shards=8                     a cluster: each variant's images shared out to 8 jobs
  fail_fast=true                                    stop at the first failure
  experiment=vcip2023                               a paper's variants; at the end its tables, plots, page""",
    settings=RunSettings,
    experiment=True,
    variant="glob(*)",
    does="run",
    results="as of run; what became of each job is in results/sweeps.",
)
