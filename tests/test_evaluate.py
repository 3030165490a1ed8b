from dataclasses import dataclass

import numpy as np
import pytest
from command import photographs, picture

from jpegai_bench.codecs.pillow import JPEG
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.errors import BenchError
from jpegai_bench.evaluate import evaluate, unit_key
from jpegai_bench.images import datasets
from jpegai_bench.store import Store

METRICS = {"version": "of this test"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def measure(folder, store, codec=None, qualities=(20.0, 60.0), metrics=METRICS):
    seen = []
    images = datasets.load("folder", folder).images
    return evaluate(codec or JPEG(), images, qualities, metrics, store, 1, seen.append), seen


def test_each_image_at_each_rate_is_measured_once(tmp_path, store):
    folder = photographs(tmp_path / "photos")
    first, seen = measure(folder, store)
    assert (first.computed, sorted(seen)) == (4, ["a", "b"])
    again, _ = measure(folder, store)
    assert again.computed == 0
    assert again.points.equals(first.points)
    more, _ = measure(folder, store, qualities=(20.0, 60.0, 90.0))
    assert more.computed == 2
    other, _ = measure(folder, store, metrics={"version": "another"}, qualities=(20.0,))
    assert other.computed == 2


def test_only_an_image_whose_pixels_changed_is_measured_again(tmp_path, store):
    folder = photographs(tmp_path / "photos")
    measure(folder, store)
    picture(80, 72, seed=9).save(folder / "a.png")
    (folder / "b.png").rename(folder / "c.png")
    changed, _ = measure(folder, store)
    assert changed.computed == 2
    assert sorted(set(changed.points["image"])) == ["a", "c"]


def test_an_unreadable_image_is_named_and_the_rest_goes_on(tmp_path, store):
    folder = photographs(tmp_path / "photos")
    (folder / "a.png").write_bytes((folder / "a.png").read_bytes()[:500])
    evaluation, seen = measure(folder, store)
    assert sorted(seen) == ["b"]
    assert set(evaluation.points["image"]) == {"b"}
    [failure] = evaluation.failures
    assert failure.image == "a"
    assert str(folder / "a.png") in failure.message


@dataclass(frozen=True)
class Breaks:
    """Codes a wide picture, and fails on a narrow one."""

    error: Exception
    name: str = "breaks"

    def encode(self, image, quality):
        if image.shape[1] < 80:
            raise self.error
        return Encoded(image.tobytes())

    def decode(self, data):
        return np.frombuffer(data, np.uint8).reshape(72, 80, 3)

    def fingerprint(self):
        return {"name": self.name}


@pytest.mark.parametrize(
    ("error", "said", "traceback"),
    [
        (BenchError("the encoder is gone"), "b: the encoder is gone", False),
        (ZeroDivisionError("by zero"), "b: ZeroDivisionError: by zero", True),
    ],
)
def test_a_codec_that_fails_on_one_image_is_told_of_it(tmp_path, store, error, said, traceback):
    evaluation, _ = measure(photographs(tmp_path / "photos"), store, Breaks(error), (1.0,))
    [failure] = evaluation.failures
    assert failure.message == said
    assert ("Traceback" in failure.details) == traceback
    [point] = evaluation.points.to_dict("records")
    assert (point["image"], point["psnr_rgb"], point["bpp"]) == ("a", 100.0, 24.0)


def test_what_is_not_applicable_is_recorded_with_its_reason(tmp_path, store):
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(20, 18).save(folder / "small.png")
    evaluation, _ = measure(folder, store, qualities=(50.0,))
    absent = {entry["metric"]: entry["reason"] for entry in evaluation.not_applicable}
    assert {"vmaf", "fsim"} <= absent.keys()
    assert evaluation.points[list(absent)].isna().all(axis=None)
    assert evaluation.points["psnr_y"].notna().all()


def test_a_key_follows_everything_that_decides_a_unit():
    given = ({"weights": "1"}, {"piq": "1"}, "image", 1.0)
    others = [({"weights": "2"}, {"piq": "1"}, "image", 1.0), ({"weights": "1"}, {"piq": "2"}, "image", 1.0)]
    others += [(*given[:2], "other", 1.0), (*given[:3], 1.5)]
    assert len({unit_key(*one) for one in (given, *others)}) == 5
    assert unit_key(*given) == unit_key(*given[:3], 1)
