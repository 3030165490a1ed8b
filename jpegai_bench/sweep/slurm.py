"""Jobs of a sweep on a Slurm cluster: submitted through submitit as one array, watched until all have ended.

Slurm's accounting is not needed: the queue tells which jobs are alive, and each job notes what became of it.
"""

import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jpegai_bench.errors import BenchError
from jpegai_bench.sweep.job_notes import Jobs, Outcome
from jpegai_bench.system.console import report, say
from jpegai_bench.system.signals import answered
from jpegai_bench.system.wording import count

if TYPE_CHECKING:
    import submitit
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher

_EVERY = 5.0
"""Seconds between two looks at the queue; longer with many jobs."""
_LATE = 30.0
"""Seconds in which a shared file system may show a file that another machine has written."""
_OF_EXECUTOR = ("submitit_folder", "max_num_timeout")
_OF_ALL = (
    "timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name",
    "stderr_to_stdout",
)  # fmt: skip
"""What submitit calls alike on any cluster; the rest are sbatch's own."""


def launch(launcher: "SlurmLauncher", job_overrides: Sequence[Sequence[str]], first: int) -> None:
    """Submit a job for each list of overrides, tell how they go, and return when all have ended.

    Args:
        launcher: submitit's, set up by Hydra; what it does when it is called is the job.
        job_overrides: those of each job.
        first: the number of the first one.

    Raises:
        BenchError: there is no Slurm here, or it does not take the jobs.
    """
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise BenchError(
            "hydra/launcher=slurm: there is no sbatch here; run it on a machine that submits to the cluster, "
            "or with hydra/launcher=joblib on this one alone"
        )
    assert launcher.config is not None
    jobs = Jobs(Path(str(launcher.config.hydra.sweep.dir)).resolve())
    for number, overrides in enumerate(job_overrides, first):
        jobs.queue(number, overrides)
    submitted = _submit(launcher, job_overrides, first)
    array = submitted[first].job_id.partition("_")[0]
    many = count(len(submitted), "job")
    report(
        f"{many} submitted to Slurm as {array}; logs: {jobs.folder}/.submitit; "
        f"Ctrl-C cancels them, as does scancel {array}"
    )
    try:
        _watch(submitted, jobs)
    except KeyboardInterrupt:
        _output_of("scancel", "--quiet", array)
        report(f"{many} cancelled: scancel {array}")
        raise


def log_of_this_job() -> str:
    """Where what this process says goes; it must be a job of submitit."""
    import submitit

    return str(submitit.JobEnvironment().paths.stdout)


def ends_on_signal() -> AbstractContextManager[None]:
    """End at once and leave no note where Slurm ends this job: it will be put back, or is cancelled.

    What Slurm sends reaches all processes of the job. One that went on without its workers would take it for
    a failure of its own.
    """
    return answered(signal.SIGTERM, lambda *_: sys.exit("ended by Slurm"))


def _submit(
    launcher: "SlurmLauncher", job_overrides: Sequence[Sequence[str]], first: int
) -> dict[int, "submitit.Job[Any]"]:
    """The jobs in Slurm's hands, by their numbers in the sweep."""
    import submitit
    from hydra.core.singleton import Singleton

    params = dict(launcher.params)
    folder, timeouts = (params.pop(name) for name in _OF_EXECUTOR)
    settings = {name if name in _OF_ALL else f"slurm_{name}": value for name, value in params.items()}
    tasks = [
        (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state())
        for number, overrides in enumerate(job_overrides, first)
    ]
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster="slurm", slurm_max_num_timeout=timeouts)
        executor.update_parameters(**settings)
        return dict(enumerate(executor.map_array(launcher, *zip(*tasks, strict=True)), first))
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
        lines = [line for line in str(error).splitlines() if line.startswith("sbatch: ")]
        why = lines[0] if lines else str(error).partition("\n")[0]
        raise BenchError(f"Slurm does not take the jobs: {why}; hydra.launcher.… sets sbatch's") from None


def _watch(submitted: Mapping[int, "submitit.Job[Any]"], jobs: Jobs) -> None:
    """Tell each step of each job until all have ended; one that left no word is noted as lost."""
    states: dict[int, str] = {}
    names = _names(jobs.outcomes())
    alive = dict(submitted)
    absent: set[int] = set()
    while alive:
        queue = _queue()
        for number, job in list(alive.items()):
            state = queue.get(job.job_id, "") if queue is not None else states.get(number, "")
            ended = job.paths.result_pickle.exists()
            # A job that is put back may be missing for a moment.
            if ended or (queue is not None and not state and number in absent):
                del alive[number]
                state = _end(number, job, jobs)
            elif queue is not None and not state:
                absent.add(number)
                continue
            else:
                absent.discard(number)
            if state and state != states.get(number):
                report(f"job {number + 1} ({job.job_id}){names.get(number, '')}: {state}")
                states[number] = state
        if alive:
            time.sleep(max(_EVERY, len(alive) / 20))


def _names(outcomes: Sequence[Outcome]) -> dict[int, str]:
    """What of its overrides tells each job from the others."""
    of_all = set.intersection(*(set(outcome.overrides) for outcome in outcomes))
    return {
        outcome.number: "".join(f" {word}" for word in outcome.overrides if word not in of_all)
        for outcome in outcomes
    }


def _end(number: int, job: "submitit.Job[Any]", jobs: Jobs) -> str:
    """What became of a job that has ended; where it left no word, that is noted."""
    end = time.monotonic() + (_LATE if job.paths.result_pickle.exists() else 0)
    while True:
        for note in jobs.outcomes():
            if note.number == number and note.has_ended:
                return f"{note.status}, {note.seconds:.0f} s"
        if time.monotonic() >= end:
            break
        time.sleep(1)
    details = _traceback_of(job.paths.result_pickle)
    state = _output_of("squeue", "--noheader", "--states=all", "--format=%T", "--jobs", job.job_id) or ""
    state_text = state.strip().lower().replace("_", " ").partition("\n")[0]
    ended = f"ended without a word{f' ({state_text})' if state_text else ''}"
    why = f"job {job.job_id} {details.splitlines()[-1] if details else ended}"
    jobs.lose(number, why, str(job.paths.stdout), details)
    return "lost"


def _traceback_of(result: Path) -> str:
    """What submitit itself failed with in a job; empty where it did not."""
    try:
        outcome, value = pickle.loads(result.read_bytes())
    except (OSError, ValueError, EOFError, pickle.UnpicklingError):
        return ""
    return str(value).strip() if outcome == "error" else ""


def _queue() -> dict[str, str] | None:
    """State of each job of this user that is not over, by Slurm's number; None without an answer."""
    listed = _output_of("squeue", "--me", "--noheader", "--array", "--format=%i %T")
    if listed is None:
        return None
    rows = (line.split() for line in listed.splitlines())
    return {row[0]: row[1].lower().replace("_", " ") for row in rows if len(row) == 2}


_unanswered = False


def _output_of(*command: str) -> str | None:
    """What a command of Slurm prints; None where it fails, which is said once."""
    global _unanswered
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    else:
        if completed.returncode == 0:
            _unanswered = False
            return completed.stdout
        problem = (completed.stderr.strip().splitlines() or [f"exit {completed.returncode}"])[-1]
    if not _unanswered and command[:2] == ("squeue", "--me"):
        _unanswered = True
        say(f"Slurm does not answer ({problem}); the jobs go on, waiting for it")
    return None
