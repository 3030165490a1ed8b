"""`Reference` and `measure`: the same scores however the work is ordered, shared out and put together."""

import itertools
import math

import numpy as np
import pytest
import torch
from photographs import jpeg, photograph, scores, values

from jpegai_bench.errors import BenchError
from jpegai_bench.images.read import Image8
from jpegai_bench.metrics import vif
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.metrics.measure import Reference, Scores, measure
from jpegai_bench.system.processes import spread

CODED = (10, 30, 75)


def crop(height: int, width: int) -> Image8:
    return np.ascontiguousarray(photograph("astronaut")[100 : 100 + height, 200 : 200 + width])


def consistent(found: Scores) -> bool:
    missing = {name for name, value in found.values.items() if math.isnan(value)}
    return tuple(found.values) == NAMES and missing == set(found.reasons) and all(found.reasons.values())


@pytest.mark.parametrize("name", ["odd crop", "small crop"])
def test_a_reference_gives_exactly_what_measure_gives_in_any_order(name: str) -> None:
    """Each of the three follows each, itself too."""
    reference, order = Reference(photograph(name)), (10, 10, 30, 30, 75, 75, 10, 75, 30, 10)
    assert len(set(itertools.pairwise(order))) == len(CODED) ** 2
    for quality in order:
        assert reference.compare(jpeg(name, quality)) == scores(name, quality)


def test_references_side_by_side_do_not_mix() -> None:
    names = ("odd crop", "small crop", "even crop")
    references = {name: Reference(photograph(name)) for name in names}
    for quality, name in itertools.product(CODED, names):
        assert references[name].compare(jpeg(name, quality)) == scores(name, quality)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_alone_has_the_value_that_it_has_among_the_others(name: str) -> None:
    found = measure(photograph("odd crop"), jpeg("odd crop", 30), only=[name])
    assert found.values == {name: scores("odd crop", 30).values[name]}
    assert not found.reasons


def test_chosen_metrics_come_in_the_catalogues_order() -> None:
    found = measure(photograph("odd crop"), jpeg("odd crop", 30), only=["psnr_y", "nlpd", "psnr_y"])
    assert list(found.values) == ["nlpd", "psnr_y"]


@pytest.mark.parametrize("only", [[], ["ssim"], ["psnr_y", "PSNR_Y"]])
def test_no_metric_or_an_unknown_one_is_refused(only: list[str]) -> None:
    with pytest.raises(BenchError, match="no metric"):
        measure(crop(40, 40), crop(40, 40), only=only)


@pytest.mark.parametrize("name", ["odd crop", "even crop"])
def test_threads_change_no_score(name: str) -> None:
    for threads in (2, 3):
        found = measure(photograph(name), jpeg(name, 30), threads=threads)
        assert found.values == pytest.approx(scores(name, 30).values, abs=1e-9)


def test_torchs_threads_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    measure(crop(40, 40), crop(40, 40), threads=before + 1)
    assert torch.get_num_threads() == before


def test_processes_change_no_score() -> None:
    tasks = list(itertools.product(("odd crop", "small crop"), CODED[1:]))
    one = dict(spread(values, tasks, workers=1))
    two = dict(spread(values, tasks, workers=2, preload=("jpegai_bench.metrics.measure",)))
    assert set(one) == set(two) == set(tasks)
    for task in tasks:
        assert one[task] == pytest.approx(scores(*task).values, abs=1e-9)
        assert two[task] == pytest.approx(scores(*task).values, abs=1e-9)


def test_images_are_left_as_they_were() -> None:
    image, coded = photograph("odd crop").copy(), jpeg("odd crop", 30).copy()
    image.flags.writeable = coded.flags.writeable = False
    assert measure(image, coded) == scores("odd crop", 30)


def test_two_flat_halves_are_never_a_silent_number() -> None:
    step = np.full((180, 170, 3), 60, np.uint8)
    step[:, 85:] = 200
    noise = np.random.default_rng(0).integers(-20, 21, step.shape)
    found = measure(step, (step + noise).astype(np.uint8))
    assert consistent(found)
    assert math.isnan(found.values["iw_ssim"]) or found.values["iw_ssim"] < 1


@pytest.mark.parametrize("half", ["prepare", "compare"])
def test_one_metric_failing_stops_no_other(monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    def fail(*arguments: object) -> dict[str, float]:
        raise MemoryError("no 8 GB left")

    monkeypatch.setattr(vif, half, fail)
    found = measure(photograph("odd crop"), jpeg("odd crop", 30))
    assert found.reasons == {"vif": "MemoryError: no 8 GB left"}
    assert consistent(found)
    others = {name: value for name, value in scores("odd crop", 30).values.items() if name != "vif"}
    assert {name: found.values[name] for name in others} == others
