import math
from dataclasses import replace

import pytest
from messages import refused
from trainings import OPERATION, RECIPE, rows, train

from jpegai_bench.errors import BenchError
from jpegai_bench.training.logs import VALIDATION, CsvLog, opened, record


def log(folder, first_step, steps):
    made = CsvLog(folder, first_step)
    for step in steps:
        record([made], {"loss": step / 3, "bpp": 0.25}, step)
        if step % 2 == 0:
            record([made], {f"{VALIDATION}bpp_q0": 0.5 * step}, step)


def steps_of(path):
    return [int(row["step"]) for row in rows(path)]


def test_figures_and_those_of_held_out_photographs_go_to_files_of_their_own(tmp_path):
    log(tmp_path, 0, [1, 2])
    assert (tmp_path / "log.csv").read_text() == "step,loss,bpp\n1,0.33333,0.25\n2,0.66667,0.25\n"
    assert (tmp_path / "validation.csv").read_text() == "step,bpp_q0\n2,1\n"


def test_rows_of_work_that_was_lost_are_written_again(tmp_path):
    log(tmp_path, 0, range(1, 8))
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    log(tmp_path, 3, range(4, 8))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole


def test_where_all_was_lost_the_log_begins_anew(tmp_path):
    log(tmp_path, 0, [1])
    log(tmp_path, 0, [1, 2])
    assert steps_of(tmp_path / "log.csv") == [1, 2]


@pytest.mark.parametrize("torn", ["", "st", "step,loss,bpp", "step,loss,bpp\n1,0.33333,0.25\n1"])
def test_what_a_full_disk_left_of_a_row_is_dropped(tmp_path, torn):
    (tmp_path / "log.csv").write_text(torn)
    log(tmp_path, 12, [13])
    found = rows(tmp_path / "log.csv")
    assert [int(row["step"]) for row in found] in ([13], [1, 13])
    assert found[-1] == {"step": "13", "loss": "4.3333", "bpp": "0.25"}


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    made = CsvLog(tmp_path, 0)
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(BenchError, match=r"log\.csv: cannot be written"):
        record([made], {"loss": 1.0}, 1)


def test_a_library_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(__import__("sys").modules, "tensorboard", raising=False)
    wanted = opened(["tensorboard"], tmp_path, tmp_path, {}, 0)
    with refused("tensorboard", "pip install 'jpegai-bench[tensorboard]"), wanted:
        pass


def test_a_logger_that_is_named_twice_logs_once(photographs, tmp_path):
    train(photographs, tmp_path, operation=replace(OPERATION, loggers=("csv", "csv")))
    assert steps_of(tmp_path / "log.csv") == [1, 2, 3, 4, 5, 6]


def test_tensorboard_shows_each_step_of_a_resumed_training_once(photographs, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    operation = replace(OPERATION, loggers=("tensorboard", "csv"), validate_every=3)
    train(photographs, tmp_path, operation=operation, stop_at=5)
    train(photographs, tmp_path, operation=operation)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = rows(tmp_path / "log.csv")
    for name in ("loss", "bpp", "psnr_y", "waiting"):
        assert [event.step for event in events.Scalars(name)] == [1, 2, 3, 4, 5, 6]
    for event, row in zip(events.Scalars("loss"), found, strict=True):
        assert event.value == pytest.approx(float(row["loss"]), rel=1e-4)
    assert [event.step for event in events.Scalars("validation/bpp_q2")] == [3, 6]
    [begun, resumed] = events.Tensors("settings/text_summary")
    assert (begun.step, resumed.step) == (0, 4)
    told = resumed.tensor_proto.string_val[0].decode().split("\n")
    assert "    variant: tiny" in told
    assert "    recipe.steps: 6" in told


def test_mlflow_has_each_step_of_a_resumed_training_once_in_one_run_below_its_folder(
    photographs, tmp_path, monkeypatch
):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    # The only checkpoint is that of the start: four steps are lost, then five, and done again.
    operation = replace(OPERATION, loggers=("mlflow",), validate_every=2, checkpoint_seconds=1e9)
    for step in (4, 5, None):
        train(photographs, tmp_path / "run", operation=operation, stop_at=step)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    client = MlflowClient(f"sqlite:///{tmp_path}/run/mlflow.db")
    [experiment] = client.search_experiments(filter_string="name = 'jpegai-bench'")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["mlflow.runName"] == "tiny"
    assert run.data.params == {
        "variant": "tiny",
        **{f"recipe.{name}": str(value) for name, value in RECIPE.as_dict().items()},
    }
    logged = {
        name: [metric.step for metric in client.get_metric_history(run.info.run_id, name)]
        for name in ("loss", "learning_rate", "validation/psnr_y_q0")
    }
    assert logged == {
        "loss": [1, 2, 3, 4, 5, 6],
        "learning_rate": [1, 2, 3, 4, 5, 6],
        "validation/psnr_y_q0": [2, 4, 6],
    }


@pytest.mark.slow
def test_mlflow_begins_a_run_where_the_one_of_before_is_in_another_database(photographs, tmp_path):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    folder = tmp_path / "moved"
    folder.mkdir()
    (folder / "mlflow-run").write_text("0123456789abcdef0123456789abcdef")
    train(photographs, folder, replace(RECIPE, steps=1), replace(OPERATION, loggers=("mlflow",)))
    [run] = MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"])
    assert (folder / "mlflow-run").read_text() == run.info.run_id


def test_what_was_not_computed_is_na_in_the_file_and_told_to_no_other_logger(tmp_path):
    told = []

    class Other:
        def log_metrics(self, *words):
            told.append(words)

        def finalize(self, status):
            pass

    record([CsvLog(tmp_path, 0), Other()], {"loss": 1.0, "ms_ssim": math.nan}, 1)
    assert told == [({"loss": 1.0}, 1)]
    assert rows(tmp_path / "log.csv") == [{"step": "1", "loss": "1", "ms_ssim": "NA"}]
