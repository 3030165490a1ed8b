"""Several jobs of one command line, by whatever Hydra launcher: none lost from sight, finished once for all.

A job notes what became of it in a file (`job_notes`), in this process, in another or on another machine. When
all have ended, what they left is put together here. With shards, a variant's images are shared out to several
jobs, which leave units in the store; a last pass records the runs from these.
"""

import multiprocessing
import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from jpegai_bench.config.command_settings import DeviceSettings
from jpegai_bench.config.composition import composed, run_hydra
from jpegai_bench.config.hydra_context import launched_by
from jpegai_bench.config.hydra_errors import explain, in_one_line
from jpegai_bench.config.overrides import folder_words, key_of, parted
from jpegai_bench.config.validation import validated
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.store.store import Store
from jpegai_bench.sweep import gpus, slurm
from jpegai_bench.sweep.job_notes import Jobs, Outcome
from jpegai_bench.sweep.job_result import How, Result
from jpegai_bench.system.console import complain, report
from jpegai_bench.system.devices import CPU, kind_of, prepare_device
from jpegai_bench.system.processes import let_programs_import, own_imports
from jpegai_bench.system.wording import count

_JOBS_AT_ONCE = 2
"""With joblib, unless it is told otherwise; they share the cores."""
_NEEDS = {
    "joblib": ("parallel", ("hydra_plugins.hydra_joblib_launcher", "joblib")),
    "slurm": ("slurm", ("hydra_plugins.hydra_submitit_launcher", "submitit")),
}
"""The extra and the modules that a launcher needs."""
_SHARED_OUT = ("shards", "shard", "hydra/launcher", "hydra.launcher")
_FOLDERS: list[Path] = []


class Watch(Callback):
    """Hydra's callback that tells where the jobs of a sweep note what became of them."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called in the process of the command line."""
        _FOLDERS.append(Path(str(config.hydra.sweep.dir)))


@dataclass(frozen=True)
class Job:
    """What Hydra calls for each combination of overrides; travels to other processes."""

    module: str
    """Of the command whose work it does, as `jpegai_bench.commands.run`."""
    words: tuple[str, ...]
    how: How = "all"

    def __call__(self, config: DictConfig) -> None:
        """Do the job, and note what came of it."""
        let_programs_import()
        hydra = HydraConfig.get()
        overrides = [str(word) for word in hydra.overrides.task]
        folder = Path(str(hydra.sweep.dir)).resolve()
        by, log = launched_by(), ""
        if by == "joblib":
            # Joblib's processes start others its own way, which those of multiprocessing do not know.
            multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
            if takes_any_gpu(config):  # noted in one place for all sweeps: a process may serve several
                gpus.take_one(folder.parent / ".gpus" / socket.gethostname(), gpus.visible())
        if by == "slurm":
            log = slurm.log_of_this_job()
        words = " ".join(word for word in overrides if not word.startswith("hydra"))
        report(f"job {hydra.job.num + 1}: {words}")
        fail_fast = bool(config.get("fail_fast"))
        with slurm.ends_on_signal() if by == "slurm" else nullcontext():
            outcome = Jobs(folder).carry_out(
                int(hydra.job.num), overrides, lambda: self._work(config), explain, fail_fast, log
            )
        for line in outcome.failures:
            complain(line)

    def _work(self, config: DictConfig) -> Result:
        module = import_module(self.module)
        settings = validated(config, module.USAGE.settings)
        if hasattr(module, "job"):
            result: Result = module.job(settings, self.how)
            return result
        if module.command(settings, *self.words) != 0:
            raise BenchError(f"{module.USAGE.name}: ended with a failure; see above")
        return Result()


def takes_any_gpu(config: DictConfig) -> bool:
    """Whether a job computes on one GPU, whichever it is: its configuration names none, nor asks for more."""
    return ":" not in str(config.device) and config.training.devices == 1


def carry_out(
    name: str,
    module: str,
    words: Sequence[str],
    overrides: Sequence[str],
    unusable: int = 0,
    trainer: str = "",
) -> int:
    """Do a command for each combination of overrides, put together what the jobs left, tell how it went.

    Args:
        name: as the command line has it.
        module: whose work it does, as `Job` has it.
        words: its positional words.
        overrides: as on the command line, sweeps and `-m` among them.
        unusable: variants that were asked for and are not among them, which the summary counts too.
        trainer: the module that trains before shards measure; empty of a command that has no shards.

    Returns:
        The exit status: 1 where a job failed.
    """
    overrides = _launchable(overrides)
    shards = _value(overrides, "shards")
    if shards in (None, "1") or not trainer:
        outcomes, trouble = _pass(Job(module, tuple(words)), overrides)
    else:
        outcomes, trouble = _sharded(module, trainer, overrides, str(shards))
    command = import_module(module)
    if hasattr(command, "finish"):
        command.finish([outcome.value for outcome in outcomes if outcome.value is not None])
    flags = [word for word in parted(overrides)[1] if word not in ("-m", "--multirun")]
    _report_outcomes(name, flags, outcomes, unusable)
    if trouble:
        complain(str(trouble))
    lost = [1 for outcome in outcomes if not outcome.has_ended]
    return max([0, *lost, *(outcome.code for outcome in outcomes), trouble.status if trouble else 0])


