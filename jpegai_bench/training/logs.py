"""Where the figures of a training go: CSV files, TensorBoard, MLflow."""

import csv
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import Any, Protocol

from jpegai_bench.errors import BenchError
from jpegai_bench.system.files import write_bytes
from jpegai_bench.training.fabric import TensorBoardLogger

ROWS = "log.csv"
_RUN = "mlflow-run"
_EXPERIMENT = "jpegai-bench"
VALIDATION = "validation/"
"""Prefix of the figures of held-out photographs."""


class Log(Protocol):
    """Takes figures of a training; Fabric has some."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Figures of a step."""

    def finalize(self, status: str) -> None:
        """No more will come: `success` or `failed`."""
        return


class CsvLog(Log):
    """`log.csv` and `validation.csv`: a row a step, kept over a resumption."""

    def __init__(self, folder: Path, first_step: int) -> None:
        self.folder = folder
        for name in (ROWS, "validation.csv"):
            _forget(folder / name, first_step)

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
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


def record(logs: Sequence[Log], figures: dict[str, float], step: int) -> None:
    """Log figures of a step.

    Raises:
        BenchError: they cannot be written.
    """
    numbers = {name: value for name, value in figures.items() if not isnan(value)}
    for log in logs:
        if not numbers and not isinstance(log, CsvLog):
            continue
        with _errors_with_name(type(log).__name__.removesuffix("Logger").lower()):
            log.log_metrics(figures if isinstance(log, CsvLog) else numbers, step)


@contextmanager
def opened(
    names: Sequence[str], folder: Path, shared: Path, identity: Mapping[str, Any], first_step: int
) -> Iterator[list[Log]]:
    """The loggers that were asked for, while the block runs.

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
    logs: list[Log] = []
    status = "failed"
    try:
        for name in dict.fromkeys(names):
            if name != "csv" and find_spec(name) is None:
                raise BenchError(
                    f"training.loggers: {name} is not installed: pip install 'jpegai-bench[{name}]'"
                )
            with _errors_with_name(name):
                if name == "csv":
                    logs.append(CsvLog(folder, first_step))
                elif name == "tensorboard":
                    logs.append(_tensorboard(folder, identity, first_step))
                else:
                    logs.append(Mlflow(folder, shared, identity))
        yield logs
        status = "success"
    finally:
        for log in logs:
            log.finalize(status)


def _tensorboard(folder: Path, identity: Mapping[str, Any], first_step: int) -> Log:
    lost: Any = {"purge_step": first_step + 1} if first_step else {}
    board = TensorBoardLogger(folder, name="tensorboard", version="", **lost)
    text = "\n".join(f"    {key}: {value}" for key, value in _parameters(identity).items())
    board.experiment.add_text("settings", text, first_step)
    return board


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


class Mlflow(Log):
    """One SQLite file for several trainings; a resumed training goes on in its own run.

    It leaves out steps that its run has: of a training that was killed, those after the last checkpoint.
    """

    def __init__(self, folder: Path, shared: Path, identity: Mapping[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # after its import, which sets it too
        self._last: dict[str, int] = {}
        self._client = MlflowClient(f"sqlite:///{shared.resolve() / 'mlflow.db'}")
        self._run = self._resumed(folder / _RUN) or self._begun(folder, shared, identity)

    def _resumed(self, remembered: Path) -> str | None:
        """The run of before; none where the database is another one than when the training began."""
        from mlflow.exceptions import MlflowException

        try:
            run: str = self._client.get_run(remembered.read_text()).info.run_id
        except (FileNotFoundError, MlflowException):
            return None
        return run

    def _begun(self, folder: Path, shared: Path, identity: Mapping[str, Any]) -> str:
        client, artifacts = self._client, str(shared.resolve() / "mlflow-artifacts")
        known = client.get_experiment_by_name(_EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(_EXPERIMENT, artifacts)
        name = str(identity.get("variant", folder.name))
        run: str = client.create_run(experiment, run_name=name).info.run_id
        for name, value in _parameters(identity).items():
            client.log_param(run, name, str(value)[:250])
        write_bytes(folder / _RUN, run.encode())
        return run

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Log figures of a step that is not there yet; those that are told together stand for each other."""
        from mlflow.entities import Metric

        name = min(metrics)
        if name not in self._last:
            history = self._client.get_metric_history(self._run, name)
            self._last[name] = max((metric.step for metric in history), default=-1)
        if step > self._last[name]:
            now = round(1000 * time.time())
            self._client.log_batch(
                self._run, [Metric(key, value, now, step) for key, value in metrics.items()]
            )
            self._last[name] = step

    def finalize(self, status: str) -> None:
        """Mark the run as finished, or as failed."""
        self._client.set_terminated(self._run, {"success": "FINISHED", "failed": "FAILED"}[status])


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
