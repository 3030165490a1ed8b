"""What becomes of the jobs of a sweep: a file each, in whatever process or on whatever machine they run."""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from jpegai_bench.atomic import make_folder, write_bytes
from jpegai_bench.claims import Holder
from jpegai_bench.errors import BenchError

Status = Literal["running", "done", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """What a job leaves to the end of its sweep."""

    value: Any = None
    """Plain data, for whoever puts the jobs' results together."""
    cached: bool = False
    """Whether all of it was there already."""
    failures: tuple[str, ...] = ()
    """One line for each part that failed while the rest went on."""


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
    """A traceback, where a job failed by a defect."""
    seconds: float = 0.0
    holder: dict[str, Any] = field(default_factory=dict)
    """Machine and process."""


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
    ) -> Outcome:
        """Do a job and note what came of it; only what ends the whole process is raised.

        Args:
            number: of the job.
            overrides: what it was told on the command line.
            work: the job.
            explain: one line for an error of it.
            fail_fast: leave it alone where another job has failed.
        """
        begun = Outcome(number, tuple(overrides), "running", holder=vars(Holder.this_process()))
        if fail_fast and any(other.status == "failed" for other in self.outcomes()):
            return self._note(begun, status="skipped", code=1)
        self._note(begun)
        start = monotonic()
        try:
            result = work()
        except Exception as error:
            details = "" if isinstance(error, BenchError) else traceback.format_exc()
            told = (explain(error),)
            return self._note(
                begun,
                status="failed",
                failures=told,
                code=getattr(error, "status", 1),
                details=details,
                seconds=monotonic() - start,
            )
        status: Status = "failed" if result.failures else "cached" if result.cached else "done"
        return self._note(
            begun,
            status=status,
            value=result.value,
            failures=tuple(result.failures),
            code=int(bool(result.failures)),
            seconds=monotonic() - start,
        )

    def outcomes(self) -> list[Outcome]:
        """Of every job that has begun, by number; of one whose process is gone, that it failed."""
        return sorted(self._read(), key=lambda outcome: outcome.number)

    def _read(self) -> Iterator[Outcome]:
        for path in self.folder.glob("job-*.json"):
            try:
                content = json.loads(path.read_text())
                outcome = Outcome(
                    **{
                        **content,
                        "overrides": tuple(content["overrides"]),
                        "failures": tuple(content["failures"]),
                    }
                )
            except (OSError, ValueError, TypeError, KeyError):
                continue
            yield outcome

    def _note(self, begun: Outcome, **changes: Any) -> Outcome:
        outcome = Outcome(**{**asdict(begun), **changes})
        make_folder(self.folder)
        content = json.dumps(asdict(outcome), indent=1, default=str) + "\n"
        write_bytes(self.folder / f"job-{outcome.number}.json", content.encode())
        return outcome