def require_pictures_and_device(words: Sequence[str]) -> None:
    """Look for the pictures and the GPU that all jobs have in common: one word for all, before any begins.

    Raises:
        BenchError: they are not there.
    """
    if "hydra/launcher=slurm" in words:  # whose disks and devices may be others
        return
    from jpegai_bench.images.datasets import load

    given = {word: key_of(word).partition(".")[0] for word in words}
    given = {word: key for word, key in given.items() if key in ("dataset", "device", "results")}
    with in_one_line(words):
        parsed = OverridesParser.create().parse_overrides(list(given))
    swept = {key for key, word in zip(given.values(), parsed, strict=True) if word.is_sweep_override()}

    def look(settings: DeviceSettings) -> None:
        if "dataset" not in swept:
            load(settings.dataset.name, settings.dataset.path)
        if swept.isdisjoint(("device", "results")):
            _require_device(settings)

    common_words = [word for word, key in given.items() if key not in swept]
    composed([*common_words, *folder_words(words)], look, DeviceSettings)


def _require_device(settings: DeviceSettings) -> None:
    """Where the store holds runs by such a device, each job looks for itself: it may find all it asks for."""
    if settings.device == CPU:
        return
    store, kind = Store(settings.results), kind_of(settings.device)
    runs = (*store.runs("runs"), *store.runs("anchors"))
    if not any((run.manifest.get("codec") or {}).get("device") == kind for run in runs):
        prepare_device(settings.device)


def _launchable(overrides: Sequence[str]) -> list[str]:
    """The overrides, with what the chosen launcher is told besides.

    Raises:
        BenchError: it is not installed.
    """
    launcher = _value(overrides, "hydra/launcher")
    extra, modules = _NEEDS.get(launcher or "", ("", ()))
    if not all(map(find_spec, modules)):
        raise BenchError(f"hydra/launcher={launcher} is not installed; pip install 'jpegai-bench[{extra}]'")
    if launcher == "joblib" and _value(overrides, "hydra.launcher.n_jobs") is None:
        return [f"hydra.launcher.n_jobs={_JOBS_AT_ONCE}", *overrides]
    return list(overrides)


def _sharded(
    module: str, trainer: str, overrides: list[str], shards: str
) -> tuple[list[Outcome], BenchError | None]:
    """Train where that is asked for, measure shards of all variants, and record the runs from the units."""
    if not shards.isdigit() or int(shards) < 1:
        raise UsageError(f"shards={shards}: give a number of jobs, as shards=4")
    if _value(overrides, "weights") == "train":
        trained, trouble = _pass(Job(trainer, ()), [word for word in overrides if key_of(word) != "weights"])
        if trouble or any(outcome.status not in ("done", "cached") for outcome in trained):
            return trained, trouble
    in_shards = [f"shard=range(0,{int(shards)})", *overrides]
    measured, trouble = _pass(Job(module, (), "shard"), in_shards)
    if trouble:
        return measured, trouble
    report("recording the runs from the units that the shards left")
    local_words = [word for word in overrides if not key_of(word).startswith(_SHARED_OUT)]
    recorded, trouble = _pass(Job(module, (), "gather"), local_words)
    failed = [outcome for outcome in measured if outcome.status not in ("done", "cached")]
    return [*failed, *recorded], trouble


def _pass(job: Job, overrides: list[str]) -> tuple[list[Outcome], BenchError | None]:
    """Launch the jobs; what became of them, and what kept some from being begun."""
    before = len(_FOLDERS)
    trouble = None
    if not any(key_of(word) == "hydra.sweep.dir" for word in overrides):
        folder_name = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}-{before}"
        overrides = [f"hydra.sweep.dir=${{results}}/sweeps/{folder_name}", *overrides]
    try:
        with own_imports():
            run_hydra(job, overrides)
    except BenchError as error:
        trouble = error
    except KeyboardInterrupt:
        ended = [o for o in Jobs(_FOLDERS[-1]).outcomes() if o.has_ended] if len(_FOLDERS) > before else []
        report(f"{count(len(ended), 'job')} had ended")
        raise
    except Exception as error:
        if type(error).__name__ != "TerminatedWorkerError":  # joblib's
            raise
        trouble = BenchError(
            "the process of a job was killed, perhaps for want of memory, and joblib ended the others; "
            "the same command goes on from there, with fewer at once by hydra.launcher.n_jobs=1"
        )
    if len(_FOLDERS) == before:
        raise trouble or BenchError("no job was begun")
    outcomes = Jobs(_FOLDERS[-1]).outcomes()
    return outcomes, trouble


def _report_outcomes(command: str, flags: Sequence[str], outcomes: Sequence[Outcome], unusable: int) -> None:
    """How the jobs went, on stderr."""
    lost = [outcome if outcome.has_ended else replace(outcome, status="lost") for outcome in outcomes]
    counts = {status: sum(outcome.status == status for outcome in lost) for status in _STATUS_WORDS}
    summary = ", ".join(f"{count} {_STATUS_WORDS[status]}" for status, count in counts.items() if count)
    without = f"; {count(unusable, 'variant')} not there or not readable" if unusable else ""
    report(f"{count(len(outcomes), 'job')}: {summary or 'none begun'}{without}")
    for outcome in outcomes:
        if outcome.status not in ("done", "cached", "skipped"):
            why = outcome.failures[0] if outcome.failures else "its process ended without a word"
            more = f" (and {len(outcome.failures) - 1} more)" if len(outcome.failures) > 1 else ""
            places = {"log": outcome.log, "traceback": outcome.note if outcome.details else ""}
            where = "".join(f"\n  {label}: {place}" for label, place in places.items() if place)
            again = shlex.join(["jpegai-bench", command, *outcome.overrides, *flags])
            report(f"failed: {why}{more}{where}\n  again: {again}", always=True)


_STATUS_WORDS = {
    "done": "done",
    "cached": "cached",
    "failed": "failed",
    "lost": "ended without a word",
    "skipped": "left out after a failure",
}


def _value(overrides: Sequence[str], key: str) -> str | None:
    return next((word.partition("=")[2] for word in reversed(overrides) if key_of(word) == key), None)
