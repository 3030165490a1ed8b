"""What becomes of the jobs of a sweep: a file each, in whatever process or on whatever machine they run."""

import json
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from jpegai_bench.errors import BenchError
from jpegai_bench.store.leases import Holder
from jpegai_bench.sweep.job_result import Result
from jpegai_bench.system.files import json_object, make_folder, write_bytes

Status = Literal["queued", "running", "done", "cached", "failed", "lost", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """A job of a sweep, as it stands on disk."""

    number: int
    """From 0, in the order in which the jobs were begun."""
    overrides: tuple[str, ...]
    """What the job was told on the command line."""
    status: Status
    value: Any = None
    failures: tuple[str, ...] = ()
    """One line for each thing that went wrong; of a job that failed altogether, the first is why."""
    code: int = 0
    """The exit status that it would have alone."""
    details: str = ""
    """A traceback, where a job failed altogether."""
    log: str = ""
    """The file that has what it said, where that is not the terminal."""
    seconds: float = 0.0
    holder: dict[str, Any] = field(default_factory=dict)
    """Machine and process."""
    note: str = ""
    """The file that it was read from."""

    @property
    def has_ended(self) -> bool:
        """Whether it noted itself what became of it."""
        return self.status not in ("queued", "running")


class Jobs:
    """The folder in which the jobs of one sweep note what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def carry_out(
        self,
        number: int,
        overrides: Sequence[str],
        work: Callable[[], Result],
        explain: Callable[[Exception], str] = str,
        fail_fast: bool = False,
        log: str = "",
    ) -> Outcome:
        """Do a job and note what came of it; only what ends the whole process is raised.

        Args:
            number: of the job.
            overrides: what it was told on the command line.
            work: the job.
            explain: one line for an error of it.
            fail_fast: leave it alone where another job has failed.
            log: the file that has what it says, where that is not the terminal.
        """
        holder = vars(Holder.this_process())
        begun = Outcome(number, tuple(overrides), "running", log=log, holder=holder)
        if fail_fast and any(outcome.status == "failed" for outcome in self.outcomes()):
            return self._note(begun, status="skipped", code=1)
        self._note(begun)
        start = monotonic()
        try:
            result = work()
        except Exception as error:
            return self._note(
                begun,
                status="failed",
                failures=(explain(error),),
                code=getattr(error, "status", 1),
                details=_traceback(error),
                seconds=monotonic() - start,
            )
        status: Status = "failed" if result.failures else "cached" if result.cached else "done"
        return self._note(
            begun,
            status=status,
            value=result.value,
            failures=result.failures,
            code=int(bool(result.failures)),
            seconds=monotonic() - start,
        )

    def queue(self, number: int, overrides: Sequence[str]) -> None:
        """Note a job that another machine will begin, so that it is missed where it never does."""
        self._note(Outcome(number, tuple(overrides), "queued"), code=1)

    def lose(self, number: int, why: str, log: str, details: str = "") -> None:
        """Note that a job ended without a word of its own.

        Args:
            number: of the job.
            why: what is known of its end.
            log: the file that has what it said.
            details: a traceback, where there is one.
        """
        for outcome in self.outcomes():
            if outcome.number == number and not outcome.has_ended:
                self._note(outcome, status="lost", failures=(why,), code=1, log=log, details=details)

    def outcomes(self) -> list[Outcome]:
        """Of every job that is queued or has begun, by number; of one whose process is gone, `running`."""
        outcomes = []
        for path in self.folder.glob("job-*.json"):
            content = json_object(path) or {}
            with suppress(TypeError, KeyError):  # it is no such file
                texts = {name: tuple(content[name]) for name in ("overrides", "failures")}
                outcomes.append(Outcome(**{**content, **texts, "note": str(path)}))
        return sorted(outcomes, key=lambda outcome: outcome.number)

    def _note(self, begun: Outcome, **changes: Any) -> Outcome:
        outcome = replace(begun, **changes)
        make_folder(self.folder)
        content = json.dumps(asdict(outcome), indent=1, default=str) + "\n"
        write_bytes(self.folder / f"job-{outcome.number}.json", content.encode())
        return outcome


def _traceback(error: BaseException) -> str:
    """With what a message in one line leaves out: where in a module of the user's it was raised.

    Nothing where the message says all.
    """
    if isinstance(error, BenchError) and error.__context__ is None:
        return ""
    link: BaseException | None = error
    while link is not None:
        link.__suppress_context__ = False
        link = link.__context__
    return "".join(traceback.format_exception(error))
