import pytest

from jpegai_bench.runner.reason_to_measure import reason_to_measure

RUN = {
    "codec": {"shared_weights": "aa", "synthesis_weights": "bb", "source": "1"},
    "sources": {"RNAB": "1", "my/gate.py": "2"},
    "metrics": {"torch": "2.6"},
    "images": {"a": "pixels a", "b": "pixels b"},
    "rates": "quality",
    "qualities": [0.0, 1.0],
    "start": "1",
    "status": "done",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codec": {**RUN["codec"], "synthesis_weights": "cc"}}, "synthesis weights changed (bb to cc)"),
        (
            {"codec": {**RUN["codec"], "source": "2"}, "sources": {**RUN["sources"], "my/gate.py": "3"}},
            "source changed: my/gate.py",
        ),
        ({"metrics": {"torch": "2.7"}}, "metrics changed: torch"),
        ({"images": {"a": "other", "b": "pixels b"}}, "other pixels: a"),
        ({"images": {**RUN["images"], "c": "pixels c"}}, "new images: c"),
        ({"images": {f"{n}": f"{n}" for n in range(9)}}, "new images: 0, 1, 2 and 6 more"),
        ({"qualities": [0.0, 0.5, 1.0]}, "new qualities: 0.5"),
        ({"rates": "target", "targets": [0.25], "qualities": None}, "new targets: 0.25"),
        ({}, "units were removed"),
    ],
)
def test_what_differs_from_the_nearest_run_is_named(change, said):
    far = {**RUN, "codec": {}, "metrics": {}, "images": {}, "start": "0"}
    assert said in reason_to_measure({**RUN, **change}, [far, RUN])


def test_what_was_never_measured_is_said_to_be():
    assert reason_to_measure(RUN, []) == "not measured before"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"status": "killed"}, "killed"),
        ({"status": "failed", "error": "disk full"}, "failed: disk full"),
        ({"status": "running", "holder": "process 7"}, "process 7"),
        ({"status": "done", "failures": [{}, {}]}, "left out 2 images"),
    ],
)
def test_what_became_of_the_same_run_is_said(state, said):
    assert said in reason_to_measure(RUN, [{**RUN, **state}])
