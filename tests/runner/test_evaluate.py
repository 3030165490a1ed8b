import shutil
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from command import TINY, photographs, picture, settings
from messages import refused

from jpegai_bench.codecs.learned import LearnedCodec
from jpegai_bench.codecs.pillow import Pillow
from jpegai_bench.codecs.protocol import Encoded
from jpegai_bench.codecs.rates import of_qualities, of_targets
from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.images import datasets
from jpegai_bench.images.read import read_rgb
from jpegai_bench.metrics.catalogue import NAMES
from jpegai_bench.runner.evaluate import evaluate
from jpegai_bench.runner.work_plan import plan
from jpegai_bench.store.keys import search_key, unit_key
from jpegai_bench.store.pictures import original_path, picture_path
from jpegai_bench.store.store import Store

METRICS = {"version": "of this test"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def measure(folder, store, codec=None, qualities=(20.0, 60.0), metrics=METRICS):
    return at_rates(folder, store, codec or Pillow("jpeg"), of_qualities(qualities), metrics)


def at_rates(folder, store, codec, rates, metrics=METRICS, asked=NAMES):
    seen = []
    images = datasets.load("folder", folder).images
    return evaluate(plan(codec, images, rates, metrics, store, asked=asked), 1, seen.append), seen


def test_each_image_at_each_rate_is_measured_once(tmp_path, store):
    folder = photographs(tmp_path / "photos")
    first, seen = measure(folder, store)
    assert (first.computed, seen[0], seen[-1]) == (4, 0, 4)
    again, _ = measure(folder, store)
    assert again.computed == 0
    assert again.points.equals(first.points)
    more, _ = measure(folder, store, qualities=(20.0, 60.0, 90.0))
    assert more.computed == 2
    other, _ = measure(folder, store, metrics={"version": "another"}, qualities=(20.0,))
    assert other.computed == 2


@dataclass(frozen=True)
class Slow(Pillow):
    """As a codec is on a large picture."""

    def encode(self, image, quality):
        time.sleep(0.3)
        return super().encode(image, quality)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_moves_within_one_image(tmp_path, store, monkeypatch, workers):
    monkeypatch.setattr("jpegai_bench.runner.evaluate._PATIENCE", 0.05)
    folder, seen = photographs(tmp_path / "photos"), []
    images, rates = datasets.load("folder", folder).images[:workers], of_qualities((20, 40, 60, 80))
    evaluate(plan(Slow("jpeg"), images, rates, METRICS, store), workers, seen.append)
    assert (seen[0], seen[-1]) == (0, 4 * workers)
    assert seen == sorted(seen)
    assert len(set(seen)) > workers + 1


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
    assert seen[-1] == 2
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
    assert failure.message.startswith(said)
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


def kept(store):
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.glob("pictures/*/*"))


def test_pictures_are_kept_of_the_first_images_and_made_again_without_measuring(tmp_path, store):
    folder, codec, rates = photographs(tmp_path / "photos"), Pillow("jpeg"), of_qualities((20.0, 60.0))
    images = datasets.load("folder", folder).images
    plain = evaluate(plan(codec, images, rates, METRICS, store), 1, str)
    assert kept(store) == []
    shown = evaluate(plan(codec, images, rates, METRICS, store, pictures=1), 1, str)
    assert shown.computed == 0
    assert shown.points.equals(plain.points)
    before = kept(store)
    assert len(before) == 3
    hashes = [image.sha256 for image in images]
    assert read_rgb(original_path(store, hashes[0])).tolist() == images[0].read().tolist()
    path = picture_path(store, codec.fingerprint(), hashes[0], 60.0)
    decoded = codec.decode(codec.encode(images[0].read(), 60.0).data)
    assert read_rgb(path).tolist() == decoded.tolist()
    path.unlink()
    again = evaluate(plan(codec, images, rates, {"version": "another"}, store, pictures=1), 1, str)
    assert (again.computed, kept(store)) == (4, before)
    path.unlink()
    evaluate(plan(codec, images, rates, METRICS, store), 1, str)
    assert not path.exists()


def test_a_key_follows_everything_that_decides_a_unit():
    given = ({"weights": "1"}, {"piq": "1"}, "image", 1.0)
    others = [({"weights": "2"}, {"piq": "1"}, "image", 1.0), ({"weights": "1"}, {"piq": "2"}, "image", 1.0)]
    others += [(*given[:2], "other", 1.0), (*given[:3], 1.5)]
    assert len({unit_key(*one) for one in (given, *others)}) == 5
    assert unit_key(*given) == unit_key(*given[:3], 1)


def learned(weights, name="base", kind=LearnedCodec):
    chosen = settings(f"+variant={name}", *TINY)
    variant = variant_of(chosen)
    return kind(name, partial(variant.network, chosen.model), structure_of(chosen, variant), weights)


