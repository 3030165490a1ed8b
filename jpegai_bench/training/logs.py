"""Where the figures of a training go: CSV files, TensorBoard, MLflow."""

import csv
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger

from jpegai_bench.errors import BenchError
from jpegai_bench.system.files import write_bytes

ROWS = "log.csv"
VALIDATION = "validation/"
"""Prefix of the figures of held-out photographs."""


class CsvLog(Logger):
    """`log.csv` and `validation.csv`: a row a step, kept over a resumption."""

    def __init__(self, folder: Path, first_step: int) -> None:
        super().__init__()
        self.folder = folder
        for name in (ROWS, "validation.csv"):
            _forget(folder / name, first_step)

    @property
    def name(self) -> str:
        """As it is chosen."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one."""
        return ""

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """They are in the checkpoint and in the weights."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row."""
        held_out = all(name.startswith(VALIDATION) for name in metrics)
        path = self.folder / ("validation.csv" if held_out else ROWS)
        row = {name.removeprefix(VALIDATION): _cell(value) for name, value in metrics.items()}
        fresh = not path.exists()
        try:
            with path.open("a", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if fresh:
                    writer.writerow(["step", *row])
                writer.writerow([step, *row.values()])
        except OSError as error:
            raise BenchError(f"{path}: cannot be written ({error.strerror})") from None


def _cell(value: float) -> str:
    return "NA" if isnan(value) else f"{value:.5g}"


def record(loggers: Sequence[Logger], figures: dict[str, float], step: int) -> None:
    """Log figures of a step.

    Raises:
        BenchError: they cannot be written.
    """
    numbers = {name: value for name, value in figures.items() if not isnan(value)}
    for logger in loggers:
        if not numbers and not isinstance(logger, CsvLog):
            continue
        with _errors_with_name(type(logger).__name__.removesuffix("Logger").lower()):
            logger.log_metrics(figures if isinstance(logger, CsvLog) else numbers, step)


def loggers(
    names: Sequence[str], folder: Path, shared: Path, identity: Mapping[str, Any], first_step: int
) -> list[Logger]:
    """The loggers that were asked for.

    Args:
        names: of `LOGGERS` in `config.training`.
        folder: of the training.
        shared: where MLflow's database is.
        identity: all that decides the weights, as plain data: the parameters of a run in MLflow, and a text
            in TensorBoard. The variant is what MLflow calls the run.
        first_step: rows of later steps are of work that was lost, and are dropped from CSV files; TensorBoard
            hides them; MLflow, which cannot forget, keeps them, and takes such a step no second time.

    Raises:
        BenchError: a logger needs a library that is not installed.
    """
    opened: list[Logger] = []
    for name in dict.fromkeys(names):
        if name == "csv":
            opened.append(CsvLog(folder, first_step))
            continue
        if find_spec(name) is None:
            raise BenchError(f"training.loggers: {name} is not installed: pip install 'jpegai-bench[{name}]'")
        if name == "tensorboard":
            lost: Any = {"purge_step": first_step + 1} if first_step else {}
            board = TensorBoardLogger(folder, name="tensorboard", version="", **lost)
            with _errors_with_name(name):
                text = "\n".join(f"    {key}: {value}" for key, value in _parameters(identity).items())
                board.experiment.add_text("settings", text, first_step)
            opened.append(board)
        else:
            with _errors_with_name(name):
                run = _mlflow(folder, shared, str(identity.get("variant", folder.name)))
                run.log_hyperparams(_parameters(identity))
            opened.append(run)
    return opened


def _parameters(identity: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Its values by their place (`recipe.steps`), without the digests of each part of the code."""
    by_place: dict[str, Any] = {}
    for name, value in identity.items():
        if isinstance(value, Mapping):
            by_place |= {} if name == "source" else _parameters(value, f"{place}{name}.")
        elif value is not None:
            by_place[f"{place}{name}"] = value
    return by_place


@contextmanager
def _errors_with_name(name: str) -> Iterator[None]:
    """What fails in another library, in one line."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise BenchError(f"training.loggers: {name} cannot be written ({first})") from None


def _mlflow(folder: Path, shared: Path, run: str) -> Logger:
    """One SQLite file for several trainings; a resumed training goes on in its own run."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow  # noqa: F401  sets the level of its own notices

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    remembered = folder / "mlflow-run"
    root = shared.resolve()

    def logger(run_id: str | None) -> _Once:
        return _Once(
            "jpegai-bench",
            run_name=run,
            tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
            artifact_location=str(root / "mlflow-artifacts"),
            run_id=run_id,
        )

    opened = logger(remembered.read_text() if remembered.exists() else None)
    try:
        identifier = opened.run_id
    except Exception:  # the database is another one than when the training began
        opened = logger(None)
        identifier = opened.run_id
    write_bytes(remembered, str(identifier).encode())
    return opened


class _Once(MLFlowLogger):
    """Leaves out steps that its run has: of a training that was killed, those after the last checkpoint."""

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self._last: dict[str, int] = {}

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log figures of a step that is not there yet; those that are told together stand for each other."""
        name = min(metrics)
        if name not in self._last:
            history = self.experiment.get_metric_history(str(self.run_id), name)
            self._last[name] = max((metric.step for metric in history), default=-1)
        step = step or 0
        if step > self._last[name]:
            super().log_metrics(metrics, step)
            self._last[name] = step


def _forget(path: Path, first_step: int) -> None:
    """Drop rows of later steps, and what a full disk left of a row."""
    if not path.exists():
        return
    header, *rows = path.read_text().splitlines() or [""]
    complete = [row for row in rows if row.count(",") == header.count(",")]
    steps = [row.partition(",")[0] for row in complete]
    kept_rows = [
        row for row, step in zip(complete, steps, strict=True) if step.isdigit() and int(step) <= first_step
    ]
    if kept_rows:
        write_bytes(path, "".join(f"{row}\n" for row in (header, *kept_rows)).encode())
    else:
        path.unlink()
