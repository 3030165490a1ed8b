import json
import os
import socket
import time
from contextlib import suppress

import pandas as pd
import pytest

from jpegai_bench.errors import BenchError
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.leases import SILENCE, Holder
from jpegai_bench.store.store import Store, read_points

UNIT = {"bpp": 0.5, "psnr_y": 30.0}
POINTS = pd.DataFrame([{"image": "001", "bpp": 0.5}])
NO_PROCESS = 2**22 + 1  # beyond the largest process id of Linux


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def statuses(store):
    return [(run.manifest["status"], run.state) for run in store.runs()]


def test_a_unit_is_found_again_and_a_damaged_one_is_not(store):
    key = content_key("work")
    assert store.unit(key) is None
    store.put_unit(key, UNIT)
    assert store.unit(key) == UNIT
    [path] = (store.root / "units").rglob("*.json")
    deep = "[" * 100_000
    wrong = ({**UNIT, "bpp": "x"}, {**UNIT, "psnr_y": [1]}, {**UNIT, "reasons": None})
    for damage in (path.read_text()[:-4], "", "[]", "{}", deep, *map(json.dumps, wrong)):
        path.write_text(damage)
        assert store.unit(key) is None
    path.unlink()
    path.mkdir()
    assert store.unit(key) is None
    assert not list(store.root.rglob("*.part"))


@pytest.mark.parametrize(
    "damage",
    ["", "[]", '{"images": ', "[" * 100_000, '{"images": ["a"]}', '{"label": 1}', '{"failures": {}}'],
)
def test_a_run_whose_manifest_is_not_what_is_written_there_is_damaged(store, damage):
    folder = store.run_folder("runs", "base", "key")
    store.write_run(folder, {"label": "base", "status": "done"}, POINTS)
    (folder / "run.json").write_text(damage)
    assert store.runs() == []
    assert [run.folder for run in store.damaged()] == [folder]


@pytest.mark.parametrize(
    ("points", "reason"), [("a,b\n1,2\n", "bpp"), ("[]", "bpp"), ("image,bpp,vmaf\na,1,x\n", "vmaf")]
)
def test_points_that_are_none_are_told_with_their_file(tmp_path, points, reason):
    path = tmp_path / "points.csv"
    path.write_text(points)
    with pytest.raises(BenchError, match=reason) as error:
        read_points(path)
    assert str(path) in str(error.value)


def test_a_key_follows_content_and_not_the_order_of_names():
    assert content_key({"a": 1, "b": 2.0}) == content_key({"b": 2.0, "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})
    assert len(content_key("x")) == 24


def test_a_run_is_on_record_from_its_start(store):
    folder = store.run_folder("runs", "base", "key")
    with store.recorded(folder, {"label": "base"}) as record:
        assert statuses(store) == [("running", "running")]
        running = json.loads((folder / "run.json").read_text())
        assert (running["host"], running["pid"]) == (socket.gethostname(), os.getpid())
        record.finish({"units_computed": 3}, POINTS, {"kmacs": 1})
    [run] = store.runs()
    assert run.done
    assert run.manifest["start"] <= run.manifest["end"]
    assert run.manifest["units_computed"] == 3
    assert run.points()["image"].tolist() == ["001"]
    assert run.complexity() == {"kmacs": 1}


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_a_run_that_raises_is_on_record_as_failed_until_it_is_done(store, error):
    folder = store.run_folder("runs", "base", "key")
    with pytest.raises(type(error)), store.recorded(folder, {}):
        raise error
    [run] = store.runs()
    assert run.state == "failed"
    assert type(error).__name__ in run.manifest["traceback"]
    with store.recorded(folder, {}) as record:
        record.finish({}, POINTS)
    [run] = store.runs()
    assert run.done
    assert "traceback" not in run.manifest


def test_a_finished_run_stays_while_the_same_is_run_again(store):
    folder = store.run_folder("runs", "base", "key")
    with store.recorded(folder, {}) as record:
        record.finish({}, POINTS)
    before = (folder / "run.json").read_bytes()
    seen = []
    with suppress(ValueError), store.recorded(folder, {}):
        seen.append((folder / "run.json").read_bytes())
        raise ValueError("disk full")
    assert seen == [before]
    assert (folder / "run.json").read_bytes() == before


def test_a_run_whose_process_is_gone_was_killed(store):
    folder = store.run_folder("runs", "base", "key")
    store.write_run(folder, {"status": "running", "host": socket.gethostname(), "pid": NO_PROCESS})
    assert statuses(store) == [("running", "killed")]
    own = Holder.this_process()
    store.write_run(folder, {"status": "running", **vars(own)})
    assert statuses(store) == [("running", "running")]
    store.write_run(folder, {"status": "running", **vars(own), "began": "before"})  # its number, not itself
    assert statuses(store) == [("running", "killed")]


def test_a_run_on_another_machine_is_gone_when_it_gives_no_sign_of_life(store):
    folder = store.run_folder("runs", "base", "key")
    store.write_run(folder, {"status": "running", "host": "another machine", "pid": NO_PROCESS})
    assert statuses(store) == [("running", "running")]
    silent = time.time() - 2 * SILENCE
    os.utime(folder / "run.json", (silent, silent))
    assert statuses(store) == [("running", "killed")]


def test_the_newest_run_of_each_label_counts(store):
    for label, key, end in (("base", "a", "2"), ("base", "b", "1"), ("combined", "c", "1")):
        folder = store.run_folder("runs", label, key)
        store.write_run(folder, {"label": label, "status": "done", "end": end, "dataset": "kodak"})
    store.write_run(store.run_folder("runs", "base", "d"), {"label": "base", "status": "failed", "end": "3"})
    (store.root / "runs/base/e").mkdir()
    (store.root / "runs/base/e/run.json").write_text("{half")
    assert [run.folder.name for run in store.latest("runs", dataset="kodak")] == ["a", "c"]
    assert list(store.latest("runs", dataset="sample")) == []


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_in_the_way_is_named(tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"file.*cannot be written.*results=PATH"):
        Store(tmp_path / "file" / below).prepare()


def test_preparing_leaves_an_empty_folder(store):
    store.prepare()
    assert list(store.root.iterdir()) == []


def test_names_of_images_stay_text_whatever_they_look_like(store):
    names = ["NA", "null", "None", "nan", "", "007", "1e3", "True", " a", 'b,"c"']
    points = pd.DataFrame({"image": names, "bpp": [0.5, *[float("nan")] * 9]})
    folder = store.run_folder("runs", "base", "key")
    store.write_run(folder, {}, points)
    pd.testing.assert_frame_equal(read_points(folder / "points.csv"), points)


def test_unreadable_points_are_named(tmp_path):
    (tmp_path / "points.csv").write_bytes(b"")
    with pytest.raises(BenchError, match=r"points\.csv: cannot be read"):
        read_points(tmp_path / "points.csv")