class Searched(LearnedCodec):
    """May not search again."""

    def qualities_for(self, image, targets):
        raise AssertionError(f"searched for {targets}")


TARGETS = (0.3, 0.4, 2.0)


def at_targets(folder, codec, targets=TARGETS):
    return at_rates(
        folder / "photos", Store(folder / "results"), codec, of_targets(targets), asked=("psnr_y",)
    )


@pytest.fixture(scope="module")
def first_search(tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp("searched")
    photographs(folder / "photos")
    return folder, at_targets(folder, learned(tiny_weights))


@pytest.fixture
def searched(first_search, tmp_path):
    """A folder to change, in which base was searched for and measured at the targets, and what came of it."""
    folder, (first, _) = first_search
    return shutil.copytree(folder, tmp_path, dirs_exist_ok=True), first


def test_a_target_is_searched_for_once_and_measured_at_what_was_found(first_search, searched, tiny_weights):
    _, (first, seen) = first_search
    assert (first.computed, seen[-1]) == (6, 6)
    assert first.points.target_bpp.tolist() == [*TARGETS, *TARGETS]
    folder, _ = searched
    again, _ = at_targets(folder, learned(tiny_weights, kind=Searched))
    assert again.computed == 0
    assert again.points.equals(first.points)

    found = of_qualities(first.points.quality[:3])
    by_quality, _ = at_rates(
        folder / "photos",
        Store(folder / "results"),
        learned(tiny_weights, kind=Searched),
        found,
        asked=("psnr_y",),
    )
    assert by_quality.computed == 2  # of b, at what was found for a, but for the end of the scale
    assert by_quality.points.target_bpp.isna().all()
    assert set(first.points.bpp[:3]) <= set(by_quality.points.bpp)


def test_another_set_of_targets_computes_only_what_is_new(searched, tiny_weights):
    folder, _ = searched
    fewer, _ = at_targets(folder, learned(tiny_weights, kind=Searched), TARGETS[1:])
    assert fewer.computed == 0
    more, _ = at_targets(folder, learned(tiny_weights), (*TARGETS, 0.35, 3.0))
    assert more.computed == 2  # 3 bpp is at the end that 2 bpp is at
    assert len(more.points) == 10


def test_targets_out_of_reach_are_marked_and_take_the_nearest_end(tmp_path, store, tiny_weights):
    folder = photographs(tmp_path / "photos")
    found, _ = at_rates(folder, store, learned(tiny_weights), of_targets((0.001, 0.4, 100.0, 200.0)))
    a = found.points[found.points.image == "a"]
    assert a.quality.tolist()[::3] == [0.0, 5.0]
    assert a.quality.iloc[2] == a.quality.iloc[3]
    assert a.bpp.iloc[1] == pytest.approx(0.4, rel=0.02)
    told = [(entry["image"], entry["target_bpp"], entry["quality"]) for entry in found.out_of_reach]
    assert told == [(image, *end) for image in "ab" for end in ((0.001, 0.0), (100.0, 5.0), (200.0, 5.0))]
    assert len({(entry["quality"], entry["metric"]) for entry in found.not_applicable}) * 2 == len(
        found.not_applicable
    )


def test_variants_of_one_encoder_are_coded_alike_and_measured_apart(searched, tiny_weights):
    folder, base = searched
    combined, _ = at_targets(folder, learned(tiny_weights, "combined"))
    assert combined.computed == base.computed
    assert combined.points[["quality", "bpp"]].equals(base.points[["quality", "bpp"]])
    assert (combined.points.psnr_y != base.points.psnr_y).all()


def test_an_evaluation_that_was_killed_after_the_search_goes_on(searched, tiny_weights):
    folder, first = searched
    units = [path for path in (folder / "results/units").rglob("*.json") if "bpp" in path.read_text()]
    for path in units[:4]:
        path.unlink()
    again, _ = at_targets(folder, learned(tiny_weights, kind=Searched))
    assert again.computed == 4
    same = [column for column in first.points if column not in ("encode_s", "decode_s")]
    assert again.points[same].equals(first.points[same])


def test_a_codec_without_a_search_is_refused_targets(tmp_path, store):
    with refused("jpeg ", "target rate"):
        at_rates(photographs(tmp_path / "photos"), store, Pillow("jpeg"), of_targets(TARGETS))


def test_a_search_is_named_by_everything_that_decides_it():
    given = ({"weights": "1"}, "image", 0.25)
    others = [({"weights": "2"}, "image", 0.25), (given[0], "other", 0.25), (*given[:2], 0.26)]
    keys = {search_key(*one) for one in (given, *others)}
    assert len(keys) == 4
    assert unit_key({"weights": "1"}, {}, "image", 0.25) not in keys
